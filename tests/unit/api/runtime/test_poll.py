"""The loop of a process that looks for work."""

import errno
import os
import sys
from io import StringIO

import pytest

from api.runtime.poll import MS_PER_TICK, PollInterval, decide_by, poll, poll_ticks, report_busy
from privacy.errors import ClockError, StoreBusyError, StoreError

PACE = PollInterval(idle_seconds=0.5, first_back_off_seconds=0.1, max_back_off_seconds=0.5)
BUSY = StoreBusyError("the store is busy")


def rests_after(
    outcomes: list[int | Exception], pace: PollInterval = PACE
) -> tuple[list[float], list[float]]:
    """Return how long the loop rested after each step with such an outcome, and its words on a busy store."""
    script = iter(outcomes)
    rests: list[float] = []
    said: list[float] = []

    def step() -> int:
        outcome = next(script)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def wait(seconds: float) -> bool:
        rests.append(seconds)
        return len(rests) == len(outcomes)

    poll(step, wait, pace, lambda _error, seconds: said.append(seconds))
    return rests, said


def test_it_goes_on_at_once_while_there_is_work_and_rests_when_there_is_none() -> None:
    """A step that did something is followed by the next one, an idle one by a rest: the loop never spins."""
    assert rests_after([3, 1, 0, 0, 2]) == ([0, 0, 0.5, 0.5, 0], [])


def test_it_may_let_work_gather() -> None:
    """A loop whose steps cost less a piece the more there is rests after work too, for a time of its own."""
    gathering = PollInterval(idle_seconds=0.5, gather_seconds=0.25)
    assert rests_after([3, 0, 2], gathering) == ([0.25, 0.5, 0.25], [])


def test_it_backs_off_from_a_busy_store_ever_longer_up_to_a_bound() -> None:
    """Each further failure doubles the rest, the longest one stays, and every one is said."""
    rests, said = rests_after([BUSY] * 5)
    assert rests == [0.1, 0.2, 0.4, 0.5, 0.5]
    assert said == rests


def test_a_success_ends_the_back_off() -> None:
    """After a step that went well the next failure is a first one again."""
    assert rests_after([BUSY, BUSY, 1, BUSY])[0] == [0.1, 0.2, 0, 0.1]


def test_a_hundred_failures_do_not_overflow() -> None:
    """However long the store is away, the rest stays within its bound."""
    assert rests_after([BUSY] * 2000)[0][-1] == 0.5


def test_a_store_that_refuses_ends_the_loop() -> None:
    """What will fail again is not tried again."""
    with pytest.raises(StoreError, match="refuses"):
        rests_after([StoreError("the store refuses")])


def test_it_ends_when_told_to() -> None:
    """A stop that comes during a step is seen right after it, without another step."""
    steps: list[int] = []

    def step() -> int:
        steps.append(1)
        return 1

    poll(step, lambda _seconds: True, PACE, lambda _error, _seconds: None)
    assert steps == [1]


def test_a_step_begins_only_at_a_time_that_is_believed() -> None:
    """While clocks contradict each other the step does not run: the loop backs off as from a busy store."""
    is_believed = iter([True, False, True])
    steps = iter(range(10))

    def clock() -> int:
        if not next(is_believed):
            raise ClockError("leapt")
        return 0

    step = decide_by(clock, lambda: next(steps))
    assert step() == 0
    with pytest.raises(StoreBusyError, match="leapt"):
        step()
    assert step() == 1


def ticks_of(
    steps_ms: list[int], start_ms: int, busy: int = -1
) -> tuple[list[int], list[float], list[float]]:
    """The ticks of a loop whose steps take so long, its rests, and what it said about a busy store."""
    now = [start_ms]
    ticks: list[int] = []
    rests: list[float] = []
    said: list[float] = []

    def step(tick_ms: int) -> None:
        ticks.append(tick_ms)
        now[0] += steps_ms[len(ticks) - 1]
        if len(ticks) - 1 == busy:
            raise BUSY

    def wait(seconds: float) -> bool:
        rests.append(seconds)
        now[0] += round(1000 * seconds)
        return len(ticks) == len(steps_ms)

    poll_ticks(step, lambda: now[0], wait, lambda _error, seconds: said.append(seconds))
    return ticks, rests, said


def test_a_step_runs_at_every_whole_second() -> None:
    """However long it takes, as long as that is less than a second; the first one starts at once."""
    ticks, rests, _ = ticks_of([10, 700, 999], 5_250)
    assert ticks == [5_000, 6_000, 7_000]
    assert rests == pytest.approx([0.74, 0.3, 0.001], abs=1e-9)


def test_a_step_of_more_than_a_second_is_followed_by_the_next_whole_one() -> None:
    """Never by a moment between two seconds, which would tell how long the step took."""
    assert ticks_of([2_400, 0], 5_000)[0] == [5_000, 8_000]


def test_a_busy_store_is_asked_again_at_the_next_tick() -> None:
    """And it is said once."""
    ticks, _, said = ticks_of([100, 0], 5_000, busy=0)
    assert ticks == [5_000, 6_000]
    assert said == pytest.approx([0.9], abs=1e-9)
    assert MS_PER_TICK == 1_000


def test_without_a_time_that_is_believed_nothing_is_done_at_a_tick() -> None:
    """The loop looks again a second later."""
    rests: list[float] = []

    def clock() -> int:
        raise ClockError("leapt")

    def wait(seconds: float) -> bool:
        rests.append(seconds)
        return len(rests) == 2

    said: list[str] = []
    steps: list[int] = []
    poll_ticks(steps.append, clock, wait, lambda error, _seconds: said.append(str(error)))
    assert rests == [1.0, 1.0]
    assert said == ["leapt", "leapt"]
    assert steps == []


class FullDisk(StringIO):
    """The log of a process on a full disk."""

    def write(self, _text: str, /) -> int:
        """Fail as the disk does."""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_log_on_a_full_disk_does_not_end_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk that keeps the store from answering is often the one of the logs."""
    monkeypatch.setattr(sys, "stderr", FullDisk())
    rests: list[float] = []

    def step() -> int:
        raise BUSY

    def wait(seconds: float) -> bool:
        rests.append(seconds)
        return len(rests) == 2

    poll(step, wait, PACE, report_busy("relay"))
    assert rests == [0.1, 0.2]
