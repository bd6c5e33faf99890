"""Runs intake, relay and release workers in this process, under a virtual clock."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Final

import msgspec

from api.http.system import entropy
from api.platform.app import build_platform_app
from api.platform.dependencies import PLANE, PlatformDependencies
from api.replay.actions import InProcessStaff
from api.replay.intake import InProcessIntake, NullRequestLog
from api.replay.timeline import Timeline, VirtualClock
from api.runtime.api_keys import ApiKeys, ApiKeySpec
from api.runtime.relay import make_relay
from api.runtime.release import make_release_publication, make_release_workers
from api.runtime.store_setup import PreparedStore
from privacy.maintenance.audience_closing import AudienceCloser
from privacy.model.documents import LedgerEntry
from privacy.store.connect import connect
from privacy.store.users import MAINTENANCE, PLATFORM, PUBLISHER
from privacy.tally.ledger_log import LedgerLog
from privacy.tally.series import TallyShard
from privacy.vault.limits import KnownLimits
from privacy.vault.recount import Recount
from privacy.vault.shards import AccountShards

_OWNER: Final = "history"
_REQUESTS_PER_MINUTE: Final = 1_000_000
_DECODE_ENTRY: Final = msgspec.json.Decoder(LedgerEntry).decode


@dataclass(frozen=True)
class InProcessSystem:
    """The parts needed to replay a history.

    Args:
        clock: the virtual clock.
        intake: the platform plane.
        staff: the platform's staff.
        timeline: moves the clock.
    """

    clock: VirtualClock
    intake: InProcessIntake
    staff: InProcessStaff
    timeline: Timeline


@contextmanager
def open_in_process_system(
    store: PreparedStore, on_events: Callable[[int], None], *, equal_work: bool
) -> Iterator[InProcessSystem]:
    """Opens the system on a store that no other process uses.

    The clock starts at the end of the last epoch that was released, because time in a store never runs back.

    Args:
        store: the prepared store.
        on_events: called with the number of events just sent.
        equal_work: that of `ReleaseWorker`.

    Raises:
        StoreError: the store is not usable.
        StoreBusyError: it cannot answer now.
    """
    clock = VirtualClock(0)
    api_keys = ApiKeys.open(store.settings, PLANE, entropy)
    with ExitStack() as held:
        workers = make_release_workers(
            store.settings, store.header, store.erasures, entropy, clock, equal_work=equal_work
        )
        held.callback(workers[0].shards[0].client.close)
        publication = make_release_publication(store.settings, store.header, store.erasures)
        held.callback(publication.shards[0].client.close)
        relay = make_relay(store.settings, store.header, clock)
        held.callback(relay.client.close)
        client = held.enter_context(closing(connect(store.settings, PLATFORM, greet=store.header.greet)))
        gallery = held.enter_context(closing(connect(store.settings, PUBLISHER)))
        clock.advance_to(_last_as_of_ms(publication.shards))
        token = api_keys.renew(
            ApiKeySpec(_OWNER, ["ingest"], days=1, requests_per_minute=_REQUESTS_PER_MINUTE)
        )
        held.callback(api_keys.revoke_all, _OWNER)
        dependencies = PlatformDependencies(
            client=client,
            gallery=gallery,
            header=store.header,
            registry=store.registry,
            keys=store.keys,
            erasures=store.erasures,
            entropy=entropy,
            log=NullRequestLog(),
            virtual_clock=clock,
        )
        intake = InProcessIntake(build_platform_app(dependencies, clock).test_client(), token)
        limits = KnownLimits(store.registry, client)
        shards = AccountShards(client, store.keys, store.header.account_shards, limits, clock)
        staff = InProcessStaff(Recount(shards), clock)
        closer = held.enter_context(_open_closer(store, clock))
        timeline = Timeline(clock, intake, relay, staff, workers, publication, closer.step, on_events)
        yield InProcessSystem(clock, intake, staff, timeline)


@contextmanager
def _open_closer(store: PreparedStore, clock: VirtualClock) -> Iterator[AudienceCloser]:
    """Opens what the maintenance worker does for audiences."""
    with closing(connect(store.settings, MAINTENANCE, greet=store.header.greet)) as client:
        limits = KnownLimits(store.registry, client)
        shards = AccountShards(client, store.keys, store.header.account_shards, limits, clock)
        yield AudienceCloser(shards, store.header.target_shards, store.registry)


def _last_as_of_ms(shards: Sequence[TallyShard]) -> int:
    """Returns the end of the last epoch that was released; 0 in a new store."""
    last_as_of_ms = 0
    for shard in shards:
        length = shard.count_ledger_entries()
        for entry in LedgerLog(shard.client).read_entries(shard.shard, length - 1, 1) if length else ():
            last_as_of_ms = max(last_as_of_ms, _DECODE_ENTRY(entry).as_of_ms)
    return last_as_of_ms
