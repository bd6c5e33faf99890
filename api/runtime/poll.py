"""Loops of processes: one rests when there is no work and backs off from a busy store, one runs at ticks."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from api.http.back_off import back_off_seconds
from api.http.terminal import echo
from privacy.errors import StoreBusyError
from privacy.model.timestamp import Clock

MS_PER_TICK = 1_000
"""Epochs end, and releases become visible, at whole seconds."""


@dataclass(frozen=True)
class PollInterval:
    """How long a loop rests.

    Args:
        idle_seconds: after a step that found nothing to do.
        gather_seconds: after a step that found work, so that the next step finds more at once.
        first_back_off_seconds: after a first failure; doubled after each further one.
        max_back_off_seconds: upper bound of the back-off.
    """

    idle_seconds: float
    gather_seconds: float = 0.0
    first_back_off_seconds: float = 0.1
    max_back_off_seconds: float = 5.0

    def back_off_seconds(self, failures: int) -> float:
        """Returns how long to rest after `failures` failures in a row (at least 1)."""
        return back_off_seconds(failures, self.first_back_off_seconds, self.max_back_off_seconds)


def poll(
    step: Callable[[], int],
    wait: Callable[[float], bool],
    interval: PollInterval,
    on_busy: Callable[[StoreBusyError, float], None],
) -> None:
    """Repeats a step until the process is asked to stop.

    Args:
        step: does what is due and returns how much that was; it can be repeated after any failure.
        wait: rests for the given seconds, or less if asked to stop; returns whether to stop.
        interval: how long to rest.
        on_busy: called with the error and the back-off in seconds when the store is busy.

    Raises:
        StoreError: the store refuses, and would refuse again.
    """
    failures = 0
    stopped = False
    while not stopped:
        try:
            done = step()
        except StoreBusyError as error:
            failures += 1
            rest_seconds = interval.back_off_seconds(failures)
            on_busy(error, rest_seconds)
        else:
            failures = 0
            rest_seconds = interval.gather_seconds if done else interval.idle_seconds
        stopped = wait(rest_seconds)


def decide_by(clock: Clock, step: Callable[[], int]) -> Callable[[], int]:
    """Returns a step that begins only at a time that is believed, whatever of it looks at a clock.

    Args:
        clock: raises an error where it is not.
        step: as in `poll`.
    """

    def step_in_time() -> int:
        clock()
        return step()

    return step_in_time


def poll_ticks(
    step: Callable[[int], object],
    clock: Clock,
    wait: Callable[[float], bool],
    on_busy: Callable[[StoreBusyError, float], None],
) -> None:
    """Calls a step at every whole second until the process is asked to stop.

    Args:
        step: does what is due at a tick, in ms since 1970 UTC; after a failure the next tick does it.
        clock: now, in ms since 1970 UTC; without a time that is believed, nothing is done.
        wait: rests for the given seconds, or less if asked to stop; returns whether to stop.
        on_busy: called with the error and the time until the next tick when the store is busy.

    Raises:
        StoreError: the store refuses, and would refuse again.
    """
    stopped = False
    while not stopped:
        try:
            step(clock() // MS_PER_TICK * MS_PER_TICK)
        except StoreBusyError as error:
            on_busy(error, _seconds_to_next_tick(clock))
        stopped = wait(_seconds_to_next_tick(clock))


def _seconds_to_next_tick(clock: Clock) -> float:
    with suppress(StoreBusyError):
        return (MS_PER_TICK - clock() % MS_PER_TICK) / 1000
    return MS_PER_TICK / 1000


def report_busy(name: str) -> Callable[[StoreBusyError, float], None]:
    """Returns an `on_busy` that writes one line to stderr; that its disk is full does not end the process.

    Args:
        name: of the process.
    """

    def report(error: StoreBusyError, rest_seconds: float) -> None:
        echo(f"{name}: {error}; retrying in {rest_seconds:.1f} s")

    return report
