"""Every path on which an account is erased leaves the same trace."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from privacy.maintenance.worker import ABANDONED_AFTER_MS
from privacy.moderation.advisories import Advisories, Advisory, Signal
from privacy.moderation.pending import PendingOperation, PendingOperations, Work
from privacy.rollback.erasure_watermark import ErasureWatermark
from privacy.store.keys import AOF_REWRITES_REQUESTED, PENDING_OPERATIONS
from tests.support.platform_plane import NOW_MS, POLICY, PSEUDONYMISER, keys
from tests.support.redis_server import Store
from tests.support.staff import HEADER, Office, office_on

ACCOUNT = PSEUDONYMISER.pseudonymise("account-1")
HANDLE, OTHER_HANDLE = (handle.name for handle in PSEUDONYMISER.derive_handles(["account-1", "account-2"]))


@pytest.fixture
def office(store: Store) -> Office:
    """An office, a video that account-1 likes, and an advisory that names account-1."""
    office = office_on(store)
    office.plane.register("v-1")
    office.like("account-1", "v-1")
    office.work()  # the sweep replaces advisories
    advisory = Advisory(Signal.NETWORK, NOW_MS, 2, [HANDLE, OTHER_HANDLE])
    Advisories(store.maintenance).replace([advisory], POLICY.retention.advisory_seconds)
    return office


def by_request(office: Office) -> None:
    """The person requests it."""
    assert office.request("erasures").status_code == 200


def by_deletion(office: Office) -> None:
    """The grace of a deleted account is over."""
    office.moderate("delete")
    office.plane.clock.now_ms += 1000 * POLICY.retention.deleted_account_seconds
    office.maintenance._run_due_timers(office.plane.clock())


def by_resuming(office: Office) -> None:
    """A request was interrupted right after it began."""
    with pytest.raises(KeyboardInterrupt):
        interrupt(PendingOperations(office.store.platform))
    office.plane.clock.now_ms += ABANDONED_AFTER_MS
    office.maintenance._run_due_timers(office.plane.clock())


def interrupt(pending: PendingOperations) -> None:
    """Begin an erasure, and end before it does anything."""
    with pending.track(PendingOperation(HANDLE, Work.ERASE), NOW_MS):
        raise KeyboardInterrupt


def by_replay(office: Office) -> None:
    """The store was restored from a backup that is older than the erasure."""
    erasures = office.maintenance.replay.watermark.erasures
    with erasures.locked():
        erasures.append(NOW_MS, NOW_MS + 10**12, ACCOUNT.shard(HEADER.account_shards), ACCOUNT.tombstone)
    office.maintenance.replay.run(NOW_MS)


@pytest.mark.parametrize("erase", [by_request, by_deletion, by_resuming, by_replay])
def test_every_path_leaves_the_same_trace(office: Office, erase: Callable[[Office], None]) -> None:
    """Tombstone, log record and watermark are there; account, advisory and pending operation are gone."""
    store = office.store
    watermark = ErasureWatermark(store.maintenance, office.maintenance.replay.watermark.erasures)
    before = int(store.root.get(AOF_REWRITES_REQUESTED) or 0)
    erase(office)
    assert watermark.read() == watermark.erasures.last_number() == 1
    assert watermark.erasures.read_after(0)[0].tombstone == ACCOUNT.tombstone
    assert [advisory.handles for advisory in Advisories(store.maintenance).read_all()] == [[OTHER_HANDLE]]
    # One request each after the account and after the pending operation is gone.
    assert int(store.root.get(AOF_REWRITES_REQUESTED) or 0) == before + 2
    assert not store.root.exists(PENDING_OPERATIONS)
    assert not [name for name in keys(store) if ACCOUNT.pseudonym in name]
