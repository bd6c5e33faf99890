"""Keeps child processes running: plans restarts, describes how a process ended, and ends one."""

import signal
import subprocess
from collections.abc import Callable
from typing import Final

from api.http.back_off import back_off_seconds

_STEADY_SECONDS: Final = 30.0
"""After a run of this length, the failures before it are forgotten."""
_FIRST_REST_SECONDS: Final = 0.5
_MAX_REST_SECONDS: Final = 30.0


class Restarts:
    """Plans when a process that ended is started again: at once, then after ever longer rests.

    Args:
        monotonic_seconds: clock.
    """

    def __init__(self, monotonic_seconds: Callable[[], float]) -> None:
        self._clock = monotonic_seconds
        self._failures = 0
        self._began = self._due = monotonic_seconds()

    @property
    def is_due(self) -> bool:
        """Returns whether the planned start is due."""
        return self._clock() >= self._due

    def begin(self) -> None:
        """Notes that a run begins."""
        self._began = self._clock()

    def forget(self) -> None:
        """Forgets the failures before: the next start is at once."""
        self._failures = 0

    def plan(self, report: str) -> str:
        """Plans the next start after a run; returns the report of it."""
        if self._clock() - self._began >= _STEADY_SECONDS:
            self.forget()
        rest_seconds = 0.0
        if self._failures:
            rest_seconds = back_off_seconds(self._failures, _FIRST_REST_SECONDS, _MAX_REST_SECONDS)
        self._failures += 1
        self._due = self._clock() + rest_seconds
        return f"{report}; restarting {f'in {rest_seconds:g} s' if rest_seconds else 'now'}"


def describe_status(status: int) -> str:
    """Returns how a process ended: by which signal, or with which exit code."""
    return signal.Signals(-status).name if status < 0 else f"exit code {status}"


def wait_or_kill(process: subprocess.Popen[bytes], patience_seconds: float) -> None:
    """Waits until a process has ended; kills it if that takes too long."""
    try:
        process.wait(patience_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
