"""Rotating the pseudonym key on a real store, while intake goes on and programs are killed."""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from privacy.errors import StoreBusyError, StoreError
from privacy.maintenance.key_rotation import KeyRotation
from privacy.maintenance.throttle import Throttle
from privacy.model.account_status import AccountStatus
from privacy.model.engagement import Kind, Verdict
from privacy.tally.outbox_relay import Relay
from privacy.vault.account_record import read_account
from privacy.vault.entries import AdmittedEvent
from privacy.vault.key_rotation import ShardKeyRotation
from privacy.vault.keys_in_force import KeysInForce
from privacy.vault.limits import KnownLimits
from privacy.vault.pseudonym import AccountRef, Pseudonymiser
from privacy.vault.pseudonym_key_file import begin_rotation, create_key_file, end_rotation, load_pseudonymiser
from privacy.vault.recount import Recount, StatusTransition
from privacy.vault.registers import RegisterStore
from privacy.vault.resync import Resync, ResyncReport
from privacy.vault.shards import AccountShards, PseudonymKeys
from privacy.vault.timers import Timers
from tests.support.faults import Crash, every_fault
from tests.support.histories import LIKE, SERIES, UNLIKED
from tests.support.redis_server import Store
from tests.support.registers import HEADER, put_in_force, read_changes, registry_of
from tests.support.stepped_redis import Hook, SteppedRedis

ACCOUNTS = [f"account-{number}" for number in range(40)]


@pytest.fixture
def key_file(store: Store, tmp_path: Path) -> Path:
    """The key file of a new deployment, whose shards are kept under its key."""
    create_key_file(tmp_path / "key", os.urandom)
    KeysInForce(store.admin, HEADER.account_shards).begin(load_pseudonymiser(tmp_path / "key"))
    return tmp_path / "key"


def shards(store: Store, key_file: Path) -> AccountShards:
    """The account shards, as a process of the platform plane sees them that starts now."""
    put_in_force(store, registry_of())
    keys = PseudonymKeys(partial(load_pseudonymiser, key_file))
    limits = KnownLimits(registry_of(), store.platform)
    return AccountShards(store.platform, keys, HEADER.account_shards, limits)


def rotation(store: Store, key_file: Path, hook: Hook | None = None) -> KeyRotation:
    """A rotation, as its command starts it."""
    client = SteppedRedis(store.rekeyer, hook) if hook else store.rekeyer
    keys = PseudonymKeys(partial(load_pseudonymiser, key_file))
    return KeyRotation(AccountShards(client, keys, HEADER.account_shards), Throttle.disabled())


def likes(series: int, change: int = LIKE, at_ms: int = 1) -> list[AdmittedEvent]:
    """Return one event of every account."""
    return [(account, series, at_ms, change, 3) for account in ACCOUNTS]


def restrict_the_first(store: Store, key_file: Path) -> AccountShards:
    """The first account likes something, and is restricted until the time 500; the shards that know it."""
    known = shards(store, key_file)
    RegisterStore(known).record(likes(SERIES[0])[:1], 0)
    first = AccountRef(ACCOUNTS[0])
    Recount(known).change_status(first, StatusTransition(AccountStatus.RESTRICTED, until_ms=500), 0)
    return known


def put_key_in_force(running: KeyRotation) -> None:
    """Take the new key alone from now on; no account has moved yet."""
    for shard in range(HEADER.account_shards):
        ShardKeyRotation(running.shards).put_in_force(shard)


def test_no_count_changes_while_intake_goes_on(store: Store, key_file: Path) -> None:
    """Processes that knew the former key go on: nothing counts twice, and every account is found again."""
    before = shards(store, key_file)
    vault = RegisterStore(before)
    vault.record(likes(SERIES[0]), 0)
    rotated = begin_rotation(key_file, os.urandom)
    vault.record(likes(SERIES[1]), 0)  # not in force yet: still under the former key
    running = rotation(store, key_file)
    moved = running.run(lambda _count: None)
    assert moved == len(ACCOUNTS)
    assert vault.record(likes(SERIES[0]), 0) == [Verdict.DUPLICATE] * len(ACCOUNTS)
    assert vault.record(likes(SERIES[1], UNLIKED, 2), 0) == [Verdict.UNCOUNTED] * len(ACCOUNTS)
    assert running.run(lambda _count: None) == 0
    end_rotation(key_file, rotated)
    assert RegisterStore(shards(store, key_file)).record(likes(SERIES[0]), 0) == [Verdict.DUPLICATE] * len(
        ACCOUNTS
    )
    Relay(store.relay, HEADER).drain()
    changes = read_changes(store.root, SERIES)
    assert {key: times for key, times in changes.items() if times} == {
        (SERIES[0], 3 << 4 | LIKE): 40,
        (SERIES[1], 3 << 4 | LIKE): 40,
        (SERIES[1], 3 << 4 | UNLIKED): 40,
    }


def test_intake_goes_on_amid_a_rotation_that_was_killed(store: Store, key_file: Path) -> None:
    """Killed after one shard, the others are kept under the former key: every process writes to both."""
    earlier = RegisterStore(shards(store, key_file))
    earlier.record(likes(SERIES[0]), 0)
    begin_rotation(key_file, os.urandom)
    ShardKeyRotation(rotation(store, key_file).shards).put_in_force(0)
    later = RegisterStore(shards(store, key_file))
    for vault in (later, earlier):
        assert vault.record(likes(SERIES[0]), 0) == [Verdict.DUPLICATE] * len(ACCOUNTS)
    assert later.record(likes(SERIES[1]), 0) == [Verdict.COUNTED] * len(ACCOUNTS)
    rotation(store, key_file).run(lambda _count: None)
    for vault in (later, earlier):
        assert vault.record(likes(SERIES[1]), 0) == [Verdict.DUPLICATE] * len(ACCOUNTS)


def test_a_foreign_key_is_refused_by_every_shard(store: Store, key_file: Path, tmp_path: Path) -> None:
    """Neither events nor a rotation get in with it, also if only the inner or the outer key differs."""
    own = load_pseudonymiser(key_file)
    create_key_file(tmp_path / "foreign", os.urandom)
    other = load_pseudonymiser(tmp_path / "foreign")
    for foreign in (other, replace(own, inner_key=other.inner_key), replace(own, outer_key=other.outer_key)):
        known = AccountShards(
            store.platform, PseudonymKeys(partial(returned, foreign)), HEADER.account_shards
        )
        with pytest.raises(StoreBusyError, match="cannot read the new one"):
            RegisterStore(known).record(likes(SERIES[0]), 0)
        with pytest.raises(StoreError, match="kept under another pseudonym key"):
            KeysInForce(store.admin, HEADER.account_shards).require(foreign)
    begin_rotation(tmp_path / "foreign", os.urandom)
    with pytest.raises(StoreError, match="refuses a command"):
        rotation(store, tmp_path / "foreign").run(lambda _count: None)
    KeysInForce(store.admin, HEADER.account_shards).require(own)
    assert not store.root.keys("v:*:accounts")


def returned(keys: Pseudonymiser) -> Pseudonymiser:
    """Load keys that are there."""
    return keys


def test_an_account_that_is_met_before_the_job_keeps_everything(store: Store, key_file: Path) -> None:
    """Standing, timer and registers move with the first event that meets an account under its former name."""
    known = restrict_the_first(store, key_file)
    begin_rotation(key_file, os.urandom)
    rotation(store, key_file).run(lambda _count: None)
    now = shards(store, key_file)
    held = read_account(replace(now, client=store.root), now.keys.current.pseudonymise(ACCOUNTS[0]))
    assert held is not None
    assert (held.status, held.until_ms, len(held.registers)) == (AccountStatus.RESTRICTED, 500, 1)
    names = [
        key for key in store.root.keys("v:*") if known.keys.current.pseudonymise(ACCOUNTS[0]).pseudonym in key
    ]
    assert names == []
    pseudonym = now.keys.current.pseudonymise(ACCOUNTS[0]).pseudonym
    timers = [
        store.root.zscore(f"v:{{a{shard}}}:timers", pseudonym) for shard in range(HEADER.account_shards)
    ]
    assert 500 in timers


def test_a_backup_from_the_middle_of_a_rotation_is_refused_after_its_end(
    store: Store, key_file: Path
) -> None:
    """Its accounts are under a key that is destroyed: each of their likes would count a second time."""
    RegisterStore(shards(store, key_file)).record(likes(SERIES[0]), 0)
    rotated = begin_rotation(key_file, os.urandom)
    running = rotation(store, key_file)
    put_key_in_force(running)
    ShardKeyRotation(running.shards).move_accounts(0, [])
    backup = store.dump()
    running.run(lambda _count: None)
    end_rotation(key_file, rotated)
    KeysInForce(store.admin, HEADER.account_shards).require(load_pseudonymiser(key_file))
    store.put_back(backup)
    with pytest.raises(StoreError, match="backup from before its end"):
        KeysInForce(store.admin, HEADER.account_shards).require(load_pseudonymiser(key_file))
    running_process = RegisterStore(shards(store, key_file))
    with pytest.raises(StoreBusyError, match="cannot read the new one"):
        running_process.record(likes(SERIES[0]), 0)


def test_a_backup_from_the_middle_of_a_rotation_goes_on_with_its_keys(store: Store, key_file: Path) -> None:
    """As long as the previous key is there, the rotation is run again, and every account is found."""
    RegisterStore(shards(store, key_file)).record(likes(SERIES[0]), 0)
    rotated = begin_rotation(key_file, os.urandom)
    put_key_in_force(rotation(store, key_file))
    backup = store.dump()
    rotation(store, key_file).run(lambda _count: None)
    store.put_back(backup)
    assert rotation(store, key_file).run(lambda _count: None) == len(ACCOUNTS)
    end_rotation(key_file, rotated)
    KeysInForce(store.admin, HEADER.account_shards).require(load_pseudonymiser(key_file))
    vault = RegisterStore(shards(store, key_file))
    assert set(vault.record(likes(SERIES[0]), 0)) == {Verdict.DUPLICATE}


def test_killed_at_any_store_call_it_goes_on(store: Store, key_file: Path) -> None:
    """Run again after a crash anywhere, the rotation ends with every account under the new key, once."""
    for fault in every_fault(Crash):
        store.flush()
        RegisterStore(shards(store, key_file)).record(likes(SERIES[0])[:6], 0)
        rotated = begin_rotation(key_file, os.urandom)
        try:
            rotation(store, key_file, fault).run(lambda _count: None)
        except Crash:
            rotation(store, key_file).run(lambda _count: None)
        end_rotation(key_file, rotated)
        verdicts = RegisterStore(shards(store, key_file)).record(likes(SERIES[0])[:6], 0)
        assert verdicts == [Verdict.DUPLICATE] * 6


def test_a_process_without_the_new_key_writes_nothing(store: Store, key_file: Path) -> None:
    """Once a key is in force, whoever cannot read it is refused: no account is written under two names."""
    stubborn = shards(store, key_file)
    old = stubborn.keys.current
    RegisterStore(stubborn).record(likes(SERIES[0]), 0)
    begin_rotation(key_file, os.urandom)
    rotation(store, key_file).run(lambda _count: None)
    names = sorted(store.root.keys("v:*"))
    unaware = replace(stubborn, keys=PseudonymKeys(lambda: old))
    with pytest.raises(StoreBusyError, match="rotated"):
        RegisterStore(unaware).record(likes(SERIES[1]), 0)
    assert sorted(store.root.keys("v:*")) == names


def test_an_account_that_has_not_moved_yet_is_read_under_its_former_name(
    store: Store, key_file: Path
) -> None:
    """With the new key in force and nothing moved, what is held is shown, and a resync takes it back."""
    RegisterStore(shards(store, key_file)).record(likes(SERIES[0]), 0)
    begin_rotation(key_file, os.urandom)
    running = rotation(store, key_file)
    put_key_in_force(running)
    now = shards(store, key_file)
    reader = replace(now, client=store.root)
    held = [read_account(reader, now.keys.current.pseudonymise(account)) for account in ACCOUNTS]
    assert [len(account.registers) for account in held if account] == [1] * len(ACCOUNTS)
    resync = Resync(RegisterStore(now))
    assert resync.run(ACCOUNTS[0], Kind.LIKE, {}, 5, 0) == ResyncReport(removed=1)


def test_a_timer_of_an_account_that_has_not_moved_yet_waits(store: Store, key_file: Path) -> None:
    """It names its account by the former pseudonym: nobody is to take that for one under the new key."""
    restrict_the_first(store, key_file)
    begin_rotation(key_file, os.urandom)
    running = rotation(store, key_file)
    put_key_in_force(running)
    now = shards(store, key_file)
    timers = Timers(replace(now, client=store.maintenance), Recount(now))
    assert timers.list_due(1_000) == []
    running.run(lambda _count: None)
    [handle] = now.keys.current.derive_handles(ACCOUNTS[:1])
    assert timers.list_due(1_000) == [(handle.name, AccountStatus.RESTRICTED)]
