"""The relay on a real Redis: what it moves in one step, and what it does when the store is full."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from privacy.errors import StoreBusyError
from privacy.store.keys import outbox_key, tally_key
from privacy.store.script import ScriptCall
from privacy.tally import outbox_relay as relay_module
from privacy.tally.log_elements import MAX_ELEMENT_BYTES, OUTBOX_CHANGE
from privacy.tally.outbox_relay import _APPLY, BEGINNING, OutboxId, Relay
from privacy.vault.registers import RegisterStore
from tests.support.histories import LIKE, SERIES
from tests.support.platform_plane import SetClock
from tests.support.redis_server import Store
from tests.support.registers import (
    HEADER,
    join_changes,
    log_element,
    outbox_lengths,
    raw,
    read_changes,
    read_log,
    vault_on,
)
from tests.support.release_world import VIDEOS, ReleaseWorld, calibration, hours, read_counts

ACCOUNTS = [f"account-{number}" for number in range(30)]


@pytest.fixture
def vault(store: Store) -> RegisterStore:
    """A vault on an empty store."""
    return vault_on(store, 4, 100)


def test_one_step_moves_a_backlog(vault: RegisterStore, store: Store) -> None:
    """All shards at once: changes reach the logs of their series, and the outboxes are emptied."""
    vault.record([(account, series, 1, LIKE, 3) for account in ACCOUNTS for series in SERIES], 0)
    entries = sum(outbox_lengths(store.root))
    relay = Relay(store.relay, HEADER)
    assert relay.step() == entries
    assert relay.step() == 0
    assert read_changes(store.root, SERIES) == {(series, 3 << 4): len(ACCOUNTS) for series in SERIES}
    assert outbox_lengths(store.root) == [0] * HEADER.account_shards


def test_changes_of_an_account_keep_their_order(vault: RegisterStore, store: Store) -> None:
    """A log has the changes of one engagement in the order in which they happened."""
    changes = [0, 1, 0, 2]
    for at_ms, change in enumerate(changes):
        vault.record([("ada", SERIES[0], at_ms, change, 0)], 0)
    Relay(store.relay, HEADER).drain()
    log = np.frombuffer(join_changes(read_log(store.root, SERIES[0])), "<u4")
    assert (log % 16).tolist() == changes


def test_an_element_has_the_second_of_its_entry(store: Store) -> None:
    """Changes of one series and second are one element, whichever account shards they come from."""
    moments_ms = [5_000, 5_999, 6_000, 6_001]
    for number, moment_ms in enumerate(moments_ms):
        write_entry(store, number % HEADER.account_shards, moment_ms, [(SERIES[0], number)])
    Relay(store.relay, HEADER).drain()
    assert read_log(store.root, SERIES[0]) == [log_element(5, [0, 1]), log_element(6, [3, 2])]


def test_an_element_has_64_kib(store: Store) -> None:
    """More changes within a second make several elements."""
    codes = list(range(MAX_ELEMENT_BYTES // 2))
    write_entry(store, 0, 7_000, [(SERIES[0], code) for code in codes])
    Relay(store.relay, HEADER).drain()
    elements = read_log(store.root, SERIES[0])
    assert [len(element) for element in elements] == [MAX_ELEMENT_BYTES, MAX_ELEMENT_BYTES, 12]
    assert np.frombuffer(join_changes(elements), "<u4").tolist() == codes


def test_a_call_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large step is sent in calls of bounded size; all of it is moved."""
    monkeypatch.setattr(relay_module, "MAX_CALL_BYTES", 1_000)
    sizes: list[int] = []

    def send(client: Redis, calls: Sequence[ScriptCall]) -> list[Any]:
        parts = ([part for part in call.arguments[1:4] if isinstance(part, bytes)] for call in calls)
        sizes.extend(sum(map(len, each)) for each in parts)
        return _APPLY.run_all(client, calls)

    monkeypatch.setattr(relay_module, "_APPLY", SimpleNamespace(run_all=send))
    for number in range(60):
        changes = [(series, code) for series in SERIES for code in range(10)]
        write_entry(store, number % HEADER.account_shards, 1_000 * number + 1, changes)
    relay = Relay(store.relay, HEADER)
    assert relay.step() == 60
    assert len(sizes) > HEADER.target_shards
    assert max(sizes) <= 1_000
    found = read_changes(store.root, SERIES)
    assert set(found.values()) == {60}
    assert len(found) == 10 * len(SERIES)


def test_a_log_beyond_the_limit_of_a_string(store: Store) -> None:
    """Where a string has at most 1 MiB, a log has more: nothing stands still, nothing is counted twice."""
    world = ReleaseWorld(store)
    world.reset()
    hot, cold = (world.numbers[video] for video in VIDEOS[:2])
    store.root.config_set("proto-max-bulk-len", 1_048_576)
    try:
        for number in range(30):
            write_entry(store, 0, number, [(hot, 0)] * 10_000)
        write_entry(store, 1, 30, [(cold, 0)] * 5)
        world.relay().drain()
        assert read_changes(store.root, [hot, cold]) == {(hot, 0): 300_000, (cold, 0): 5}
        world.now_ms = hours(1)
        assert world.worker().run_due() == len(VIDEOS)
    finally:
        store.root.config_set("proto-max-bulk-len", 536_870_912)
    counts = read_counts(store.root, [hot, cold], calibration().policy)
    assert (counts[hot][0], counts[cold][0]) == (300_000, 5)
    assert read_log(store.root, hot) == []


def test_the_watermark_is_written_when_an_epoch_has_ended(store: Store) -> None:
    """By the clock, at most once a second; while no series waits for it nothing is written."""
    store.root.zadd(tally_key(0, "due"), {"0": 10_000, "8": 20_000})
    moment = SetClock(9_999)
    relay = Relay(store.relay, HEADER, moment)
    relay.drain()
    assert watermark(store, 0) is None
    moment.now_ms = 10_500
    relay.drain()
    assert (watermark(store, 0), watermark(store, 1)) == (10_499, None)
    moment.now_ms = 10_999
    relay.drain()
    assert watermark(store, 0) == 10_499
    moment.now_ms = 11_001
    relay.drain()
    Relay(store.relay, HEADER, lambda: 10_500).drain()
    assert watermark(store, 0) == 11_000
    store.root.zrem(tally_key(0, "due"), "0")  # released
    moment.now_ms = 19_999
    relay.drain()
    assert watermark(store, 0) == 11_000
    moment.now_ms = 20_000
    relay.drain()
    assert watermark(store, 0) == 19_999


def test_the_watermark_never_passes_what_is_not_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One outbox that is not read to its end holds it back, for every target shard."""
    monkeypatch.setattr(relay_module, "ENTRIES_PER_STEP", 2)
    store.root.zadd(tally_key(0, "due"), {"0": 1_000, "8": 7_000})
    for moment_ms in (500, 2_000, 6_999, 7_000):
        write_entry(store, 0, moment_ms, [(SERIES[0], 0)])
    relay = Relay(store.relay, HEADER, lambda: 9_000)
    relay.step()
    assert watermark(store, 0) == 1_999
    relay.step()
    assert watermark(store, 0) == 6_999
    relay.step()
    assert watermark(store, 0) == 8_999


def test_a_relay_that_was_overtaken_writes_no_watermark(store: Store) -> None:
    """What it knows of the outboxes may be older than what it says."""
    store.root.zadd(tally_key(0, "due"), {"0": 1_000})
    moment = SetClock(500)
    relay = Relay(store.relay, HEADER, moment)
    relay.drain()
    store.root.hset(tally_key(0, "offsets"), "1", "400-0")
    moment.now_ms = 1_500
    assert relay.step() == 0
    assert watermark(store, 0) is None
    relay.drain()
    assert watermark(store, 0) == 1_499


def test_nothing_to_do(store: Store) -> None:
    """An empty store is left empty."""
    relay = Relay(store.relay, HEADER)
    assert (relay.step(), relay.drain()) == (0, 0)
    assert store.root.dbsize() == 0


def test_a_full_store_moves_nothing(vault: RegisterStore, store: Store) -> None:
    """Without memory no change is moved, none is lost, and later each is moved once."""
    vault.record([(account, series, 1, LIKE, 0) for account in ACCOUNTS for series in SERIES], 0)
    relay = Relay(store.relay, HEADER)
    store.root.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreBusyError, match="is full"):
            relay.step()
    finally:
        store.root.config_set("maxmemory", 0)
    assert sum(read_changes(store.root, SERIES).values()) == 0
    relay.drain()
    assert read_changes(store.root, SERIES) == {(series, 0): len(ACCOUNTS) for series in SERIES}


def write_entry(store: Store, shard: int, moment_ms: int, changes: Sequence[tuple[int, int]]) -> None:
    """Write an outbox entry with this time: series and code of each change."""
    content = np.array(changes, OUTBOX_CHANGE).tobytes()
    store.root.xadd(outbox_key(shard), {"c": content}, id=f"{moment_ms}-*")


def watermark(store: Store, shard: int) -> int | None:
    """Return the watermark of a target shard."""
    found = store.root.hget(tally_key(shard, "offsets"), "watermark")
    return None if found is None else int(raw(found))


IDS = st.builds(OutboxId, st.integers(0, 2**63), st.integers(0, 2**63))


@given(place=IDS)
def test_what_is_written_is_read_back(place: OutboxId) -> None:
    """Spelled as Redis does, and read again."""
    assert OutboxId.parse(str(place).encode()) == place


@given(one=IDS, two=IDS)
def test_places_are_ordered_as_the_stream_is(one: OutboxId, two: OutboxId) -> None:
    """By time, then by sequence; not by their spelling."""
    assert (one < two) == ((one.moment_ms, one.sequence) < (two.moment_ms, two.sequence))
    assert one < one.successor
    assert not one < two < one.successor


@pytest.mark.parametrize("nothing", [None, b""])
def test_nothing_is_the_beginning(nothing: bytes | None) -> None:
    """No mark means that nothing was applied, and is stored as no mark."""
    assert OutboxId.parse(nothing) == BEGINNING
    assert BEGINNING.stored == ""
    assert OutboxId(5, 0).stored == "5-0"
