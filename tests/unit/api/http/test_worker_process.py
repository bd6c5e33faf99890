"""A worker process: one that hangs, or ends, is replaced."""

import os
import signal
import socket
from collections.abc import Iterator
from functools import partial

import pytest

from api.http.worker_process import WorkerProcess
from tests.support.eventually import eventually
from tests.support.served import HOST, read_answer, request


class Clock:
    """Returns the time that it is set to."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that tests advance."""
    return Clock()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket that is bound."""
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        yield bound


def serves(worker: WorkerProcess) -> bool:
    """Return whether the worker says that it serves."""
    worker.poll()
    return worker.is_serving


def test_a_worker_that_hangs_or_dies_is_replaced(clock: Clock, listener: socket.socket) -> None:
    """A worker that hangs is killed after its time, one that was killed is noticed; another one serves."""
    worker = WorkerProcess("tests.support.plain_app", listener, 1, os.environ, clock)
    try:
        for number, seconds, report in (
            (signal.SIGSTOP, 21, "did not serve for 20 s"),
            (signal.SIGKILL, 0, "ended with SIGKILL"),
        ):
            eventually(lambda: serves(worker), "a worker that serves", 60)
            with socket.create_connection(listener.getsockname()) as opened:
                opened.sendall(request("GET", "/"))
                assert read_answer(opened).status == 200
            os.kill(worker.pid or 0, number)
            assert report in eventually(partial(_poll_later, worker, clock, seconds), "a report", 20)
            assert not worker.is_serving
            clock.now += 31
    finally:
        worker.end(0)


def test_a_thread_that_computes_gives_way_to_the_event_loop(clock: Clock, listener: socket.socket) -> None:
    """Within half a millisecond, in every worker: the loop takes a turn for each connection."""
    worker = WorkerProcess("tests.support.plain_app", listener, 1, os.environ, clock)
    try:
        eventually(lambda: serves(worker), "a worker that serves", 60)
        with socket.create_connection(listener.getsockname()) as opened:
            opened.sendall(request("GET", "/"))
            assert float(read_answer(opened).body) <= 0.0005
    finally:
        worker.end(0)


def test_a_worker_that_cannot_be_made_is_given_up(clock: Clock, listener: socket.socket) -> None:
    """One that ends by itself before it has served is started once more; its exit code is known then."""
    worker = WorkerProcess("tests.support.nothing_like_it", listener, 1, os.environ, clock)
    try:
        assert "ended with exit code 1" in eventually(worker.poll, "the end of the first", 60)
        assert worker.failed_with is None
        clock.now += 31
        assert worker.poll() is None
        eventually(worker.poll, "the end of the second", 60)
        assert worker.failed_with == 1
    finally:
        worker.end(0)


def _poll_later(worker: WorkerProcess, clock: Clock, seconds: int) -> str | None:
    """Polls after some seconds; what the worker said before is read by then."""
    clock.now += seconds
    return worker.poll()
