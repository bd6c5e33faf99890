"""A clock that moves only when it is advanced, for the replay of histories."""

from __future__ import annotations


class VirtualClock:
    """A `privacy.model.timestamp.Clock` that moves only forwards, and only when it is advanced.

    Args:
        start_ms: initial time, in ms since 1970 UTC.
    """

    def __init__(self, start_ms: int) -> None:
        self._now_ms = start_ms

    def __call__(self) -> int:
        """Returns the current time, in ms since 1970 UTC."""
        return self._now_ms

    def advance_to(self, moment_ms: int) -> None:
        """Advances to a moment; does nothing if it has passed."""
        self._now_ms = max(self._now_ms, moment_ms)
