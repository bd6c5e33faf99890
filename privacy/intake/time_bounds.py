"""Bounds on the times of incoming data: the policy's intake, relative to the time of arrival."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from privacy.errors import InvalidInputError
from privacy.model.timestamp import format_timestamp
from privacy.policy.policy import IntakePolicy


@dataclass(frozen=True, slots=True)
class TimeBounds:
    """The first and the last time that is accepted, and the time of arrival, in ms since 1970 UTC."""

    earliest_ms: int
    latest_ms: int
    now_ms: int

    @classmethod
    def at(cls, now_ms: int, intake: IntakePolicy) -> TimeBounds:
        """Return the bounds for data that arrives now."""
        return cls(intake.earliest_occurred_at_ms, now_ms + 1000 * intake.future_tolerance_seconds, now_ms)

    def check(self, field: str, moment_ms: int) -> None:
        """Check one time.

        Raises:
            InvalidInputError: the time is out of bounds.
        """
        if not self.earliest_ms <= moment_ms <= self.latest_ms:
            raise self.error(field, moment_ms)

    def excludes(self, moments_ms: np.ndarray) -> np.ndarray:
        """Return which of many times are out of bounds."""
        return (moments_ms < self.earliest_ms) | (moments_ms > self.latest_ms)

    def clamp(self, moments_ms: np.ndarray) -> np.ndarray:
        """Return many times, those ahead of ours as now; times out of bounds stay as they are."""
        ahead = (moments_ms > self.now_ms) & (moments_ms <= self.latest_ms)
        return np.where(ahead, self.now_ms, moments_ms)

    def error(self, field: str, moment_ms: int) -> InvalidInputError:
        """Return the error of a time out of bounds, without the time, which may have no UTC date."""
        message = "is too early" if moment_ms < self.earliest_ms else "is in the future"
        expected = f"a time from {format_timestamp(self.earliest_ms)} to {format_timestamp(self.latest_ms)}"
        return InvalidInputError(field, message, expected)
