"""A deployment of real processes under a clock that jumps, to time how releases appear.

The public plane serves over HTTP, and the release process computes and publishes, each in a process of its
own, as in production. Likes are appended to the tally's logs directly: this is not about intake.
"""

from __future__ import annotations

import multiprocessing as mp
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from werkzeug.serving import WSGIRequestHandler, make_server

from api.public.app import build_public_app
from api.runtime.poll import poll_ticks, report_busy
from privacy.audit.black_box.appearance import SHARDS
from privacy.audit.black_box.deployment import Canary, CanaryEvent, Reply
from privacy.audit.black_box.http_deployment import HttpDeployment
from privacy.catalogue.catalogue import Catalogue
from privacy.mechanism.accounting import Calibration, calibrate
from privacy.model.change import change_code
from privacy.model.engagement import KINDS_PER_TARGET, Kind, TargetType
from privacy.policy.file import load_policy
from privacy.policy.policy import Policy
from privacy.publishing.publisher import Publisher
from privacy.release import engine
from privacy.release.measure import Measured, measure
from privacy.release.publication import ReleasePublication
from privacy.release.worker import WORKERS_AT_ONCE, ReleaseWorker, run_together
from privacy.store.connect import connect
from privacy.store.users import LIMITER, PUBLIC, PUBLISHER, RELAY, RELEASE
from privacy.tally.outbox_relay import Relay
from privacy.tally.series import TallyShard
from tests.support.jumping_clock import PAUSE_SECONDS, JumpingClock
from tests.support.public_plane import HOST, MemoryLog, new_key
from tests.support.registers import HEADER, log_element, log_key
from tests.support.release_world import AFTER_EVERY_TICK_MS
from tests.support.targets import a_video

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from privacy.store.settings import StoreSettings
    from tests.support.redis_server import Store

START_MS: Final = 1_780_000_000_000
SIXTEEN_SHARDS: Final = replace(HEADER, target_shards=SHARDS)
"""As many as a store usually has, and as the attack expects."""
_SPAWN: Final = mp.get_context("spawn")


def sandbox_policy() -> Policy:
    """Returns the packaged policy's sandbox."""
    policy = load_policy().sandbox
    assert policy is not None
    return policy


@cache
def _calibrations() -> dict[Kind, Calibration]:
    policy = sandbox_policy()
    return {kind: calibrate(policy, kind) for kind in policy.budgets}


def sandbox_calibration(_version: str, kind: Kind) -> Calibration:
    """Returns the sandbox's mechanism, as a worker asks for it."""
    return _calibrations()[kind]


@dataclass(frozen=True)
class SandboxTally:
    """Registers canaries and puts likes into their logs.

    Args:
        store: of the deployment.
    """

    store: Store

    def plant(self, canaries: Sequence[Canary], now_ms: int) -> None:
        """Registers videos."""
        targets = [a_video(canary.public_id, canary.posted_at_ms) for canary in canaries]
        self._catalogue.register(targets, now_ms)

    def send(self, events: Sequence[CanaryEvent], now_ms: int) -> None:
        """Appends likes to the logs of their videos, in the cells that the profiles name."""
        domain = sandbox_policy().domain
        codes: dict[str, list[int]] = {}
        for event in events:
            cells = {each.name: each.cells[0] for each in domain.dimensions} | dict(event.profile)
            code = change_code(domain.code(cells), 0)
            codes.setdefault(Canary(event.video, 0).public_id, []).append(code)
        for video, target in self._catalogue.lookup(TargetType.VIDEO, codes).items():
            if video in codes:
                key = log_key(target.number * KINDS_PER_TARGET + Kind.LIKE, SIXTEEN_SHARDS)
                self.store.root.rpush(key, log_element(now_ms // 1000, codes[video]))

    @property
    def _catalogue(self) -> Catalogue:
        publish = Publisher(self.store.publisher).publish_targets
        return Catalogue(self.store.platform, SIXTEEN_SHARDS.target_shards, sandbox_policy(), publish)


@dataclass(frozen=True)
class AppearingDeployment:
    """A running deployment.

    Args:
        store: its store.
        clock: of its processes.
        http: reads its public plane.
        tally: takes canaries and likes.
    """

    store: Store
    clock: JumpingClock
    http: HttpDeployment
    tally: SandboxTally

    @property
    def keys(self) -> int:
        """Number of keys of the public plane."""
        return self.http.keys

    def read(self, path: str, key: int | None = 0, headers: Mapping[str, str] | None = None) -> Reply:
        """Reads a path of the public plane. The server's dates do not jump, so they are left out."""
        reply = self.http.read(path, key, headers)
        return replace(reply, headers={name: text for name, text in reply.headers.items() if name != "date"})

    def plant(self, canaries: Sequence[Canary]) -> None:
        """Registers videos."""
        self.tally.plant(canaries, self.clock())

    def send(self, events: Sequence[CanaryEvent]) -> None:
        """Appends likes to the logs of their videos."""
        self.tally.send(events, self.clock())

    def metrics(self) -> Mapping[str, bytes]:
        """Returns nothing."""
        return {}

    def stopwatch(self) -> float:
        """Returns the seconds since an arbitrary moment."""
        return self.clock.stopwatch()

    @property
    def store_url(self) -> str:
        """The public plane's own address of the store."""
        room = PUBLIC.rooms[0]
        address = self.store.settings.url(room, PUBLIC)
        return address.replace("://", f"://{PUBLIC.name}:{self.store.settings.password(PUBLIC)}@", 1)


@contextmanager
def appearing_deployment(
    store: Store, *, flawed: bool = False, loaded: bool = False
) -> Iterator[AppearingDeployment]:
    """Starts the processes, and ends them.

    Args:
        store: an empty store.
        flawed: whether the release process skips noise below k and publishes at once.
        loaded: whether other processes keep every core busy.
    """
    clock = JumpingClock(START_MS)
    token, _ = new_key(store, "read", now_ms=START_MS)
    ours, theirs = _SPAWN.Pipe()
    processes = [
        _SPAWN.Process(target=_serve, args=(store.settings, clock, theirs), daemon=True),
        _SPAWN.Process(target=_release, args=(store.settings, clock, flawed), daemon=True),
        *(_SPAWN.Process(target=_spin, daemon=True) for _ in range((os.cpu_count() or 1) * loaded)),
    ]
    for process in processes:
        process.start()
    try:
        port = ours.recv()
        nowhere = f"http://{HOST}:9"
        http = HttpDeployment(f"http://{HOST}:{port}", [token], nowhere, token, clock, clock.jump)
        yield AppearingDeployment(store, clock, http, SandboxTally(store))
        http.close()
    finally:
        for process in processes:
            process.kill()
            process.join()


class _KeepsConnections(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Logs nothing."""


def _serve(settings: StoreSettings, clock: JumpingClock, told: Connection) -> None:
    app = build_public_app(connect(settings, PUBLIC), connect(settings, LIMITER), clock, MemoryLog())
    server = make_server(HOST, 0, app, threaded=True, request_handler=_KeepsConnections)
    told.send(server.server_port)
    server.serve_forever()


def _release(settings: StoreSettings, clock: JumpingClock, flawed: bool) -> None:
    """Works as relay and release process do; with the flaw, it skips noise below k and publishes at once."""
    relay = Relay(connect(settings, RELAY), SIXTEEN_SHARDS, clock)
    client, publishers_client = connect(settings, RELEASE), connect(settings, RELEASE)
    publisher = Publisher(connect(settings, PUBLISHER))
    shards = [TallyShard(client, shard) for shard in range(SIXTEEN_SHARDS.target_shards)]
    workers = [ReleaseWorker([shard], sandbox_calibration, os.urandom, clock) for shard in shards]
    if flawed:
        setattr(engine, "measure", _measure_what_is_due)  # noqa: B010 - it is imported there, not exported
    publication = ReleasePublication(
        [TallyShard(publishers_client, shard.shard) for shard in shards], publisher
    )

    def wait(seconds: float) -> bool:
        clock.rest(seconds)
        return False

    def release_at_once(worker: ReleaseWorker) -> int:
        written = worker.run_due()
        if written:
            ReleasePublication(worker.shards, publisher).publish(AFTER_EVERY_TICK_MS)
        return written

    with ThreadPoolExecutor(WORKERS_AT_ONCE if flawed else 1) as threads:
        if not flawed:
            threads.submit(poll_ticks, publication.publish, clock, wait, report_busy("release"))
        while True:
            now_ms = clock()
            relay.step()
            written = sum(threads.map(release_at_once, workers)) if flawed else run_together(workers)
            if not written:
                clock.note_worked(now_ms)
                time.sleep(PAUSE_SECONDS)


def _measure_what_is_due(*given: Any, equal_work: bool) -> Measured:  # noqa: ARG001 - the flaw ignores it
    return measure(*given, equal_work=False)


def _spin() -> None:
    while True:
        sum(range(10_000))
