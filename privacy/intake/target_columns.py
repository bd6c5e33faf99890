"""Joins the events of a batch with their targets and the policies that those are bound to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from privacy.catalogue.catalogue import Target
from privacy.errors import InvalidInputError
from privacy.intake.cells import CODE_MASK, HOURS_PER_DAY, INVALID_CELL, CellCoder
from privacy.intake.event import EVENT_TYPES, EventType
from privacy.intake.event_columns import EventColumns, factorize
from privacy.model.timestamp import MS_PER_HOUR
from privacy.policy.policy import Policy

NEVER_COUNTED = -1
"""In place of an age: the policy does not count the kind."""
UNREGISTERED = Target(0, 0, "")
"""In place of a target that is not registered; no policy has its version."""


@dataclass(frozen=True, slots=True)
class TargetRules:
    """The intake rules of one policy.

    Args:
        sealed_after_ms: for each of `EVENT_TYPES`, the age from which a target takes no more events, or
            `NEVER_COUNTED`.
        coder: computes joint cells.
        private_code: the joint cell of private accounts.
        counted: labels of the kinds that are counted.
    """

    sealed_after_ms: np.ndarray
    coder: CellCoder
    private_code: int
    counted: Sequence[str]

    @classmethod
    def from_policy(cls, policy: Policy) -> TargetRules:
        """Return the rules of a policy."""
        ages_ms = [
            1000 * policy.schedule_of(effect.kind).due_ages_seconds[-1]
            if effect.kind in policy.budgets
            else NEVER_COUNTED
            for effect in EVENT_TYPES.values()
        ]
        return cls(
            np.array(ages_ms),
            CellCoder(policy.domain, policy.dropped_age_bands),
            policy.domain.undisclosed_code,
            [kind.label for kind in policy.budgets],
        )

    def codes(self, events: EventColumns, rows: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the joint cells of some rows, and for which of them a value was taken as another one.

        A cell is `INVALID_CELL` where a public account's profile has none.
        """
        codes = np.array([self.coder.profile_code(profile) for profile in events.profiles])
        index, private = events.profile_index[rows], events.private[rows]
        profiles = np.where(codes == INVALID_CELL, INVALID_CELL, codes & CODE_MASK)[index]
        hours = self.coder.hour_codes[events.at_ms[rows] // MS_PER_HOUR % HOURS_PER_DAY]
        public = np.where(profiles == INVALID_CELL, INVALID_CELL, profiles + hours)
        return np.where(private, self.private_code, public), (codes > CODE_MASK)[index] & ~private

    def kind_error(self, event_type: EventType) -> InvalidInputError:
        """Return the error of an event whose kind is not counted."""
        counted = ", ".join(self.counted)
        return InvalidInputError(
            "type", f"is {event_type}", f"an event of a kind that the target's policy counts: {counted}"
        )


@dataclass(frozen=True)
class TargetColumns:
    """The targets of events, one row per event.

    Where the policy is unknown, no kind is counted and no cell has a code.

    Args:
        numbers: numbers of the targets.
        starts_at_ms: starts of their schedules.
        versions: the distinct policy versions.
        version_index: indices into `versions`.
        sealed_after_ms: the age from which the target takes no more events of this type, or `NEVER_COUNTED`.
        codes: joint cells; `INVALID_CELL` where a public account's profile has none.
        respelled: rows in whose profile a value was taken as another one: booleans.
        slices: lengths of the slices in which likes count in audiences; 0 for targets that count in none.
    """

    numbers: np.ndarray
    starts_at_ms: np.ndarray
    versions: Sequence[str]
    version_index: np.ndarray
    sealed_after_ms: np.ndarray
    codes: np.ndarray
    respelled: np.ndarray
    slices: np.ndarray

    @classmethod
    def join(
        cls, events: EventColumns, targets: Sequence[Target], rules: Mapping[str, TargetRules]
    ) -> TargetColumns:
        """Join events with their targets.

        Args:
            events: a batch.
            targets: the target of each event; `UNREGISTERED` where there is none.
            rules: rules by policy version.
        """
        versions, version_index = _factorize_versions([target.policy_version for target in targets])
        sealed_after_ms, codes = np.full(len(events), NEVER_COUNTED), np.full(len(events), INVALID_CELL)
        respelled = np.zeros(len(events), np.bool_)
        for index, version in enumerate(versions):
            if version in rules:
                rows = version_index == index if len(versions) > 1 else slice(None)
                sealed_after_ms[rows] = rules[version].sealed_after_ms[events.types[rows]]
                codes[rows], respelled[rows] = rules[version].codes(events, rows)
        return cls(
            np.array([target.number for target in targets], np.int64),
            np.array([target.starts_at_ms for target in targets], np.int64),
            versions,
            version_index,
            sealed_after_ms,
            codes,
            respelled,
            np.array([target.slice_seconds for target in targets], np.int64),
        )


def _factorize_versions(versions: list[str]) -> tuple[list[str], np.ndarray]:
    """Factorize policy versions; nearly always there is only one."""
    if len(set(versions)) == 1:
        return versions[:1], np.zeros(len(versions), np.intp)
    return factorize(versions)
