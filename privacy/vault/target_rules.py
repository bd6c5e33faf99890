"""What a policy says of events about the targets that are bound to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from privacy.errors import InvalidInputError
from privacy.vault.cells import HOURS_A_DAY, MS_AN_HOUR, OUTSIDE, CellCoder
from privacy.vault.event import EVENT_TYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from privacy.policy import Policy
    from privacy.vault.event import EventType
    from privacy.vault.event_columns import EventColumns

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
        """Codes of the joint cells of some rows; `OUTSIDE` where a public account's profile has none."""
        said = np.array([self.coder.said(profile) for profile in events.profiles])[events.profile_of[rows]]
        hours = self.coder.of_hours[events.at_ms[rows] // MS_AN_HOUR % HOURS_A_DAY]
        public = np.where(said == OUTSIDE, OUTSIDE, said + hours)
        return np.where(events.private[rows], self.private_code, public)

    def uncounted(self, event_type: EventType) -> InvalidInputError:
        """The fault of an event of a kind that is not counted."""
        counted = ", ".join(self.counted)
        return InvalidInputError(
            "type", f"is {event_type}", f"about a kind that the target's policy counts: {counted}"
        )
