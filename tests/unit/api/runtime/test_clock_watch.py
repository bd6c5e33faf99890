"""The operator of `likewise up` is told when clocks contradict each other, and when they agree again."""

from collections.abc import Callable

from api.runtime.clock_watch import ClockWatch
from privacy.errors import ClockError, StoreBusyError

LEAP = ClockError("the store's clock has leapt")


def clock_of(*outcomes: Exception | None) -> Callable[[], int]:
    """A clock that is believed where the outcome is None."""
    script = iter(outcomes)

    def clock() -> int:
        if error := next(script):
            raise error
        return 0

    return clock


def test_each_change_is_said_once() -> None:
    """A leap that lasts is one line; a store that does not answer says nothing about clocks."""
    watch = ClockWatch(clock_of(None, LEAP, LEAP, StoreBusyError("busy"), LEAP, None, None, LEAP))
    said = [watch.poll() for _ in range(8)]
    leap, again = "the store's clock has leapt.", "The clocks agree again: the system works on."
    assert said == [None, leap, None, None, None, again, None, leap]


def test_nothing_starts_before_the_clock_is_believed() -> None:
    """Waiting says why, rests between two looks, and ends when an operator has accepted the time."""
    rests: list[float] = []
    said: list[str] = []

    def rest(seconds: float) -> bool:
        rests.append(seconds)
        return False

    assert ClockWatch(clock_of(LEAP, LEAP, None)).wait(rest, said.append)
    assert len(rests) == 2
    assert len(said) == 2


def test_waiting_ends_when_asked_to() -> None:
    """Ctrl-C ends a system that waits for an operator."""
    assert not ClockWatch(clock_of(LEAP)).wait(lambda _seconds: True, lambda _line: None)
