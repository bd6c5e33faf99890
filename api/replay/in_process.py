"""The whole private plane in this process, wired to a virtual clock: intake, relay and release workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from api.http.system import clock_ms, entropy
from api.platform.app import PLANE, PlatformDependencies, build_platform_app
from api.replay.intake import InProcessIntake, SilentLog
from api.replay.staff import InProcessStaff
from api.replay.timeline import Timeline
from api.replay.virtual_clock import VirtualClock
from api.runtime.api_keys import ApiKeys, ApiKeySpec
from api.runtime.relay import make_relay
from api.runtime.release import make_release_workers
from api.runtime.store_setup import PreparedStore
from privacy.model.documents import LedgerEntry
from privacy.release.worker import ReleaseWorker
from privacy.store.connect import connect, translated
from privacy.store.keys import gallery_key
from privacy.store.users import PLATFORM, PUBLISHER
from privacy.vault.recount import Recount
from privacy.vault.registers import ContributionCaps
from privacy.vault.shards import AccountShards

if TYPE_CHECKING:
    from redis import Redis

_OWNER: Final = "history"
_REQUESTS_PER_MINUTE: Final = 1_000_000
_ENTRY: Final = msgspec.json.Decoder(LedgerEntry).decode


@dataclass(frozen=True)
class InProcessSystem:
    """The parts that a history is told with.

    Args:
        clock: the virtual one.
        intake: the platform plane.
        staff: of the platform.
        timeline: moves the clock.
    """

    clock: VirtualClock
    intake: InProcessIntake
    staff: InProcessStaff
    timeline: Timeline


@contextmanager
def time_machine(store: PreparedStore, on_events: Callable[[int], None]) -> Iterator[InProcessSystem]:
    """A machine over a store in which no process runs.

    Its clock starts where the store's last release was cut: in one store time never runs backwards.

    Args:
        store: where to.
        on_events: told how many events were just sent.

    Raises:
        StoreError: the store is not fit.
        StoreBusyError: it cannot answer now.
    """
    clock = VirtualClock(0)
    ring = ApiKeys.open(store.settings, PLANE, clock_ms, entropy)
    with ExitStack() as held:
        workers = make_release_workers(store.settings, store.header, store.erasures, entropy, clock)
        held.callback(workers[0].shards[0].client.close)
        relay = make_relay(store.settings, store.header)
        held.callback(relay.client.close)
        client = held.enter_context(closing(connect(store.settings, PLATFORM, greet=store.header.greet)))
        gallery = held.enter_context(closing(connect(store.settings, PUBLISHER)))
        clock.advance_to(_reached_ms(gallery, workers))
        token = ring.renew(ApiKeySpec(_OWNER, ["ingest"], days=1, requests_per_minute=_REQUESTS_PER_MINUTE))
        held.callback(ring.revoke_all, _OWNER)
        dependencies = PlatformDependencies(
            client=client,
            gallery=gallery,
            header=store.header,
            registry=store.registry,
            keys=store.keys,
            erasures=store.erasures,
            entropy=entropy,
            log=SilentLog(),
        )
        intake = InProcessIntake(build_platform_app(dependencies, clock).test_client(), token)
        shards = AccountShards(client, store.keys, store.header.account_shards)
        staff = InProcessStaff(Recount(shards, ContributionCaps.from_policies(store.registry)), clock)
        timeline = Timeline(clock, intake, relay, staff, workers, on_events)
        yield InProcessSystem(clock, intake, staff, timeline)


def _reached_ms(gallery: Redis, workers: list[ReleaseWorker]) -> int:
    """When the last release of the store was cut; 0 in a new one."""
    reached_ms = 0
    for worker in workers:
        for shard in worker.shards:
            worker.publish(shard)
            length = shard.count_ledger_entries()
            if length:
                with translated():
                    entry = gallery.hget(gallery_key("ledger", shard.shard), str(length - 1))
                reached_ms = max(reached_ms, _ENTRY(entry or b"").cutoff_ms)
    return reached_ms
