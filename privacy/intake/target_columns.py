"""What the targets of a batch, and the policies that they are bound to, say of its events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from privacy.errors import InvalidInputError
from privacy.intake.cells import HOURS_PER_DAY, INVALID_CELL, CellCoder
from privacy.intake.event import EVENT_TYPES, EventType
from privacy.intake.event_columns import EventColumns, factorize
from privacy.model.timestamp import MS_PER_HOUR
from privacy.policy.policy import Policy

NEVER_COUNTED = -1
"""In place of an age: a kind that the policy does not count."""


@dataclass(frozen=True, slots=True)
class TargetRules:
    """The rules of one policy.

    Args:
        sealed_after_ms: the age at which a target takes no more events, or `NEVER_COUNTED`: of each of
            `EVENT_TYPES`.
        coder: of joint cells.
        private_code: the joint cell of private accounts.
        counted: labels of the kinds that are counted.
    """

    sealed_after_ms: np.ndarray
    coder: CellCoder
    private_code: int
    counted: Sequence[str]

    @classmethod
    def of(cls, policy: Policy) -> TargetRules:
        """The rules of a policy."""
        ages_ms = [
            1000 * policy.schedule_of(effect.kind).due_ages_seconds[-1]
            if effect.kind in policy.budgets
            else NEVER_COUNTED
            for effect in EVENT_TYPES.values()
        ]
        return cls(
            np.array(ages_ms),
            CellCoder(policy.domain),
            policy.domain.undisclosed_code,
            [kind.label for kind in policy.budgets],
        )

    def codes(self, events: EventColumns, rows: slice | np.ndarray) -> np.ndarray:
        """Codes of the joint cells of some rows; `INVALID_CELL` where a public account's profile has none."""
        said = np.array([self.coder.said(profile) for profile in events.profiles])[events.profile_of[rows]]
        hours = self.coder.of_hours[events.at_ms[rows] // MS_PER_HOUR % HOURS_PER_DAY]
        public = np.where(said == INVALID_CELL, INVALID_CELL, said + hours)
        return np.where(events.private[rows], self.private_code, public)

    def uncounted(self, event_type: EventType) -> InvalidInputError:
        """The fault of an event of a kind that is not counted."""
        counted = ", ".join(self.counted)
        return InvalidInputError(
            "type", f"is {event_type}", f"about a kind that the target's policy counts: {counted}"
        )


class KnownTarget(Protocol):
    """What the door asks of a registered target."""

    @property
    def number(self) -> int:
        """The number it was given."""

    @property
    def starts_at_ms(self) -> int:
        """Start of its schedule."""

    @property
    def policy_version(self) -> str:
        """The policy that it is bound to."""


@dataclass(frozen=True)
class Unregistered:
    """Stands for a target that is not registered; no policy has its version."""

    number: int = 0
    starts_at_ms: int = 0
    policy_version: str = ""


UNREGISTERED = Unregistered()


@dataclass(frozen=True)
class TargetColumns:
    """The targets of events, a row for each event.

    Where no policy is known, all that hangs on it is closed: no kind is counted, and no cell has a code.

    Args:
        numbers: of the targets.
        starts_at_ms: of their schedules.
        versions: the distinct versions of policies.
        version_of: positions in `versions`.
        sealed_after_ms: the age at which the target takes no more of such events; `NEVER_COUNTED`.
        codes: of joint cells; `INVALID_CELL` where a public account's profile has none.
    """

    numbers: np.ndarray
    starts_at_ms: np.ndarray
    versions: Sequence[str]
    version_of: np.ndarray
    sealed_after_ms: np.ndarray
    codes: np.ndarray

    @classmethod
    def of(
        cls, events: EventColumns, targets: Sequence[KnownTarget], rules: Mapping[str, TargetRules]
    ) -> TargetColumns:
        """The columns of these events.

        Args:
            events: a batch.
            targets: the target of each event; `UNREGISTERED` where there is none.
            rules: by version of the policy.
        """
        versions, version_of = _versions([target.policy_version for target in targets])
        sealed_after_ms, codes = np.full(len(events), NEVER_COUNTED), np.full(len(events), INVALID_CELL)
        for position, version in enumerate(versions):
            if version in rules:
                rows = version_of == position if len(versions) > 1 else slice(None)
                sealed_after_ms[rows] = rules[version].sealed_after_ms[events.types[rows]]
                codes[rows] = rules[version].codes(events, rows)
        return cls(
            np.array([target.number for target in targets], np.int64),
            np.array([target.starts_at_ms for target in targets], np.int64),
            versions,
            version_of,
            sealed_after_ms,
            codes,
        )


def _versions(of_targets: list[str]) -> tuple[list[str], np.ndarray]:
    """The distinct versions, and the position of each target's: nearly always there is but one."""
    if len(set(of_targets)) == 1:
        return of_targets[:1], np.zeros(len(of_targets), np.intp)
    return factorize(of_targets)
