"""The intake door: what an event must pass before anything of it is written, and what is written then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress, repeat
from typing import Protocol

import numpy as np

from privacy.errors import InvalidInputError, StoreError
from privacy.intake.cells import INVALID_CELL
from privacy.intake.event import CREATOR_EVENTS, EVENT_TYPES
from privacy.intake.event_columns import TYPES, EventColumns, interleave
from privacy.intake.target_columns import NEVER_COUNTED, UNREGISTERED, KnownTarget, TargetColumns, TargetRules
from privacy.intake.time_bounds import TimeBounds
from privacy.model.change import GAINED
from privacy.model.engagement import KINDS_PER_TARGET, TargetType, Verdict
from privacy.policy.registry import PolicyRegistry
from privacy.vault.entries import TOO_YOUNG, EntryColumns

_NEW_POLICY = "a target is bound to the policy {}, enrolled after this process started"
_KINDS = np.array([effect.kind for effect in EVENT_TYPES.values()])
_CHANGES = np.array([effect.change for effect in EVENT_TYPES.values()])
_OF_CREATORS = np.array([event_type in CREATOR_EVENTS for event_type in TYPES])

Outcome = Verdict | InvalidInputError
"""What became of an event; an error is the verdict `invalid` with its reason."""
_Rule = tuple[np.ndarray, Callable[[int], Outcome]]
"""In which rows a rule holds, and what becomes of the event of such a row where it decides."""


class TargetLookup(Protocol):
    """Finds registered targets: `privacy.catalogue.catalogue.Catalogue`."""

    def lookup(self, target_type: TargetType, target_ids: Iterable[str]) -> Mapping[str, KnownTarget]:
        """Find targets of one type; an id that is not registered is absent, others may be there."""


class Registers(Protocol):
    """Keeps what passed the door: `privacy.vault.registers.RegisterStore`."""

    def record_columns(
        self, entries: EntryColumns, now_ms: int, networks: Mapping[str, str]
    ) -> Sequence[Verdict]:
        """Apply entries in their order and answer the verdict of each, once it is on disk."""


@dataclass(frozen=True)
class AdmissionControl:
    """Judges events by the policies and by the catalogue, and hands on what may be stored.

    The first of these that holds decides:

    1. an age band of `children.dropped_age_bands`: `dropped_child`. Nothing is stored, no pseudonym is made;
    2. a time outside the bounds of the intake: invalid;
    3. a target that is not registered: `unknown_target`;
    4. a kind that the target's policy does not count: invalid;
    5. a target past its last epoch: `late`;
    6. a profile value outside its domain: invalid. A private account's profile is not looked at.

    Args:
        book: the current policy says which children and which times; each target's own, domain and schedule.
        targets: the catalogue.
        registers: the vault.
    """

    book: PolicyRegistry
    targets: TargetLookup
    registers: Registers

    def admit(self, events: EventColumns, now_ms: int) -> list[Outcome]:
        """Judge a batch and store what passes; on disk when this returns.

        Args:
            events: in the order in which they take effect; what is no event keeps its place.
            now_ms: when the batch arrived.

        Returns:
            What became of each, in order.

        Raises:
            StoreBusyError: the store did not confirm. Send the batch again: what took effect is a duplicate.
            StoreError: a target is bound to a policy enrolled after this process started; nothing was stored.
        """
        targets = TargetColumns.of(events, self._found(events), self._rules_by_version)
        rules = self._rules(events, targets, now_ms)
        passes = np.ones(len(events), np.bool_)
        decides = np.argmax([*(holds for holds, _ in rules), passes], axis=0)
        refused = {row: rules[decides[row]][1](row) for row in np.flatnonzero(decides < len(rules)).tolist()}
        entries = self._entries(events, targets, decides == len(rules))
        recorded = self.registers.record_columns(entries, now_ms, self._networks(events))
        return interleave(interleave(recorded, refused), events.faults)

    def _found(self, events: EventColumns) -> list[KnownTarget]:
        """The target of each event."""
        ids, of_creators = events.target_ids, _OF_CREATORS[events.types]
        videos = self.targets.lookup(TargetType.VIDEO, compress(ids, (~of_creators).tolist()))
        creators = self.targets.lookup(TargetType.CREATOR, compress(ids, of_creators.tolist()))
        found = list(map(videos.get, ids, repeat(UNREGISTERED)))
        for row in np.flatnonzero(of_creators).tolist():
            found[row] = creators.get(ids[row], UNREGISTERED)
        return found

    def _rules(self, events: EventColumns, targets: TargetColumns, now_ms: int) -> Sequence[_Rule]:
        """The rules in their order."""
        policy, at_ms = self.book.current, events.at_ms
        bounds = TimeBounds.at(now_ms, policy.intake)
        children = [profile.age_band in policy.dropped_age_bands for profile in events.profiles]
        unregistered = [version == UNREGISTERED.policy_version for version in targets.versions]
        sealed_after_ms = targets.sealed_after_ms

        def bound(row: int) -> TargetRules:
            version = targets.versions[targets.version_of[row]]
            if version not in self._rules_by_version:
                raise StoreError(_NEW_POLICY.format(version))
            return self._rules_by_version[version]

        return (
            (_chosen(children, events.profile_of), lambda _: Verdict.DROPPED_CHILD),
            (bounds.excludes(at_ms), lambda row: bounds.fault("occurred_at", int(at_ms[row]))),
            (_chosen(unregistered, targets.version_of), lambda _: Verdict.UNKNOWN_TARGET),
            (sealed_after_ms == NEVER_COUNTED, lambda row: bound(row).uncounted(TYPES[events.types[row]])),
            (now_ms - targets.starts_at_ms >= sealed_after_ms, lambda _: Verdict.LATE),
            (targets.codes == INVALID_CELL, lambda row: bound(row).coder.fault(events.profile(row))),
        )

    def _entries(self, events: EventColumns, targets: TargetColumns, passes: np.ndarray) -> EntryColumns:
        """The entries of the rows that pass."""
        least_age_ms, at_ms = 1000 * self.book.current.integrity.least_account_age_seconds, events.at_ms
        changes = _CHANGES[events.types]
        for row, created_ms in events.created_ms.items():
            if changes[row] == GAINED and at_ms[row] - created_ms < least_age_ms:
                changes[row] = TOO_YOUNG
        series = targets.numbers * KINDS_PER_TARGET + _KINDS[events.types]
        return EntryColumns(
            [*compress(events.account_ids, passes.tolist())],
            *(column[passes] for column in (series, at_ms, changes, targets.codes)),
        )

    def _networks(self, events: EventColumns) -> dict[str, str]:
        dropped = self.book.current.dropped_age_bands
        return {
            events.account_ids[row]: network
            for row, network in events.networks.items()
            if events.profile(row).age_band not in dropped
        }

    @cached_property
    def _rules_by_version(self) -> Mapping[str, TargetRules]:
        return {version: TargetRules.of(policy) for version, policy in self.book.versions.items()}


def _chosen(values: Sequence[bool], position_of: np.ndarray) -> np.ndarray:
    """A column from its distinct values."""
    return np.array(values, np.bool_).take(position_of)
