"""A server that ends, at whatever moment and for whatever reason, is started again, and ends nothing else."""

import errno
import os
from dataclasses import dataclass, field
from typing import cast

import pytest

from api.runtime.embedded_child import EmbeddedChild
from api.runtime.supervisor import Supervisor
from privacy.embedded.server import EmbeddedRedis
from privacy.errors import StoreError

FULL = StoreError("cannot write users.acl: No space left on device")


@dataclass
class Server:
    """Stands in for an embedded server; each start meets the next outcome of a script.

    Args:
        starts: an error, or how often it says that it is loading; -1 if it is killed meanwhile.
    """

    starts: list[int | Exception] = field(default_factory=list)
    is_running: bool = True
    takes_writes: bool = True
    has_room: bool = True
    cut_bytes: int = 0
    activity: str = "loading its data"
    launched: int = 0
    stopped: int = 0
    _loading: int = 0

    def bound_log(self) -> None:
        """Nothing to cut."""

    def stop(self) -> None:
        """Ends."""
        self.stopped += 1
        self.is_running = False

    def launch(self) -> None:
        """Starts as the script says."""
        self.launched += 1
        outcome = self.starts.pop(0) if self.starts else 0
        if isinstance(outcome, Exception):
            raise outcome
        self._loading, self.is_running, self.takes_writes = outcome, True, self.has_room

    def is_ready(self) -> bool:
        """Return whether it has loaded its data."""
        if self._loading < 0:
            self.is_running = False
            raise StoreError("the embedded Redis ended with -9. The end of redis.log:")
        self._loading -= 1
        return self._loading < 0


class Clock:
    """A clock that goes on by a step at each look."""

    def __init__(self, step_seconds: float = 0.2) -> None:
        self.now = 0.0
        self._step = step_seconds

    def __call__(self) -> float:
        """The time, a step later than before."""
        self.now += self._step
        return self.now


def polls(server: Server, count: int, step_seconds: float = 0.2) -> list[str]:
    """Return what is reported in some polls of a server that has just ended."""
    child = EmbeddedChild("redis-private", cast("EmbeddedRedis", server), Clock(step_seconds))
    server.is_running = False
    return [report for _ in range(count) if (report := child.poll())]


def test_a_server_that_ended_is_started_again_at_once() -> None:
    """It is freed first, and reported when it is back."""
    server = Server()
    assert polls(server, 10) == ["redis-private ended; restarting now", "redis-private is ready again"]
    assert (server.stopped, server.launched) == (1, 1)


def test_what_was_cut_off_its_log_is_said() -> None:
    """An operator learns of every torn transaction."""
    reports = polls(Server(cut_bytes=17), 3)
    assert any("17 bytes of a transaction that was never acknowledged" in report for report in reports)


@pytest.mark.parametrize(
    "outcome", [-1, FULL, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))], ids=["killed", "full", "os"]
)
def test_a_start_that_fails_is_tried_again(outcome: int | Exception) -> None:
    """Neither a second kill while it loads nor a full disk raises: the next start follows after a rest."""
    server = Server([outcome] * 3)
    reports = polls(server, 100)
    assert server.launched == 4
    assert [report.rpartition(" in ")[2] for report in reports[1:4]] == ["0.5 s", "1 s", "2 s"]
    assert reports[-1] == "redis-private is ready again"


def test_a_disk_that_stays_full_is_asked_twice_a_minute() -> None:
    """The rest grows up to half a minute, however long the disk is full."""
    reports = polls(Server([FULL] * 1000), 500, step_seconds=10)
    assert reports[-1].endswith("restarting in 30 s")


def test_a_server_without_room_is_read_and_started_again_when_there_is_some() -> None:
    """It takes no writes meanwhile, and its disk is looked at once a second."""
    server = Server(has_room=False)
    child = EmbeddedChild("redis-gallery", cast("EmbeddedRedis", server), Clock())
    server.is_running = False
    said = [report for _ in range(100) if (report := child.poll())]
    assert said == ["redis-gallery ended; restarting now", "redis-gallery can only be read: its disk is full"]
    assert (server.is_running, server.launched) == (True, 1)
    server.has_room = True
    said = [report for _ in range(10) if (report := child.poll())]
    assert said == [
        "there is room again on the disk of redis-gallery; restarting now",
        "redis-gallery is ready again",
    ]
    assert (server.takes_writes, server.launched) == (True, 2)


def test_a_long_load_is_waited_for_and_reported() -> None:
    """A server that loads for an hour is left alone, and is mentioned from time to time."""
    server = Server([10_000])
    reports = polls(server, 3_000)
    assert server.launched == 1
    assert any("still loading its data" in report for report in reports)
    assert len(reports) < 100


def test_the_system_goes_on_without_a_server() -> None:
    """The supervisor reports what does not start, and ends when it is asked to, and only then."""
    server = Server([FULL] * 100, is_running=False)
    child = EmbeddedChild("redis-private", cast("EmbeddedRedis", server), Clock(10))
    said: list[str] = []
    turns = iter([False] * 50 + [True])
    Supervisor([], [child], lambda _seconds: next(turns), said.append, Clock(), lambda: None).watch()
    assert next(turns, None) is None
    assert any("does not start: cannot write users.acl" in line for line in said)
