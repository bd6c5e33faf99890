"""Starts a deployment on a real Redis of its own, with registered videos."""

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from redis import Redis

from api.http.system import clock_ms, uptime
from api.replay.timeline import VirtualClock
from api.runtime.api_keys import ApiKeys, ApiKeySpec
from api.runtime.policy_source import read_policy
from api.runtime.processes import COMMANDS
from api.runtime.store_keys import KeyFiles
from api.runtime.store_setup import PreparedStore, StoreSetup
from privacy.catalogue.catalogue import Catalogue, TargetMetadata
from privacy.embedded.rooms import EmbeddedRooms
from privacy.model.change import GAINED
from privacy.model.engagement import Kind, Series, TargetType
from privacy.model.timestamp import MS_PER_HOUR, Clock
from privacy.publishing.publisher import Publisher
from privacy.store.acl import Room
from privacy.store.clock import StoreClock
from privacy.store.connect import connect
from privacy.store.users import PROCESSES, USERS, Process
from privacy.tally.outbox_relay import Relay
from privacy.vault.entries import AdmittedEvent
from privacy.vault.limits import KnownLimits
from privacy.vault.registers import RegisterStore
from privacy.vault.shards import AccountShards
from tests.support.redis_server import ROOT, Store, clients

ACCOUNTS: Final = 20_000
VIDEOS: Final = 2_000
ENGAGEMENTS: Final = 1_000_000
BATCH: Final = 1_000
LOOPBACK: Final = "127.0.0.1"
_BATCHES_PER_DRAIN: Final = 50
_AGE_MS: Final = MS_PER_HOUR * 3 // 2
_REQUESTS_PER_MINUTE: Final = 100_000_000
_START_SECONDS: Final = 30.0
_PAUSE_SECONDS: Final = 0.02


@dataclass(frozen=True)
class BenchDeployment:
    """A deployment for benchmarks.

    Args:
        folder: of its files.
        redis: the private room's server, and clients of both rooms.
        gallery_root: client of the gallery's server with all rights.
        prepared: header, policies, passwords.
        posted_at_ms: posting time of every video, an hour and a half ago, so that epoch 0 is over.
        series: series number of each video.
    """

    folder: Path
    redis: Store
    gallery_root: Redis
    prepared: PreparedStore
    posted_at_ms: int
    series: tuple[int, ...]

    @property
    def now_ms(self) -> int:
        """A time at which the first epoch of every video is over and the second one is not."""
        return self.posted_at_ms + _AGE_MS

    @property
    def release_clock(self) -> Clock:
        """Clock of release workers: the store's, which slow filling never leaves behind the watermark."""
        return StoreClock(self.redis.release, clock_ms, uptime)

    @property
    def publisher(self) -> Publisher:
        """Publisher of the gallery."""
        return Publisher(self.redis.publisher)

    def used_memory(self) -> int:
        """Returns the bytes that the private room's Redis has allocated."""
        return int(self.redis.root.info("memory")["used_memory"])

    def likes(self) -> Iterator[list[AdmittedEvent]]:
        """Generates a million likes in batches; no account likes a video twice.

        Each video gets 500 likes from evenly spread accounts, in uniformly random joint cells and at random
        times within the first epoch. Neither the distribution nor the seed affects the results.
        """
        generator = random.Random(1)
        joint_cells = self.prepared.registry.current.domain.size
        for first in range(0, ENGAGEMENTS, BATCH):
            yield [
                (
                    account_name(number),
                    self.series[video_of(number)],
                    self.posted_at_ms + generator.randrange(MS_PER_HOUR),
                    GAINED,
                    generator.randrange(joint_cells),
                )
                for number in range(first, first + BATCH)
            ]

    def fill(self, engagements: int = ENGAGEMENTS) -> None:
        """Ingests the given number of likes and counts them."""
        self.ingest_batches(
            (batch, self.posted_at_ms) for batch in islice(self.likes(), engagements // BATCH)
        )

    def ingest_batches(self, batches: Iterable[tuple[Sequence[AdmittedEvent], int]]) -> None:
        """Ingests batches, each with its arrival time, and counts them."""
        prepared, clock = self.prepared, VirtualClock(0)
        limits = KnownLimits(prepared.registry, self.redis.platform)
        shards = AccountShards(
            self.redis.platform, prepared.keys, prepared.header.account_shards, limits, clock
        )
        vault = RegisterStore(shards)
        relay = Relay(self.redis.relay, prepared.header, clock)
        with self.redis.without_fsync():
            for number, (batch, now_ms) in enumerate(batches):
                clock.advance_to(now_ms)
                vault.record(batch, now_ms)
                if number % _BATCHES_PER_DRAIN == 0:
                    relay.drain()
            relay.drain()
            # The first epoch of every video is over by the store's clock, the second one is not.
            Relay(self.redis.relay, prepared.header).drain()

    def create_key(self, plane: str, scope: str) -> str:
        """Creates an API key of a plane with a rate limit that is never reached."""
        ring = ApiKeys.open(self.redis.settings, plane, os.urandom)
        return ring.create(ApiKeySpec("bench", [scope], 1, _REQUESTS_PER_MINUTE))[0]

    @contextmanager
    def run_plane(self, process: Process, *options: str) -> Iterator[int]:
        """Serves a plane until the block ends; returns its port."""
        port = free_port()
        with self.run_process(process, "--port", str(port), *options):
            wait_for(port)
            yield port

    @contextmanager
    def run_process(self, process: Process, *arguments: str) -> Iterator[None]:
        """Runs one of the product's processes, as in a deployment."""
        command = COMMANDS.get(process, process)
        environment = self.prepared.settings.environment(PROCESSES[process]) | {
            "LIKEWISE_PSEUDONYM_KEY_FILE": str(self.folder / "pseudonym.key"),
            "LIKEWISE_ROLLBACK_GUARD_DIR": str(self.folder / "rollback-guard"),
            "PATH": os.environ["PATH"],
        }
        with child(
            [sys.executable, "-m", "api.cli", command, *arguments],
            environment,
            self.folder / f"{command}.log",
        ):
            yield


@contextmanager
def start_deployment(policy_file: Path | None = None, videos: int = VIDEOS) -> Iterator[BenchDeployment]:
    """Starts an embedded store, prepares a deployment on it, and registers videos.

    Args:
        policy_file: the packaged policy if not given.
        videos: number of videos.
    """
    with (
        TemporaryDirectory(prefix="likewise-bench-") as name,
        EmbeddedRooms(Path(name) / "data", users=(*USERS, ROOT)) as rooms,
        clients(rooms.servers[Room.PRIVATE], rooms.settings) as store,
        closing(connect(rooms.settings, ROOT, Room.GALLERY)) as gallery_root,
    ):
        source = read_policy(policy_file)
        folder = Path(name)
        keys = KeyFiles(folder / "pseudonym.key", folder / "ledger.key")
        setup = StoreSetup(source, keys, folder / "rollback-guard", clock_ms, os.urandom)
        prepared = setup.prepare(rooms.settings)
        publisher = Publisher(store.publisher)
        catalogue = Catalogue(
            store.platform, prepared.header.target_shards, source.policy, publisher.publish_targets
        )
        posted_at_ms = clock_ms() - _AGE_MS
        names = [video_name(number) for number in range(videos)]
        catalogue.register(
            [TargetMetadata(TargetType.VIDEO, name, posted_at_ms) for name in names], posted_at_ms
        )
        targets = catalogue.lookup(TargetType.VIDEO, names)
        series = tuple(Series(targets[name].number, Kind.LIKE).number for name in names)
        yield BenchDeployment(folder, store, gallery_root, prepared, posted_at_ms, series)


def account_name(number: int, crowd: str = "account") -> str:
    """Returns the account id of an engagement, within a crowd of 20,000 accounts."""
    return f"{crowd}-{number % ACCOUNTS:05d}"


def video_of(number: int) -> int:
    """Returns the video of an engagement; every account occurs once in 20,000 engagements."""
    return (number // ACCOUNTS * 37 + number % ACCOUNTS * 7) % VIDEOS


def video_name(number: int) -> str:
    """Returns the id of a video."""
    return f"video-{number:04d}"


@contextmanager
def child(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    """Runs a process that ends with the block."""
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
    try:
        yield
        if process.poll() is not None:
            raise RuntimeError(f"{command[0]} ended: {log.read_text(errors='replace')[-2000:]}")
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    """Returns an unused TCP port."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    """Waits until a server listens.

    Raises:
        TimeoutError: the server does not listen in time.
    """
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, port)) == 0:
                return
        time.sleep(_PAUSE_SECONDS)  # a port sends no notification
    raise TimeoutError(f"no server listens on port {port} after {_START_SECONDS:g} s")
