"""When a process that ended is started again, and how it is ended."""

import signal
import subprocess
import sys

import pytest

from api.http.child_process import Restarts, describe_status, wait_or_kill


class Clock:
    """Returns the time that it is set to."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_rests_grow_until_a_run_lasts() -> None:
    """The first start again is at once, and after a run of half a minute the next one is the first."""
    clock = Clock()
    restarts = Restarts(clock)
    for rest in ("now", "in 0.5 s", "in 1 s", "in 2 s", "in 4 s", "in 8 s", "in 16 s", "in 30 s", "in 30 s"):
        clock.now += 0.25
        assert restarts.plan("it ended") == f"it ended; restarting {rest}"
        assert restarts.is_due is (rest == "now")
        clock.now += 30
        assert restarts.is_due
        restarts.begin()
    clock.now += 30
    assert restarts.plan("it ended") == "it ended; restarting now"


@pytest.mark.parametrize(("status", "words"), [(-9, "SIGKILL"), (0, "exit code 0"), (4, "exit code 4")])
def test_an_end_is_described(status: int, words: str) -> None:
    """By the name of the signal, or by the exit code."""
    assert describe_status(status) == words


def test_a_process_that_does_not_end_is_killed() -> None:
    """None is left when the call returns."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with process:
        wait_or_kill(process, 0.0)
        assert process.returncode == -signal.SIGKILL
