"""Admission control: decides which events may be stored, and passes those on to the vault."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress, repeat

import numpy as np

from privacy.catalogue.catalogue import Catalogue, Target
from privacy.errors import InvalidInputError
from privacy.intake.cells import INVALID_CELL
from privacy.intake.event import CREATOR_EVENTS, EVENT_TYPES
from privacy.intake.event_columns import TYPES, EventColumns, interleave
from privacy.intake.profile_values import AGE_BAND, DroppedBands
from privacy.intake.taken import Taken, Takings
from privacy.intake.target_columns import NEVER_COUNTED, UNREGISTERED, TargetColumns, TargetRules
from privacy.intake.time_bounds import TimeBounds
from privacy.model.change import GAINED
from privacy.model.engagement import KINDS_PER_TARGET, Kind, TargetType, Verdict
from privacy.policy.registry import PolicyRegistry
from privacy.vault.entries import TOO_YOUNG, AdmittedEvents
from privacy.vault.registers import RegisterStore

_KINDS = np.array([effect.kind for effect in EVENT_TYPES.values()])
_CHANGES = np.array([effect.change for effect in EVENT_TYPES.values()])
_IS_CREATOR_EVENT = np.array([event_type in CREATOR_EVENTS for event_type in TYPES])

NOW = "the time of arrival"
"""How a time ahead of ours is taken."""
Outcome = Verdict | InvalidInputError
"""The outcome of an event; an error means the verdict `invalid`, and says why."""
_Rule = tuple[np.ndarray, Callable[[int], Outcome]]
"""The rows that break a rule, and the outcome of such a row."""


@dataclass(frozen=True)
class AdmissionControl:
    """Checks events against the policies and the catalogue, and stores those that pass.

    The first rule that applies decides:

    1. an age band of `children.dropped_age_bands`: `dropped_child`. Nothing is stored, no pseudonym is
    derived; 2. a time outside the intake's bounds: invalid; 3. a target that is not registered:
    `unknown_target`; 4. a kind that the target's policy does not count: invalid; 5. a target past its last
    epoch: `late`, and of what is imported, one that has had its first release; 6. an age band that could be a
    child's: invalid. Any other profile value that the policy does not list is taken as the listed one that it
    can only mean, as `other` or as `undisclosed`.

    The profile of a private account is not read. A time ahead of ours, within the intake's bounds, is taken
    as now: otherwise the end of the engagement would be `late` until then.

    Args:
        registry: the current policy has the rules on children and times; each target's own policy has its
            domain and schedule.
        catalogue: finds targets.
        registers: stores the events that pass.
        imported: the events are history: caps go by the day on which each happened, and networks of then are
            left out.
    """

    registry: PolicyRegistry
    catalogue: Catalogue
    registers: RegisterStore
    imported: bool = False

    def admit(self, events: EventColumns, now_ms: int, takings: Takings | None = None) -> list[Outcome]:
        """Check a batch and store what passes; it is on disk when this returns.

        Args:
            events: the batch, in the order in which events take effect.
            now_ms: time of arrival, in ms since 1970 UTC.
            takings: counts what was taken otherwise than it was sent, of the events that pass.

        Returns:
            The outcome of each item of the batch, in its order.

        Raises:
            StoreBusyError: the store did not confirm. Send the batch again: events that took effect are
                duplicates then.
            StoreError: a target is bound to a policy that was registered after this process started; nothing
                was stored.
        """
        bounds = TimeBounds.at(now_ms, self.registry.current.intake)
        sent, events = events, replace(events, at_ms=bounds.clamp(events.at_ms))
        found = self._lookup_targets(events)
        targets = TargetColumns.join(events, found, self._rules_by_version)
        rules = self._admission_rules(events, targets, bounds, self._find_closed(found, targets, now_ms))
        passes = np.ones(len(events), np.bool_)
        decisive = np.argmax([*(broken for broken, _ in rules), passes], axis=0)
        refused = {
            row: rules[decisive[row]][1](row) for row in np.flatnonzero(decisive < len(rules)).tolist()
        }
        admitted = self._to_admitted(events, targets, decisive == len(rules))
        if takings is not None:
            self._count_takings(sent, events, targets, decisive == len(rules), takings)
        networks = {} if self.imported else self._network_hashes(events)
        recorded = self.registers.record_columns(admitted, now_ms, networks, imported=self.imported)
        return interleave(interleave(recorded, refused), events.errors)

    def _lookup_targets(self, events: EventColumns) -> list[Target]:
        """Return the target of each event."""
        ids, is_creator = events.target_ids, _IS_CREATOR_EVENT[events.types]
        videos = self.catalogue.lookup(TargetType.VIDEO, compress(ids, (~is_creator).tolist()))
        creators = self.catalogue.lookup(TargetType.CREATOR, compress(ids, is_creator.tolist()))
        targets = list(map(videos.get, ids, repeat(UNREGISTERED)))
        for row in np.flatnonzero(is_creator).tolist():
            targets[row] = creators.get(ids[row], UNREGISTERED)
        return targets

    def _find_closed(self, found: Sequence[Target], targets: TargetColumns, now_ms: int) -> np.ndarray:
        """Return for which events the target takes no more of them."""
        if self.imported:
            return np.array([target.first_release_at_ms for target in found], np.int64) <= now_ms
        age_ms = now_ms - targets.starts_at_ms // 1000 * 1000  # epochs end at whole seconds
        return age_ms >= targets.sealed_after_ms

    def _admission_rules(
        self, events: EventColumns, targets: TargetColumns, bounds: TimeBounds, closed: np.ndarray
    ) -> Sequence[_Rule]:
        """Return the rules in their order."""
        at_ms, dropped = events.at_ms, self._dropped_bands
        children = [dropped[profile.age_band] for profile in events.profiles]
        unregistered = [version == UNREGISTERED.policy_version for version in targets.versions]

        def rules_of(row: int) -> TargetRules:
            policy = self.registry.policy_of(targets.versions[targets.version_index[row]])
            return self._rules_by_version[policy.version]

        return (
            (_select(children, events.profile_index), lambda _: Verdict.DROPPED_CHILD),
            (bounds.excludes(at_ms), lambda row: bounds.error("occurred_at", int(at_ms[row]))),
            (_select(unregistered, targets.version_index), lambda _: Verdict.UNKNOWN_TARGET),
            (
                targets.sealed_after_ms == NEVER_COUNTED,
                lambda row: rules_of(row).kind_error(TYPES[events.types[row]]),
            ),
            (closed, lambda _: Verdict.LATE),
            (targets.codes == INVALID_CELL, lambda row: rules_of(row).coder.error(events.profile(row))),
        )

    def _to_admitted(
        self, events: EventColumns, targets: TargetColumns, passes: np.ndarray
    ) -> AdmittedEvents:
        """Return the events of the rows that pass."""
        least_age_ms = 1000 * self.registry.current.integrity.least_account_age_seconds
        changes, at_ms = _CHANGES[events.types], events.at_ms
        for row, created_ms in events.created_ms.items():
            if changes[row] == GAINED and at_ms[row] - created_ms < least_age_ms:
                changes[row] = TOO_YOUNG
        kinds = _KINDS[events.types]
        series, slices = targets.numbers * KINDS_PER_TARGET + kinds, targets.slices * (kinds == Kind.LIKE)
        return AdmittedEvents(
            [*compress(events.account_ids, passes.tolist())],
            *(column[passes] for column in (series, at_ms, changes, targets.codes, slices)),
        )

    def _network_hashes(self, events: EventColumns) -> dict[str, str]:
        """Return the network of each account that names one; those of children are left out."""
        return {
            events.account_ids[row]: network
            for row, network in events.networks.items()
            if not self._dropped_bands[events.profile(row).age_band]
        }

    def _count_takings(
        self,
        sent: EventColumns,
        events: EventColumns,
        targets: TargetColumns,
        passes: np.ndarray,
        takings: Takings,
    ) -> None:
        """Count what was taken otherwise than it was sent; nearly always there is nothing."""
        clamped = int(np.count_nonzero(passes & (sent.at_ms != events.at_ms)))
        if clamped:
            takings[Taken("occurred_at", NOW)] += clamped
        rows = np.flatnonzero(targets.respelled & passes)
        pairs = zip(targets.version_index[rows].tolist(), events.profile_index[rows].tolist(), strict=True)
        for (version, profile), count in Counter(pairs).items():
            coder = self._rules_by_version[targets.versions[version]].coder
            for taken in coder.takings(events.profiles[profile]):
                takings[taken] += count
        takings.update(taken for row, taken_so in events.taken.items() if passes[row] for taken in taken_so)

    @cached_property
    def _dropped_bands(self) -> DroppedBands:
        policy = self.registry.current
        listed = {d.name: d.values for d in policy.domain.dimensions}.get(AGE_BAND, ())
        return DroppedBands(policy.dropped_age_bands, listed)

    @cached_property
    def _rules_by_version(self) -> Mapping[str, TargetRules]:
        return {
            version: TargetRules.from_policy(policy) for version, policy in self.registry.versions.items()
        }


def _select(values: Sequence[bool], index: np.ndarray) -> np.ndarray:
    """Return a column from its distinct values."""
    return np.array(values, np.bool_).take(index)
