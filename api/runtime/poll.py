"""The loop of a process that looks for work: it rests when there is none, and backs off from a busy store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from privacy.errors import StoreBusyError


@dataclass(frozen=True)
class PollInterval:
    """How long a loop rests.

    Args:
        idle_seconds: when there was nothing to do.
        gather_seconds: when there was something, so that the next step finds more to do at once.
        first_back_off_seconds: when the store was busy; doubled each further time.
        longest_back_off_seconds: at most.
    """

    idle_seconds: float
    gather_seconds: float = 0.0
    first_back_off_seconds: float = 0.1
    longest_back_off_seconds: float = 5.0

    def back_off_seconds(self, failures: int) -> float:
        """How long to rest after so many failures in a row, from 1."""
        doubled = self.first_back_off_seconds * 2.0 ** min(failures - 1, 30)
        return min(doubled, self.longest_back_off_seconds)


def poll(
    step: Callable[[], int],
    wait: Callable[[float], bool],
    pace: PollInterval,
    on_busy: Callable[[StoreBusyError, float], None],
) -> None:
    """Work until told to stop.

    Args:
        step: does what there is to do; how much it was. It must be right to call it again after any failure.
        wait: rests so many seconds, or less if told to stop; whether that is so.
        pace: how long to rest.
        on_busy: told that the store is busy, and how long the loop rests for it.

    Raises:
        StoreError: the store refuses, and will again.
    """
    failures = 0
    stopped = False
    while not stopped:
        try:
            done = step()
        except StoreBusyError as error:
            failures += 1
            rest_seconds = pace.back_off_seconds(failures)
            on_busy(error, rest_seconds)
        else:
            failures = 0
            rest_seconds = pace.gather_seconds if done else pace.idle_seconds
        stopped = wait(rest_seconds)
