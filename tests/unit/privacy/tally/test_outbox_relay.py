"""The relay on a real Redis: what it moves in one step, and what it does when the store is full."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.errors import StoreBusyError
from privacy.tally.outbox_relay import BEGINNING, OutboxId, Relay
from privacy.vault.registers import RegisterStore
from tests.support.histories import LIKE, SERIES
from tests.support.redis_server import Store
from tests.support.registers import HEADER, log_key, outbox_lengths, raw, read_changes, vault_on

ACCOUNTS = [f"account-{number}" for number in range(30)]


@pytest.fixture
def vault(store: Store) -> RegisterStore:
    """A vault on an empty store."""
    return vault_on(store.platform, 4, 100)


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
    assert list(raw(store.root.get(log_key(SERIES[0])))[::4]) == changes


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
