"""A program of the system that runs and does not answer is started again."""

import os
import signal
from pathlib import Path

from api.runtime.child import Child, Program, answers
from tests.support.plain_app import create
from tests.support.ports import free_port
from tests.support.served import HOST, served


class Clock:
    """Returns the time that it is set to."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_a_program_that_hangs_is_ended_and_started_again(tmp_path: Path) -> None:
    """A stopped process is left alone while it may still answer, then killed, and another one is started."""
    clock = Clock()
    program = Program("plane", ("config",), os.environ, f"http://{HOST}:{free_port()}/healthz")
    child = Child(program, tmp_path, clock)
    child.start()
    try:
        first = child.pid
        assert first
        os.kill(first, signal.SIGSTOP)
        clock.now = 39
        assert child.poll() is None
        clock.now = 45
        report = child.poll()
        assert report
        assert "has not answered for 40 s" in report
        clock.now = 100
        assert child.poll() is None
        assert child.pid not in {None, first}
    finally:
        child.end(0)


def test_a_program_that_answers_is_left_alone(tmp_path: Path) -> None:
    """Each answer starts the time again."""
    clock = Clock()
    with served(create()) as running:
        url = f"http://{HOST}:{running.port}/healthz"
        assert answers(url)
        child = Child(Program("plane", ("config",), os.environ, url), tmp_path, clock)
        child.start()
        try:
            assert child.pid
            os.kill(child.pid, signal.SIGSTOP)
            for clock.now in range(0, 100, 6):
                assert child.poll() is None
        finally:
            child.end(0)
    assert not answers(url)
