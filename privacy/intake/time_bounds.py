"""Between which moments a time from outside must lie: the policy's intake, at the moment of arrival."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from privacy.errors import InvalidInputError
from privacy.model.timestamp import format_timestamp
from privacy.policy.policy import IntakePolicy

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class TimeBounds:
    """First and last moment that is accepted, in ms since 1970 UTC."""

    earliest_ms: int
    latest_ms: int

    @classmethod
    def at(cls, now_ms: int, intake: IntakePolicy) -> TimeBounds:
        """The bounds for what arrives now."""
        return cls(intake.earliest_occurred_at_ms, now_ms + 1000 * intake.future_tolerance_seconds)

    def check(self, field: str, moment_ms: int) -> None:
        """Check one time.

        Raises:
            InvalidInputError: it is out of bounds; names the field and the bounds.
        """
        if not self.earliest_ms <= moment_ms <= self.latest_ms:
            raise self.fault(field, moment_ms)

    def excludes(self, moments_ms: np.ndarray) -> np.ndarray:
        """Which of many times are out of bounds."""
        return (moments_ms < self.earliest_ms) | (moments_ms > self.latest_ms)

    def fault(self, field: str, moment_ms: int) -> InvalidInputError:
        """What is wrong with a time out of bounds; it is not repeated, as UTC may have no date for it."""
        fault = "is too early" if moment_ms < self.earliest_ms else "is in the future"
        rule = f"from {format_timestamp(self.earliest_ms)} to {format_timestamp(self.latest_ms)}"
        return InvalidInputError(field, fault, rule)
