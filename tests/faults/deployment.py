"""A deployment whose processes and servers can be killed, paused and started again, one by one."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from redis import Redis

from privacy.embedded.rooms import EmbeddedRooms
from privacy.embedded.server import EmbeddedRedis
from privacy.errors import StoreError
from privacy.store.acl import Room
from privacy.store.connect import connect
from privacy.store.settings import POLICY, Settings, StoreSettings
from privacy.store.users import USERS, Process
from tests.faults.policy import write_policy
from tests.faults.pool import Order
from tests.support.command_line import ROOT as REPOSITORY
from tests.support.command_line import answer_of, likewise
from tests.support.prepared_store import prepare_store, process_environment
from tests.support.redis_server import ROOT

_COMMANDS: Final = {
    "platform": Process.PLATFORM,
    "relay": Process.RELAY,
    "release": Process.RELEASE,
    "maintain": Process.MAINTENANCE,
}
PROCESSES: Final = ("platform", "relay 1", "relay 2", "release 1", "release 2", "maintain 1", "maintain 2")
"""All but the plane run twice: whatever one of them leaves half done, its twin meets."""
_LEAST_SECONDS_BETWEEN_STARTS: Final = 0.3


class Pool:
    """The process that forks the others, for one deployment at a time; see `tests.faults.pool`."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.pool"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = self._read()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def start(self, order: Order) -> int:
        """Starts a process; returns its pid."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


@dataclass
class Deployment:
    """Servers and processes on a data folder.

    Args:
        folder: for the data folder, logs and clocks.
        pool: forks the processes.
        servers: by name.
        settings: addresses and passwords of the rooms.
    """

    folder: Path
    pool: Pool
    servers: Mapping[str, EmbeddedRedis]
    settings: StoreSettings
    proxied: Mapping[str, str] = field(default_factory=dict)
    """Addresses that the processes get instead of the servers' own, by variable."""
    faults: Mapping[str, str] = field(default_factory=dict)
    """The fault that is seeded in each command."""
    tried: Counter[str] = field(default_factory=Counter, init=False)
    """What was done to it."""
    _pids: dict[str, int] = field(default_factory=dict, init=False)
    _started: dict[str, float] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.policy = write_policy(self.folder)
        prepare_store(self.settings, self.data, self.policy)
        for name in PROCESSES:
            self.set_clock(name, 0)
        token = self.folder / "token"
        if not token.exists():  # a second deployment on a data folder goes on with the key of the first
            token.write_text(self._create_key())
        self.token = token.read_text()

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def guard(self) -> Path:
        """The folder of the records that no restore may take back."""
        return Settings.from_environment({}, self.data).rollback_guard_dir

    @property
    def port(self) -> int:
        """Port of the platform plane."""
        return self.pool.port

    @property
    def private_server(self) -> EmbeddedRedis:
        """The server of the private room."""
        return next(iter(self.servers.values()))

    @property
    def running(self) -> list[str]:
        """The names of the processes that were started and not ended for good."""
        return list(self._pids)

    def start(self, *names: str) -> None:
        """Starts processes."""
        for name in names:
            command = name.partition(" ")[0]
            environment = process_environment(self.settings, self.data, _COMMANDS[command])
            order = Order(
                command,
                {**environment, POLICY.name: str(self.policy), **self.proxied},
                str(self._clock(name)),
                str(self.folder / f"{name}.log"),
                self.faults.get(command, ""),
            )
            self._pids[name] = self.pool.start(order)
            self._started[name] = time.monotonic()

    def kill(self, name: str) -> None:
        """Ends a process or a server with SIGKILL; `tend` starts it again."""
        if self.signal(name, signal.SIGKILL):
            self.tried[f"kills of {name.partition(' ')[0]}"] += 1

    def end(self, *names: str) -> None:
        """Ends processes with SIGKILL, for good."""
        for name in names:
            self.signal(name, signal.SIGKILL)
            del self._pids[name]

    def signal(self, name: str, number: signal.Signals) -> bool:
        """Sends a signal to a process or a server; returns whether it had not ended by itself."""
        pid = self.servers[name].pid if name in self.servers else self._pids[name]
        if is_alive := _is_alive(pid):
            os.kill(pid, number)
        return is_alive

    def tend(self) -> None:
        """Starts again what has ended, as a supervisor does."""
        for server in self.servers.values():
            if not server.is_running:
                server.stop()
                try:
                    server.start()
                except StoreError as error:  # killed while it started: the next call starts it again
                    if f"ended with {-signal.SIGKILL}." not in str(error):
                        raise
        now = time.monotonic()
        for name, pid in list(self._pids.items()):
            if not _is_alive(pid) and now > self._started[name] + _LEAST_SECONDS_BETWEEN_STARTS:
                self.start(name)

    def set_clock(self, name: str, ahead_ms: int) -> None:
        """Sets how far the wall clock of a process is ahead."""
        if ahead_ms:
            self.tried["leaps of a clock"] += 1
        draft = self._clock(name).with_suffix(".draft")
        draft.write_text(str(ahead_ms))
        draft.replace(self._clock(name))

    @contextmanager
    def open_rooms(self) -> Iterator[tuple[Redis, Redis]]:
        """Connects to private room and gallery, as nobody in the product may."""
        with (
            closing(connect(self.settings, ROOT, Room.PRIVATE)) as private,
            closing(connect(self.settings, ROOT, Room.GALLERY)) as gallery,
        ):
            yield private, gallery

    def verify_ledger(self) -> list[str]:
        """Exports the signed ledger and verifies that it continues the last export; names what is wrong."""
        environment = process_environment(self.settings, self.data, Process.OPERATOR)
        export, before = self.folder / "ledger.ndjson", self.folder / "ledger-before.ndjson"
        since = ("--since", before) if before.exists() else ()
        for arguments in (("export", export), ("verify", export, *since)):
            ran = likewise("ledger", *arguments, environment=environment)
            if ran.returncode:
                return [f"ledger {arguments[0]}: {ran.stdout} {ran.stderr}"]
        export.replace(before)
        return []

    def read_logs(self) -> str:
        """Returns the last lines of every process, for the message of a test that fails."""
        return "\n".join(
            f"{path.stem}: {path.read_text(errors='replace')[-300:]}"
            for path in sorted(self.folder.glob("*.log"))
        )

    def _create_key(self) -> str:
        created = likewise(
            *("keys", "create", "--plane", "platform", "--owner", "faults"),
            *("--scopes", "ingest,moderate,privacy", "--rate-limit", "10000000", "--json"),
            environment=process_environment(self.settings, self.data, Process.OPERATOR),
        )
        return str(answer_of(created)["token"])

    def _clock(self, name: str) -> Path:
        return self.folder / f"{name}.clock"


@contextmanager
def deployed(folder: Path, pool: Pool) -> Iterator[Deployment]:
    """Runs a deployment with a server for each room, as `likewise up` does."""
    with EmbeddedRooms(folder / "data", users=(*USERS, ROOT)) as rooms:
        servers = {f"redis-{room}": server for room, server in rooms.servers.items()}
        yield from _running(Deployment(folder, pool, servers, rooms.settings))


@contextmanager
def deployed_on(server: EmbeddedRedis, folder: Path, pool: Pool) -> Iterator[Deployment]:
    """Runs a deployment whose rooms are on one server: one log has everything in order.

    Args:
        server: knows the tests' superuser; not yet started.
        folder: empty.
        pool: forks the processes.
    """
    with server:
        yield from _running(Deployment(folder, pool, {"redis": server}, server.settings))


def _running(deployment: Deployment) -> Iterator[Deployment]:
    try:
        yield deployment
    finally:
        deployment.end(*deployment.running)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
