"""A process that forks the processes of the kill tests, so that each of them starts within milliseconds.

    python -m tests.support.crash_process_pool

Reads one line per process from standard input: `relay`, `release` or `writer`, and its arguments as JSON.
Writes its process id. Every process works until it is killed; when the pool ends, they all end.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from privacy.errors import StoreBusyError
from privacy.model.timestamp import Clock
from privacy.publishing.publisher import Publisher
from privacy.release.publication import ReleasePublication
from privacy.release.worker import ReleaseWorker
from privacy.store.acl import Room
from privacy.store.connect import connect
from privacy.store.settings import Settings, StoreSettings
from privacy.store.users import PLATFORM, PUBLISHER, RELAY, RELEASE
from privacy.tally.outbox_relay import Relay
from privacy.tally.series import TallyShard
from privacy.vault.registers import RegisterStore
from tests.support.crash_plan import DAILY_CAP, FLIP_CAP, batch_of
from tests.support.registers import HEADER, POLICY, registry_of, shards_on
from tests.support.release_world import AFTER_EVERY_TICK_MS, calibration_of

PAUSE_SECONDS = 0.002


def relay(clock: str) -> Callable[[], bool]:
    """Return a step of a relay.

    Args:
        clock: path of a file that holds the time in ms.
    """
    work = Relay(connect(_settings(), RELAY), HEADER, _clock_of(clock))
    return lambda: work.step() > 0


def release(clock: str) -> Callable[[], bool]:
    """Return a step of a release process, which copies releases as soon as they are written.

    Args:
        clock: path of a file that holds the time in ms.
    """
    settings = _settings()
    client = connect(settings, RELEASE)
    shards = [TallyShard(client, shard) for shard in range(HEADER.target_shards)]
    work = ReleaseWorker(shards, calibration_of, os.urandom, _clock_of(clock))
    publication = ReleasePublication(shards, Publisher(connect(settings, PUBLISHER, Room.GALLERY)))
    return lambda: work.run_due() + publication.publish(AFTER_EVERY_TICK_MS) > 0


def writer(clock: str, name: str, acknowledged: str, series: list[int]) -> Callable[[], bool]:
    """Return a step of a client that sends batch after batch, and repeats each until it is acknowledged.

    Args:
        clock: path of a file that holds the time in ms, which stamps what is taken in.
        name: names its accounts.
        acknowledged: path of a file that gets one byte for each acknowledged batch.
        series: numbers of the series that it likes.
    """
    shards = shards_on(
        connect(_settings(), PLATFORM), registry_of(FLIP_CAP, DAILY_CAP), virtual_clock=_clock_of(clock)
    )
    vault = RegisterStore(shards, POLICY.integrity)
    file = os.open(acknowledged, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def send_next() -> bool:
        number = os.fstat(file).st_size
        vault.record(batch_of(name, number, series), 0)
        os.write(file, b".")
        return True

    return send_next


def _clock_of(path: str) -> Clock:
    return lambda: int(Path(path).read_text())


def _settings() -> StoreSettings:
    return Settings.from_environment(os.environ).store


def _work_until_killed(step: Callable[[], bool]) -> None:
    pool = os.getppid()
    while os.getppid() == pool:
        try:
            busy = step()
        except StoreBusyError:
            busy = False
        if not busy:
            time.sleep(PAUSE_SECONDS)


def main() -> None:
    """Fork a process per line."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    roles: dict[str, Callable[..., Callable[[], bool]]] = {
        "relay": relay,
        "release": release,
        "writer": writer,
    }
    for line in sys.stdin:
        role, _, arguments = line.partition(" ")
        pid = os.fork()
        if pid == 0:
            _work_until_killed(roles[role](**json.loads(arguments)))
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
