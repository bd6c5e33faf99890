"""A store restored from a backup repeats the erasures since then, before any of their accounts is counted."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from api.runtime.maintenance import make_maintenance_worker
from privacy.errors import StoreBusyError, StoreError
from privacy.maintenance.key_rotation import KeyRotation
from privacy.maintenance.reapply_erasures import ErasureReplay
from privacy.maintenance.rebuild_erasure_log import ErasureLogRebuild
from privacy.maintenance.throttle import Throttle
from privacy.maintenance.worker import ABANDONED_AFTER_MS, MaintenanceWorker
from privacy.model.engagement import Reason, Verdict
from privacy.model.timestamp import MS_PER_DAY
from privacy.moderation.advisories import Advisories, Advisory, Signal
from privacy.moderation.audit_trail import AuditTrail
from privacy.rollback.erasure_log import ErasureLog
from privacy.rollback.erasure_watermark import ErasureWatermark, caught_up
from privacy.store.connect import connect, translated
from privacy.store.keys import AOF_REWRITES_REQUESTED, PENDING_OPERATIONS
from privacy.store.users import PLATFORM, RELEASE
from privacy.tally.outbox_relay import Relay
from privacy.vault.erasure import Erasure
from privacy.vault.key_rotation import ShardKeyRotation
from privacy.vault.limits import KnownLimits
from privacy.vault.pseudonym import Account, AccountRef
from privacy.vault.pseudonym_key_file import begin_rotation, create_key_file, end_rotation, load_pseudonymiser
from privacy.vault.registers import RegisterStore
from privacy.vault.scan import AccountScan
from privacy.vault.shards import AccountShards, PseudonymKeys
from tests.support.backup import back_up, put_back
from tests.support.faults import Crash, every_fault
from tests.support.histories import LIKE, SERIES
from tests.support.redis_server import Store, clients, server_with_root
from tests.support.registers import HEADER, POLICY, put_in_force, read_changes, registry_of
from tests.support.stepped_redis import Hook, SteppedRedis

ACCOUNTS = [f"account-{number}" for number in range(12)]
ERASED = ("account-3", "account-7")
NOW_MS = 1_000


@dataclass
class Deployment:
    """A store in a folder, and outside of it the pseudonym keys and the erasure log."""

    folder: Path
    store: Store

    @property
    def key_file(self) -> Path:
        """Path of the pseudonym keys."""
        return self.folder / "pseudonym.key"

    @property
    def erasures(self) -> ErasureLog:
        """The erasure log."""
        return ErasureLog(self.folder / "rollback-guard", HEADER.store_id)

    @property
    def shards(self) -> AccountShards:
        """The account shards, as a new process sees them."""
        keys = PseudonymKeys(partial(load_pseudonymiser, self.key_file))
        limits = KnownLimits(registry_of(), self.store.platform)
        return AccountShards(self.store.platform, keys, HEADER.account_shards, limits)

    def like(self, series: int = SERIES[0], at_ms: int = 1) -> list[Verdict]:
        """Let every account like one series."""
        return RegisterStore(self.shards).record(
            [(account, series, at_ms, LIKE, 3) for account in ACCOUNTS], NOW_MS
        )

    def erase(self, account: str) -> None:
        """Erase an account, as the platform plane does."""
        shards = self.shards
        erasure = Erasure(shards, ErasureWatermark(self.store.platform, self.erasures))
        erasure.erase(AccountRef(account), NOW_MS)

    def worker(self, hook: Hook | None = None, now_ms: int = NOW_MS) -> MaintenanceWorker:
        """Return a maintenance worker."""
        client = SteppedRedis(self.store.maintenance, hook) if hook else self.store.maintenance
        registry = registry_of()
        keys, throttle = self.shards.keys, Throttle.disabled()
        return make_maintenance_worker(
            client, HEADER, registry, keys, self.erasures, lambda: now_ms, throttle
        )

    def replay(self, hook: Hook | None = None) -> ErasureReplay:
        """Return what a maintenance worker runs first."""
        return self.worker(hook).replay

    def back_up(self) -> Path:
        """Copy the data, as Redis has it on disk."""
        return back_up(self.store.server, self.folder / "backup")

    def put_back(self, backup: Path) -> None:
        """Stop the server, put the backup in place of its data, and start it again."""
        put_back(self.store.server, backup)

    def held(self) -> list[str]:
        """Return the accounts that have data in the store."""
        shards = self.shards
        return [
            account
            for account in ACCOUNTS
            if any(
                map(
                    self.store.root.exists,
                    shards.list_stored_names(shards.keys.current.pseudonymise(account)),
                )
            )
        ]


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    """Twelve accounts that like one series, and an empty erasure log."""
    (tmp_path / "redis").mkdir()
    with server_with_root(tmp_path / "redis") as server, clients(server) as store:
        made = Deployment(tmp_path, store)
        create_key_file(made.key_file, os.urandom)
        made.erasures.create()
        for name, text in HEADER._fields().items():
            store.root.hset(HEADER.key, name, text)
        put_in_force(store, registry_of())
        assert made.like() == [Verdict.COUNTED] * len(ACCOUNTS)
        yield made


def test_what_was_erased_stays_erased(deployment: Deployment) -> None:
    """After the worker's first step the accounts are gone, closed, and out of the counts; others stay."""
    backup = deployment.back_up()
    for account in ERASED:
        deployment.erase(account)
    deployment.put_back(backup)
    assert deployment.held() == ACCOUNTS
    assert deployment.replay().run(NOW_MS) == len(ERASED)
    others = [account for account in ACCOUNTS if account not in ERASED]
    assert deployment.held() == others
    verdicts = dict(zip(ACCOUNTS, deployment.like(), strict=True))
    assert {verdicts[account] for account in ERASED} == {Verdict.ACCOUNT_CLOSED}
    assert {verdicts[account] for account in others} == {Verdict.DUPLICATE}
    Relay(deployment.store.relay, HEADER).drain()
    changes = read_changes(deployment.store.root, SERIES)
    assert (changes[SERIES[0], 3 << 4 | LIKE], changes[SERIES[0], 3 << 4 | Reason.ACCOUNT]) == (12, 2)
    assert deployment.replay().run(NOW_MS) == 0
    entry = AuditTrail(deployment.store.platform).read_page(None, 1)[0][1]
    assert entry.details == {"listed": 2, "accounts": 2, "engagements": 2, "uncounted": 2}


def test_nothing_is_accepted_or_released_before_the_replay(deployment: Deployment) -> None:
    """New connections of the platform plane and the release worker are refused until the replay is done."""
    backup = deployment.back_up()
    deployment.erase(ERASED[0])
    greet = caught_up(HEADER.greet, deployment.erasures)
    deployment.put_back(backup)
    settings = deployment.store.settings
    for user in (PLATFORM, RELEASE):
        with closing(connect(settings, user, greet=greet)) as client:
            with pytest.raises(StoreBusyError, match="lacks 1 erasures"), translated():
                client.ping()
            with pytest.raises(StoreBusyError, match="lacks 1 erasures"), translated():
                client.ping()
    deployment.replay().run(NOW_MS)
    for user in (PLATFORM, RELEASE):
        with closing(connect(settings, user, greet=greet)) as client, translated():
            assert client.ping()


def test_an_erasure_between_its_two_writes_is_no_replay(deployment: Deployment) -> None:
    """A worker that sees it in the log alone waits for the store, repeats nothing and records nothing."""
    looks: list[Any] = []

    def erase_after_first_look(send: Callable[[], Any]) -> Any:
        looks.append(send())
        if len(looks) == 1:
            deployment.erase(ERASED[0])
        return looks[-1]

    assert deployment.replay(erase_after_first_look).run(NOW_MS) == 0
    assert len(looks) > 1
    page = AuditTrail(deployment.store.platform).read_page(None, 10)
    assert "erasures.replayed" not in [entry.action for _, entry in page]


def test_no_new_erasure_hides_an_old_one(deployment: Deployment) -> None:
    """While erasures are missing no other one is recorded; afterwards it is, and both are in effect."""
    backup = deployment.back_up()
    deployment.erase(ERASED[0])
    deployment.put_back(backup)
    with pytest.raises(StoreBusyError, match="lacks 1 erasures"):
        deployment.erase(ERASED[1])
    assert deployment.erasures.last_number() == 1
    deployment.replay().run(NOW_MS)
    deployment.erase(ERASED[1])
    assert set(ERASED) & set(deployment.held()) == set()


def test_an_account_that_the_backup_does_not_know_is_closed(deployment: Deployment) -> None:
    """Events since the backup are sent again, also those of an account that was created and erased since."""
    backup = deployment.back_up()
    late = "account-late"
    shards = deployment.shards
    vault = RegisterStore(shards)
    like = [(late, SERIES[0], 1, LIKE, 3)]
    assert vault.record(like, NOW_MS) == [Verdict.COUNTED]
    deployment.erase(late)
    deployment.put_back(backup)
    deployment.replay().run(NOW_MS)
    assert vault.record(like, NOW_MS) == [Verdict.ACCOUNT_CLOSED]


def test_a_replay_that_is_killed_at_any_store_call_is_repeated(deployment: Deployment) -> None:
    """The store stays behind until all accounts are erased; in the end nothing names them or is pending."""
    handles = [handle.name for handle in deployment.shards.keys.current.derive_handles(ERASED)]
    Advisories(deployment.store.maintenance).replace([Advisory(Signal.NETWORK, NOW_MS, 2, handles)], 1_000)
    backup = deployment.back_up()
    for account in ERASED:
        deployment.erase(account)
    deployment.put_back(backup)
    before = {name: deployment.store.root.dump(name) or b"" for name in deployment.store.root.keys("*")}
    with deployment.store.without_fsync():
        for fault in every_fault(Crash):
            deployment.store.flush()
            for name, dumped in before.items():
                deployment.store.root.restore(name, 0, dumped)
            try:
                deployment.replay(fault).run(NOW_MS)
            except Crash:
                done = not ErasureWatermark(deployment.store.platform, deployment.erasures).is_behind()
                assert not done or not set(ERASED) & set(deployment.held())
                deployment.replay().run(NOW_MS)
            assert not set(ERASED) & set(deployment.held())
            deployment.worker(now_ms=NOW_MS + ABANDONED_AFTER_MS).step()
            assert not deployment.store.root.exists(PENDING_OPERATIONS)
            assert Advisories(deployment.store.maintenance).read_all() == []
            assert int(deployment.store.root.get(AOF_REWRITES_REQUESTED) or 0) >= len(ERASED)
            Relay(deployment.store.relay, HEADER).drain()
            changes = read_changes(deployment.store.root, SERIES)
            assert changes[SERIES[0], 3 << 4 | Reason.ACCOUNT] == len(ERASED)


def test_a_rotation_since_the_erasure_changes_nothing(deployment: Deployment) -> None:
    """Log records do not depend on the outer key: rotated, backed up, erased, restored, it is erased."""
    begin_rotation(deployment.key_file, os.urandom)
    rotate(deployment)
    backup = deployment.back_up()
    deployment.erase(ERASED[0])
    deployment.put_back(backup)
    deployment.replay().run(NOW_MS)
    assert ERASED[0] not in deployment.held()


@pytest.mark.parametrize("begun", [False, True], ids=["before", "amid"])
def test_a_backup_from_before_a_rotation_stays_closed(deployment: Deployment, *, begun: bool) -> None:
    """Its key is destroyed, so no account can be recognised: nothing is erased, and nothing is accepted."""
    if begun:
        begin_rotation(deployment.key_file, os.urandom)
        shards = replace(deployment.shards, client=deployment.store.rekeyer)
        rotation = KeyRotation(shards, Throttle.disabled())
        with pytest.raises(StopIteration):
            rotation.run(stop_moving)
    backup = deployment.back_up()
    deployment.erase(ERASED[0])
    if not begun:
        begin_rotation(deployment.key_file, os.urandom)
    rotate(deployment)
    deployment.put_back(backup)
    with pytest.raises(StoreError, match="rotat"):
        deployment.replay().run(NOW_MS)
    assert ErasureWatermark(deployment.store.platform, deployment.erasures).is_behind()


def test_an_older_log_is_detected_and_a_lost_one_can_be_rebuilt(deployment: Deployment) -> None:
    """A log that ends before the store's watermark stops everything; the tombstones restore it."""
    watermark = ErasureWatermark(deployment.store.maintenance, deployment.erasures)
    deployment.erase(ERASED[0])
    older = deployment.erasures.path.read_bytes()
    deployment.erase(ERASED[1])
    deployment.erasures.path.write_bytes(older)
    with pytest.raises(StoreError, match="ends with 1, and the store knows of 2"):
        deployment.replay().run(NOW_MS)
    deployment.erasures.path.unlink()
    with pytest.raises(StoreError, match="is not there"):
        watermark.require_caught_up()
    assert ErasureLogRebuild(watermark, HEADER.account_shards).run(NOW_MS) == len(ERASED)
    assert not watermark.is_behind()
    deployment.store.root.delete("store:erasures", *deployment.store.root.keys("v:*:tombstones"))
    assert watermark.is_behind()


def test_records_are_deleted_when_no_backup_needs_them(deployment: Deployment) -> None:
    """A day after `backup_seconds`; the next erasure goes on counting, and an older backup is refused."""
    backup = deployment.back_up()
    deployment.erase(ERASED[0])
    backup_ms = 1000 * POLICY.retention.backup_seconds
    deployment.replay().run(NOW_MS + backup_ms + MS_PER_DAY)
    assert deployment.erasures.oldest_ms() == NOW_MS
    deployment.replay().run(NOW_MS + backup_ms + MS_PER_DAY + 1)
    assert deployment.erasures.oldest_ms() is None
    deployment.erase(ERASED[1])
    assert deployment.erasures.last_number() == 2
    deployment.put_back(backup)
    with pytest.raises(StoreError, match="older than `backup_seconds`"):
        deployment.replay().run(NOW_MS)


def rotate(deployment: Deployment) -> None:
    """Move every account to the new key, and destroy the previous one."""
    KeyRotation(replace(deployment.shards, client=deployment.store.rekeyer), Throttle.disabled()).run(
        lambda _count: None
    )
    end_rotation(deployment.key_file, load_pseudonymiser(deployment.key_file))


def stop_moving(_count: int) -> None:
    """End a rotation after the first shard."""
    raise StopIteration


def test_an_account_that_a_rotation_moves_meanwhile_is_erased(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scan may miss it, as its name changes: it is found by another scan before the store is served."""
    backup = deployment.back_up()
    for account in ERASED:
        deployment.erase(account)
    deployment.put_back(backup)
    begin_rotation(deployment.key_file, os.urandom)
    keys = PseudonymKeys(partial(load_pseudonymiser, deployment.key_file))
    moving = AccountShards(deployment.store.rekeyer, keys, HEADER.account_shards)
    for shard in range(HEADER.account_shards):
        ShardKeyRotation(moving).put_in_force(shard)
    whole, scans = AccountScan.scan_accounts, [0]
    missed = {account.tombstone for account in keys.current.pseudonymise_all(ERASED)}

    def scan(accounts: AccountScan) -> Iterator[list[Account]]:
        scans[0] += 1
        for page in whole(accounts):
            yield [account for account in page if scans[0] > 1 or account.tombstone not in missed]

    monkeypatch.setattr(AccountScan, "scan_accounts", scan)
    assert deployment.replay().run(NOW_MS) == len(ERASED)
    assert not set(ERASED) & set(deployment.held())
