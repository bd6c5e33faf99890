"""A clock that stands still until it is told to move: time as the history that is told has it."""

from __future__ import annotations


class VirtualClock:
    """A `privacy.model.timestamp.Clock` that moves only forwards, and only when told.

    Args:
        start_ms: where it stands first, in ms since 1970 UTC.
    """

    def __init__(self, start_ms: int) -> None:
        self._now_ms = start_ms

    def __call__(self) -> int:
        """The time now, in ms since 1970 UTC."""
        return self._now_ms

    def advance_to(self, moment_ms: int) -> None:
        """Move on to a moment; one that has passed leaves the clock where it is."""
        self._now_ms = max(self._now_ms, moment_ms)
