"""The vault on a real Redis: one verdict at a time, and what is stored of it."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import cast

import msgspec
import pytest

from privacy.errors import StoreBusyError
from privacy.model.engagement import Reason, Verdict
from privacy.model.timestamp import MS_PER_DAY
from privacy.store.keys import outbox_key, vault_key
from privacy.vault.limits import limits_key
from privacy.vault.registers import RegisterStore
from tests.support.histories import LIKE, SERIES, UNLIKED
from tests.support.redis_server import Store
from tests.support.reference_model import Register
from tests.support.registers import (
    HEADER,
    POLICY,
    PSEUDONYMISER,
    account_key,
    outbox_lengths,
    raw,
    read_registers,
    vault_on,
)

VIDEO, OTHER_VIDEO, THIRD_VIDEO = SERIES[:3]
COUNTED, UNCOUNTED, DUPLICATE = Verdict.COUNTED, Verdict.UNCOUNTED, Verdict.DUPLICATE
LATE, OVER_CAP = Verdict.LATE, Verdict.OVER_CAP


@pytest.fixture
def vault(store: Store) -> RegisterStore:
    """A vault with w = 4 and M = 2 on an empty store."""
    return vault_on(store, 4, 2)


def outbox(store: Store, key: str | bytes) -> list[bytes]:
    """The changes in an outbox, entry by entry; an entry holds nothing else."""
    entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", store.root.xrange(key))
    assert all(list(fields) == [b"c"] for _, fields in entries)
    return [fields[b"c"] for _, fields in entries]


def one(vault: RegisterStore, at_ms: int, change: int, cell: int = 7, now_ms: int = 0) -> Verdict:
    """Record one event of one engagement."""
    (verdict,) = vault.record([("ada", VIDEO, at_ms, change, cell)], now_ms)
    return verdict


def test_a_like_and_an_unlike(vault: RegisterStore, store: Store) -> None:
    """The newest event decides; both changes are in the outbox, in their order and their cell."""
    assert [one(vault, 1, LIKE), one(vault, 2, UNLIKED)] == [COUNTED, UNCOUNTED]
    assert read_registers(store.root, ["ada"]) == {("ada", VIDEO): Register(2, False, 0, 2, 7)}
    shard = PSEUDONYMISER.pseudonymise("ada").shard(HEADER.account_shards)
    changes = b"".join(outbox(store, outbox_key(shard)))
    series, cell = VIDEO.to_bytes(8, "little"), 7 << 4
    expected = series + (cell | LIKE).to_bytes(4, "little") + series + (cell | UNLIKED).to_bytes(4, "little")
    assert changes == expected


def test_repeated_and_late_events_change_nothing(vault: RegisterStore, store: Store) -> None:
    """The same event again is a duplicate; an older one is late; neither touches register or outbox."""
    one(vault, 5, LIKE)
    before = (read_registers(store.root, ["ada"]), outbox_lengths(store.root))
    assert [one(vault, 5, LIKE), one(vault, 4, UNLIKED), one(vault, 4, LIKE)] == [DUPLICATE, LATE, LATE]
    assert (read_registers(store.root, ["ada"]), outbox_lengths(store.root)) == before


def test_two_events_of_one_moment(vault: RegisterStore) -> None:
    """At one moment the larger change wins, whichever comes first."""
    assert [one(vault, 5, LIKE), one(vault, 5, UNLIKED), one(vault, 5, LIKE)] == [COUNTED, UNCOUNTED, LATE]


def test_an_unlike_that_comes_first(vault: RegisterStore, store: Store) -> None:
    """It is remembered, so that the older like is late; nothing was counted and nothing is removed."""
    assert [one(vault, 2, UNLIKED), one(vault, 1, LIKE)] == [UNCOUNTED, LATE]
    assert outbox_lengths(store.root) == [0] * HEADER.account_shards
    assert one(vault, 3, LIKE) == COUNTED


def test_the_cell_is_fixed_when_first_counted(vault: RegisterStore, store: Store) -> None:
    """A like again, from another cell, counts where the first one did."""
    for at_ms, change, cell in ((1, LIKE, 7), (2, UNLIKED, 8), (3, LIKE, 9)):
        one(vault, at_ms, change, cell)
    assert read_registers(store.root, ["ada"])["ada", VIDEO].cell == 7


def test_a_frozen_register_follows_the_will_and_counts_no_further(vault: RegisterStore, store: Store) -> None:
    """After w flips a like is remembered, answered as not counted, and leaves the counts alone."""
    for at_ms in range(4):
        one(vault, at_ms, at_ms % 2)
    assert [one(vault, 4, LIKE), one(vault, 4, LIKE), one(vault, 5, UNLIKED)] == [
        UNCOUNTED,
        DUPLICATE,
        UNCOUNTED,
    ]
    assert read_registers(store.root, ["ada"]) == {("ada", VIDEO): Register(5, False, 0, 4, 7)}
    assert sum(outbox_lengths(store.root)) == 4


def test_what_is_counted_can_be_uncounted_under_a_lower_flip_cap(vault: RegisterStore, store: Store) -> None:
    """An engagement that flipped three times under w = 4 is uncounted under w = 2, and then frozen."""
    for at_ms in range(3):
        one(vault, at_ms, at_ms % 2)
    stricter = vault_on(store, 2, 2)
    assert [one(stricter, 3, UNLIKED), one(stricter, 4, LIKE)] == [UNCOUNTED, UNCOUNTED]
    assert read_registers(store.root, ["ada"])["ada", VIDEO].flips == 4


@pytest.mark.parametrize("reason", [Reason.UNLIKED, Reason.CORRECTION])
def test_every_reason_uncounts(reason: Reason, vault: RegisterStore, store: Store) -> None:
    """A like is no longer counted, by whichever of person and resync it was ended."""
    one(vault, 1, LIKE)
    assert one(vault, 2, reason) == UNCOUNTED
    assert not read_registers(store.root, ["ada"])["ada", VIDEO].liked


def test_no_more_than_the_daily_cap_is_newly_counted(vault: RegisterStore, store: Store) -> None:
    """The third new engagement of a day is over the cap and not stored; the day after it is taken."""
    likes = [("ada", series, 1, LIKE, 0) for series in (VIDEO, OTHER_VIDEO, THIRD_VIDEO)]
    assert vault.record(likes, 0) == [COUNTED, COUNTED, OVER_CAP]
    assert ("ada", THIRD_VIDEO) not in read_registers(store.root, ["ada"])
    assert vault.record(likes, MS_PER_DAY - 1) == [DUPLICATE, DUPLICATE, OVER_CAP]
    assert vault.record(likes, MS_PER_DAY) == [DUPLICATE, DUPLICATE, COUNTED]


def test_known_engagements_are_not_capped(vault: RegisterStore) -> None:
    """The cap is on engagements that are new, not on changes of old ones; each account has its own."""
    likes = [("ada", VIDEO, 1, LIKE, 0), ("ada", OTHER_VIDEO, 1, LIKE, 0)]
    assert vault.record(likes, 0) == [COUNTED, COUNTED]
    again = [("ada", VIDEO, 2, UNLIKED, 0), ("ada", VIDEO, 3, LIKE, 0), ("bo", VIDEO, 1, LIKE, 0)]
    assert vault.record(again, 0) == [UNCOUNTED, COUNTED, COUNTED]


def test_a_clock_that_steps_back_opens_no_new_day(vault: RegisterStore) -> None:
    """A day that is full stays full when the clock goes back."""
    likes = [("ada", series, 1, LIKE, 0) for series in (VIDEO, OTHER_VIDEO, THIRD_VIDEO)]
    assert vault.record(likes, 5 * MS_PER_DAY) == [COUNTED, COUNTED, OVER_CAP]
    assert vault.record(likes[2:], 4 * MS_PER_DAY) == [OVER_CAP]
    assert vault.record(likes[2:], 6 * MS_PER_DAY) == [COUNTED]


def test_a_day_that_was_far_ahead_ends_today(vault: RegisterStore) -> None:
    """It was reached at a time that was accepted by mistake: today has no more, and tomorrow has all."""
    likes = [("ada", series, 1, LIKE, 0) for series in (VIDEO, OTHER_VIDEO, THIRD_VIDEO)]
    assert vault.record(likes[:2], 3_650 * MS_PER_DAY) == [COUNTED, COUNTED]
    assert vault.record(likes[2:], 5 * MS_PER_DAY) == [OVER_CAP]
    assert vault.record(likes[2:], 6 * MS_PER_DAY) == [COUNTED]
    more = [("ada", 4 * series, 1, LIKE, 0) for series in (51, 52, 53)]
    assert vault.record(more, 6 * MS_PER_DAY) == [COUNTED, OVER_CAP, OVER_CAP]
    assert vault.record(more, 7 * MS_PER_DAY) == [DUPLICATE, COUNTED, COUNTED]


def test_verdicts_are_in_the_order_of_the_events(vault: RegisterStore) -> None:
    """Accounts lie in different shards; each event gets its own verdict back."""
    accounts = [f"account-{number}" for number in range(50)]
    events = [(account, VIDEO, 1, LIKE, 0) for account in accounts]
    vault.record(events[::2], 0)
    assert vault.record(events, 0) == [DUPLICATE if number % 2 == 0 else COUNTED for number in range(50)]


def test_an_empty_batch_asks_nothing_of_the_store(vault: RegisterStore, store: Store) -> None:
    """No events, no verdicts, no keys but those of the limits in force."""
    assert vault.record([], 0) == []
    assert set(map(raw, store.root.keys())) == limits_keys()


def test_the_largest_values_are_kept(vault: RegisterStore, store: Store) -> None:
    """The last cell, the last moment of year 9999 and a series near 2^48 are stored exactly."""
    at_ms, cell, series = 253_402_300_799_999, (1 << 28) - 1, (1 << 48) - 4
    assert vault.record([("ada", series, at_ms, LIKE, cell)], 0) == [COUNTED]
    assert read_registers(store.root, ["ada"]) == {("ada", series): Register(at_ms, True, 0, 1, cell)}


def limits_keys() -> set[bytes]:
    """Name the keys of the limits in force."""
    return {limits_key(shard).encode() for shard in range(HEADER.account_shards)}


def everything_stored(store: Store) -> Sequence[bytes]:
    """Every key, field and value."""
    found = []
    for key in sorted(map(raw, store.root.keys())):
        found.append(key)
        kind = store.root.type(key)
        if kind == b"stream":
            found += outbox(store, key)
        elif kind == b"string":
            found.append(raw(store.root.get(key)))
        else:
            found += [raw(text) for pair in store.root.hgetall(key).items() for text in pair]
    return found


def test_no_account_id_is_stored(vault: RegisterStore, store: Store) -> None:
    """Neither the id nor an unkeyed hash of it is anywhere; a pseudonym is a name and in no value."""
    accounts = [f"recognisable-account-{number}" for number in range(20)]
    vault.record([(account, VIDEO, 1, LIKE, 0) for account in accounts], 0)
    stored = everything_stored(store)
    assert not any(b"recognisable" in text for text in stored)
    for account in accounts:
        found = PSEUDONYMISER.pseudonymise(account)
        assert blake2b(account.encode(), digest_size=16).digest() not in b"".join(stored)
        shard, pseudonym = found.shard(HEADER.account_shards), found.pseudonym
        holders = sorted(text for text in stored if pseudonym in text)
        assert holders == sorted([account_key(account), pseudonym])
        assert store.root.hkeys(vault_key(shard, "accounts")).count(pseudonym) == 1


def test_nothing_is_kept_by_target(vault: RegisterStore, store: Store) -> None:
    """Registers and tables are by account, outboxes without accounts: no key answers who liked a video."""
    vault.record([(f"account-{number}", VIDEO, 1, LIKE, 0) for number in range(30)], 0)
    registers = [key for key in map(raw, store.root.keys()) if b":r0:" in key]
    outboxes = {outbox_key(shard).encode() for shard in range(HEADER.account_shards)}
    tables = {vault_key(shard, "accounts").encode() for shard in range(HEADER.account_shards)}
    assert len(registers) == 30
    assert set(map(raw, store.root.keys())) == {*registers, *outboxes, *tables, *limits_keys()}
    pseudonyms = {PSEUDONYMISER.pseudonymise(f"account-{number}").pseudonym for number in range(30)}
    assert {pseudonym for table in tables for pseudonym in store.root.hkeys(table)} == pseudonyms


def test_registers_stay_packed(store: Store) -> None:
    """Hundreds of engagements of an account stay in Redis's compact form, about 20 bytes each.

    M is larger than any policy's should be, so that one day is enough to fill the account.
    """
    vault = vault_on(store, 4, 1000)
    at_ms = 1_777_817_251_000
    likes = [("ada", 4 * video, at_ms + 1_000 * video, LIKE, 1_000_000) for video in range(300)]
    assert set(vault.record(likes, 0)) == {COUNTED}
    key = account_key("ada")
    assert store.root.object("encoding", key) == b"listpack"
    used = store.root.memory_usage(key)
    assert isinstance(used, int)
    assert used < 24 * 300


def test_a_full_store_refuses_and_loses_nothing(vault: RegisterStore, store: Store) -> None:
    """Without memory nothing is acknowledged and nothing half-written; sent again, it counts once."""
    vault.record([("bo", VIDEO, 1, LIKE, 0)], 0)
    before = everything_stored(store)
    store.root.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreBusyError, match="is full"):
            one(vault, 1, LIKE)
        assert everything_stored(store) == before
    finally:
        store.root.config_set("maxmemory", 0)
    assert one(vault, 1, LIKE) == COUNTED


def test_every_admission_of_a_day_is_counted(store: Store) -> None:
    """The first like of a day and all later ones take one admission."""
    quick = vault_on(store, 4, 7, integrity=msgspec.structs.replace(POLICY.integrity, burst_likes=3))
    moments = [(day * MS_PER_DAY, day * 100 + place) for day in range(2) for place in range(9)]
    verdicts = [
        quick.record([("ada", 4 * (series + 1), now_ms + series * 600_000, LIKE, 0)], now_ms)[0]
        for now_ms, series in moments
    ]
    assert verdicts == 2 * [*7 * [COUNTED], OVER_CAP, OVER_CAP]


def admissions(store: Store, account_id: str) -> bytes:
    """An account's integer, in the table of its shard."""
    account = PSEUDONYMISER.pseudonymise(account_id)
    table = vault_key(account.shard(HEADER.account_shards), "accounts")
    return raw(store.root.hget(table, account.pseudonym))


@pytest.mark.parametrize("apart_ms", [0, 20_000])
def test_the_short_way_and_the_long_way_meet(apart_ms: int, store: Store) -> None:
    """The registers are the same if likes come one by one, or in one batch with other events between."""
    likes = [("ada", 4 * series, 5 + series * apart_ms, LIKE, series) for series in range(1, 6)]
    vault = vault_on(store, 4, 5)
    assert vault.record(likes, 0) == 5 * [COUNTED]
    at_once = (read_registers(store.root, ["ada"]), admissions(store, "ada"))
    store.flush()
    vault = vault_on(store, 4, 5)
    for like in likes:
        vault.record([like, (*like[:2], 4, *like[3:]), like], 0)
    assert (read_registers(store.root, ["ada"]), admissions(store, "ada")) == at_once


def test_an_account_whose_erasure_is_under_way_takes_nothing_new(vault: RegisterStore, store: Store) -> None:
    """From the tombstone on, even while its registers are still there."""
    account = PSEUDONYMISER.pseudonymise("ada")
    assert vault.record([("ada", VIDEO, 1, LIKE, 0)], 0) == [COUNTED]
    store.root.hset(vault_key(account.shard(HEADER.account_shards), "tombstones"), account.tombstone, 10**15)
    assert vault.record([("ada", OTHER_VIDEO, 1, LIKE, 0)], 0) == [Verdict.ACCOUNT_CLOSED]


def test_likes_that_are_too_many_at_once_are_uncounted(store: Store) -> None:
    """Also where each like comes alone: those after three likes within a minute, and not those three."""
    strict = msgspec.structs.replace(POLICY.integrity, burst_likes=3, burst_seconds=60)
    quick = vault_on(store, 4, 9, integrity=strict)
    verdicts = [quick.record([("ada", 4 * place, 1_000 * place, LIKE, 0)], 0)[0] for place in range(1, 7)]
    assert verdicts == [*3 * [COUNTED], *3 * [UNCOUNTED]]


def test_a_change_has_the_time_of_the_stores_clock(vault: RegisterStore, store: Store) -> None:
    """Whatever the caller's clock says: which epoch a change belongs to is decided by the store."""
    before = store.root.time()
    one(vault, 1, LIKE, now_ms=5)
    ((moment_ms, _),) = entry_ids(store)
    after = store.root.time()
    first_ms, last_ms = (1000 * int(seconds) + int(rest) // 1000 for seconds, rest in (before, after))
    assert first_ms <= moment_ms <= last_ms


def test_a_replay_stamps_changes_by_its_clock(store: Store) -> None:
    """In the order of the outbox, whatever that clock does, also when the outbox has been emptied."""
    moments = iter([0, 7_000, 6_000, 7_000, 9_000])
    # A larger w than the shipped one, so that the fifth change of this like is written, too.
    vault = vault_on(store, 6, 9, virtual_clock=lambda: next(moments))
    shard = PSEUDONYMISER.pseudonymise("ada").shard(HEADER.account_shards)
    for at_ms in range(3):
        one(vault, at_ms, at_ms % 2)
    assert entry_ids(store) == [(0, 1), (7_000, 0), (7_000, 1)]
    store.root.xtrim(outbox_key(shard), maxlen=0, approximate=False)
    for at_ms in range(3, 5):
        one(vault, at_ms, at_ms % 2)
    assert entry_ids(store) == [(7_000, 2), (9_000, 0)]


def entry_ids(store: Store) -> list[tuple[int, int]]:
    """Return the id of every outbox entry."""
    keys = [outbox_key(shard) for shard in range(HEADER.account_shards)]
    entries = [
        entry for key in keys for entry, _ in cast("list[tuple[bytes, object]]", store.root.xrange(key))
    ]
    return [(int(moment), int(number)) for moment, _, number in (entry.partition(b"-") for entry in entries)]
