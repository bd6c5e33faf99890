"""Every path on which an account is erased leaves the same trace."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from api.runtime.maintenance import make_maintenance_worker
from privacy.maintenance.throttle import Throttle
from privacy.maintenance.worker import ABANDONED_AFTER_MS
from privacy.moderation.advisories import Advisories, Advisory, Signal
from privacy.moderation.audit_trail import MAINTENANCE, ActionStage, AuditEntry
from privacy.moderation.erasure_procedure import ErasureProcedure
from privacy.moderation.pending import PendingOperation, PendingOperations, Work
from privacy.policy.registry import PolicyRegistry
from privacy.rollback.erasure_watermark import ErasureWatermark
from privacy.store.keys import ADVISORIES, AOF_REWRITES_REQUESTED, AUDIT_TRAIL, PENDING_OPERATIONS
from privacy.vault.erasure import Erased
from privacy.vault.shards import PseudonymKeys
from tests.support.faults import Crash, Fault, every_fault
from tests.support.platform_plane import NOW_MS, POLICY, PSEUDONYMISER, keys
from tests.support.redis_server import Store
from tests.support.staff import HEADER, Office, office_on
from tests.support.stepped_redis import SteppedRedis

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


def an_entry(erased: Erased) -> AuditEntry:
    """Return what a procedure of these tests records."""
    return AuditEntry(ActionStage.DONE, "erased", *MAINTENANCE, "", details={"engagements": erased.registers})


GRACE_MS = 1000 * POLICY.retention.deleted_account_seconds


def crashing_procedure(office: Office, fault: Fault) -> ErasureProcedure:
    """Return the maintenance worker's procedure, with a fault at one of its store calls."""
    registry, throttle = PolicyRegistry(POLICY, {POLICY.version: POLICY}), Throttle.disabled()
    return make_maintenance_worker(
        SteppedRedis(office.store.maintenance, fault),
        HEADER,
        registry,
        PseudonymKeys(lambda: PSEUDONYMISER),
        office.maintenance.replay.watermark.erasures,
        office.plane.clock,
        throttle,
    ).erasure


def resume(office: Office) -> None:
    """Let half a minute pass, and let the maintenance worker resume what was interrupted."""
    office.plane.clock.now_ms += ABANDONED_AFTER_MS
    office.maintenance._run_due_timers(office.plane.clock())


def is_held(office: Office, account_id: str) -> bool:
    """Return whether the store holds registers of an account."""
    pseudonym = PSEUDONYMISER.pseudonymise(account_id).pseudonym
    return any(pseudonym in name for name in keys(office.store))


def test_a_crash_leaves_a_reinstated_account_untouched_or_a_deleted_one_erased(office: Office) -> None:
    """Reinstating succeeds exactly if the erasure has not begun; what has begun is finished and recorded."""
    store, clock, statuses = office.store, office.plane.clock, set()
    erasures = office.maintenance.replay.watermark.erasures
    with store.without_fsync():
        for number, fault in enumerate(every_fault(Crash)):
            account_id, clock.now_ms = f"deleted-{number}", NOW_MS
            handle = PSEUDONYMISER.derive_handles([account_id])[0].name
            office.like(account_id, "v-1")
            office.moderate("delete", account_id)
            clock.now_ms += GRACE_MS
            with suppress(Crash):
                crashing_procedure(office, fault).run_if_due(handle, clock(), an_entry)
            status = office.moderate("reinstate", account_id).status_code
            resume(office)
            recorded = {record.tombstone for record in erasures.read_after(0)}
            is_recorded = PSEUDONYMISER.pseudonymise(account_id).tombstone in recorded
            assert (status, is_held(office, account_id), is_recorded) in (
                (200, True, False),
                (409, False, True),
            )
            assert not store.root.exists(PENDING_OPERATIONS)
            statuses.add(status)
    assert statuses == {200, 409}


def test_an_account_that_is_not_due_keeps_its_advisory(office: Office) -> None:
    """Nothing is erased, forgotten or rewritten."""
    before = office.store.root.get(AOF_REWRITES_REQUESTED)
    procedure = crashing_procedure(office, Fault(0))
    assert procedure.run_if_due(HANDLE, NOW_MS, an_entry) is None
    advisories = Advisories(office.store.maintenance).read_all()
    assert [advisory.handles for advisory in advisories] == [[HANDLE, OTHER_HANDLE]]
    assert office.store.root.get(AOF_REWRITES_REQUESTED) == before
    assert not office.store.root.exists(PENDING_OPERATIONS)


def test_a_crash_loses_no_request_of_a_rewrite(office: Office) -> None:
    """The pending operation never leaves the store without a request after that of the account."""
    store = office.store
    with store.without_fsync():
        for number, fault in enumerate(every_fault(Crash)):
            account_id, office.plane.clock.now_ms = f"erased-{number}", NOW_MS
            handle = PSEUDONYMISER.derive_handles([account_id])[0].name
            office.like(account_id, "v-1")
            before = int(store.root.get(AOF_REWRITES_REQUESTED) or 0)
            with suppress(Crash):
                crashing_procedure(office, fault).run(handle, NOW_MS, an_entry)
            has_begun = fault.carried_out or fault.at > 1
            resume(office)
            assert not store.root.exists(PENDING_OPERATIONS)
            assert is_held(office, account_id) != has_begun
            assert not has_begun or int(store.root.get(AOF_REWRITES_REQUESTED) or 0) >= before + 2


def test_a_crash_loses_no_entry_of_the_audit_trail(office: Office) -> None:
    """An erasure that began is recorded as done once it is no longer pending, wherever its process died."""
    with office.store.without_fsync():
        for number, fault in enumerate(every_fault(Crash)):
            account_id, office.plane.clock.now_ms = f"recorded-{number}", NOW_MS
            office.like(account_id, "v-1")
            handle = PSEUDONYMISER.derive_handles([account_id])[0].name
            before = office.store.root.xlen(AUDIT_TRAIL)
            with suppress(Crash):
                crashing_procedure(office, fault).run(handle, NOW_MS, an_entry)
            resume(office)
            written = office.store.root.xlen(AUDIT_TRAIL) - before
            is_erased = not is_held(office, account_id)
            actions = [action for _, action in office.read_trail()[-written:]] if written else []
            assert len([action for action in actions if action in ("erased", "erasure.resumed")]) == is_erased


def test_another_sweeps_advisories_stay_while_an_account_is_forgotten(office: Office) -> None:
    """They are replaced between the reading and the writing of whoever forgets an account."""
    maintenance = Advisories(office.store.maintenance)
    newer = [
        Advisory(Signal.SEQUENCE, NOW_MS + 1, 9, [b"another", HANDLE]),
        Advisory(Signal.NETWORK, NOW_MS + 1, 2, [HANDLE]),
    ]

    def sweep_first(send: Callable[[], object]) -> object:
        answer = send()
        if newer:
            maintenance.replace([newer.pop(0), newer.pop(0)], POLICY.retention.advisory_seconds)
        return answer

    Advisories(SteppedRedis(office.store.maintenance, sweep_first)).forget(HANDLE)
    assert maintenance.read_all() == [Advisory(Signal.SEQUENCE, NOW_MS + 1, 9, [b"another"])]
    assert 0 < office.store.root.ttl(ADVISORIES) <= POLICY.retention.advisory_seconds


def test_a_resumed_erasure_is_recorded_as_done(office: Office) -> None:
    """The audit trail shows that the maintenance worker finished it, and what was left to erase."""
    by_resuming(office)
    entry = office.read("moderation/audit-trail")["entries"][0]
    assert (entry["stage"], entry["action"], entry["owner"]) == ("done", "erasure.resumed", "maintenance")
    assert entry["details"] == {"engagements": 1, "uncounted": 1}


def test_the_resumed_erasure_of_a_deleted_account_is_recorded_as_done(office: Office) -> None:
    """It is recorded as if it had not been interrupted."""
    office.moderate("delete")
    office.plane.clock.now_ms += GRACE_MS
    fault, now_ms = Fault(2, carried_out=True), office.plane.clock()
    with pytest.raises(Crash):
        crashing_procedure(office, fault).run_if_due(HANDLE, now_ms, an_entry)
    resume(office)
    assert office.read_trail()[-1] == ("done", "deleted_account.erased")
