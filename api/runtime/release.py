"""The release process: one loop measures what is due, another one publishes and signs at every tick."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from redis import Redis

from api.http.system import clock_ms, entropy, uptime
from api.runtime.poll import PollInterval, decide_by, poll, poll_ticks, report_busy
from api.runtime.stop_signal import stop_on_signal
from api.runtime.store_check import require_healthy_store
from privacy.errors import StoreError
from privacy.mechanism.accounting import Calibration, calibrate
from privacy.mechanism.entropy import EntropySource
from privacy.model.engagement import Kind
from privacy.model.timestamp import Clock
from privacy.policy.registry import read_registered_policy
from privacy.publishing.publisher import Publisher
from privacy.publishing.signature_writer import SignatureWriter
from privacy.release.publication import ReleasePublication
from privacy.release.worker import ReleaseWorker, run_together
from privacy.rollback.erasure_log import ErasureLog
from privacy.rollback.erasure_watermark import caught_up
from privacy.rollback.release_watermark import ReleaseWatermark
from privacy.signing.ledger_signer import LedgerSigner
from privacy.signing.signing_key_file import load_store_signing_key
from privacy.store.acl import Room
from privacy.store.clock import StoreClock
from privacy.store.connect import connect
from privacy.store.header import StoreHeader
from privacy.store.settings import Settings, StoreSettings
from privacy.store.users import PUBLISHER, RELEASE, SIGNER
from privacy.tally.ledger_log import LedgerLog
from privacy.tally.series import TallyShard

_INTERVAL: Final = PollInterval(idle_seconds=0.5)
"""The shortest public delay is two seconds."""


@dataclass(frozen=True)
class Calibrations:
    """The mechanism of every policy of a store, including those that are registered later.

    Args:
        client: connection that may read the store's policies.
    """

    client: Redis
    _known: dict[tuple[str, Kind], Calibration] = field(default_factory=dict, init=False, repr=False)

    def __call__(self, version: str, kind: Kind) -> Calibration:
        """Returns the mechanism of a policy version and kind.

        Raises:
            PolicyError: the policy asks for what the mechanism cannot give.
            StoreError: the store does not know the version.
            StoreBusyError: the store did not answer.
        """
        if (version, kind) not in self._known:
            policy = read_registered_policy(self.client, version)
            if policy is None:
                raise StoreError(f"a target is bound to the policy {version}, which the store does not know")
            self._known[version, kind] = calibrate(policy, kind)
        return self._known[version, kind]


def make_release_workers(
    settings: StoreSettings,
    header: StoreHeader,
    erasures: ErasureLog,
    entropy: EntropySource,
    clock: Clock,
    *,
    equal_work: bool = True,
) -> list[ReleaseWorker]:
    """Returns one release worker per target shard; they write to no other store than this.

    While the store lacks erasures that are listed, its connections are refused: nothing is released. A tally
    that has forgotten releases releases nothing either. `equal_work` is that of `ReleaseWorker`.
    """
    client = connect(settings, RELEASE, greet=caught_up(header.greet, erasures))
    calibrations = Calibrations(client)
    watermark = ReleaseWatermark(erasures.folder, header.store_id)
    return [
        ReleaseWorker([TallyShard(client, shard)], calibrations, entropy, clock, watermark, equal_work)
        for shard in range(header.target_shards)
    ]


def make_release_publication(
    settings: StoreSettings, header: StoreHeader, erasures: ErasureLog
) -> ReleasePublication:
    """Returns what copies releases, over connections of its own; it writes to no other stores than these.

    Like the workers, it does nothing while the store lacks erasures that are listed.
    """
    client = connect(settings, RELEASE, greet=caught_up(header.greet, erasures))
    header.of_gallery.verify(connect(settings, PUBLISHER))
    return ReleasePublication(
        [TallyShard(client, shard) for shard in range(header.target_shards)],
        Publisher(connect(settings, PUBLISHER, greet=header.of_gallery.greet)),
        ReleaseWatermark(erasures.folder, header.store_id),
    )


def make_ledger_signer(settings: StoreSettings, header: StoreHeader, key_file: Path) -> LedgerSigner:
    """Returns a ledger signer that reads and writes no other stores than these."""
    return LedgerSigner(
        LedgerLog(connect(settings, SIGNER, Room.PRIVATE, greet=header.greet)),
        SignatureWriter(connect(settings, SIGNER, greet=header.of_gallery.greet)),
        partial(load_store_signing_key, key_file, header),
        header.target_shards,
    )


def require_newest_tally(workers: Sequence[ReleaseWorker]) -> None:
    """Makes sure that no tally lacks published releases, before anything is released or signed.

    Raises:
        StoreError: one does, or the guard that knows is lost.
        StoreBusyError: the store did not answer.
    """
    for worker in workers:
        for shard in worker.shards:
            if worker.watermark:
                worker.watermark.check(shard.shard, shard.count_ledger_entries())


def run_release(settings: Settings) -> None:
    """Release, publish and sign until SIGTERM or SIGINT.

    Raises:
        StoreError: the settings or the store do not allow it, or something that was signed is missing.
    """
    store = settings.store
    header = require_healthy_store(store, RELEASE, clock_ms, PUBLISHER, SIGNER)
    erasures = ErasureLog(settings.rollback_guard_dir, header.store_id)
    clock, publishers_clock = (
        StoreClock(connect(store, RELEASE, greet=header.greet), clock_ms, uptime) for _ in range(2)
    )
    workers = make_release_workers(store, header, erasures, entropy, clock)
    require_newest_tally(workers)
    signer = make_ledger_signer(store, header, settings.ledger_key_file)
    signer.check()
    publication = make_release_publication(store, header, erasures)
    gallery = connect(store, PUBLISHER, greet=header.of_gallery.greet)

    def publish(tick_ms: int) -> None:
        # A failover may empty a server under its connections: no first head is signed a second time.
        header.of_gallery.verify(gallery)
        publication.publish(tick_ms)
        signer.run(tick_ms)

    report = report_busy("release")
    with stop_on_signal() as stop, ThreadPoolExecutor(1, "publish") as thread:
        # A thread of its own: what is visible at a tick must not wait for what is being computed.
        publishing = thread.submit(poll_ticks, publish, publishers_clock, stop.wait, report)
        publishing.add_done_callback(lambda _: stop.request())
        try:
            poll(decide_by(clock, lambda: run_together(workers)), stop.wait, _INTERVAL, report)
        finally:
            stop.request()
        publishing.result()
