"""Whether events arrive, as those see it who do long work on the real store."""

from __future__ import annotations

import pytest

from privacy.errors import StoreError
from privacy.maintenance.throttle import ActivityCounter
from privacy.tally.relay import Relay
from tests.support.histories import LIKE, SERIES
from tests.support.redis_server import Store
from tests.support.registers import HEADER, vault_on

ACCOUNTS = [f"account-{number}" for number in range(40)]


def test_the_number_grows_with_events_that_count_and_with_nothing_else(store: Store) -> None:
    """A batch adds an entry a shard; neither its repetition nor the relay, which takes entries away, does."""
    arrivals = ActivityCounter(store.maintenance, HEADER.account_shards)
    assert arrivals() == 0
    vault = vault_on(store.platform, 4, 100)
    likes = [(account, SERIES[0], 1, LIKE, 3) for account in ACCOUNTS]
    for entries in (likes[:0], likes, likes):
        vault.record(entries, 0)
        Relay(store.relay, HEADER).drain()
    assert arrivals() == HEADER.account_shards


def test_who_may_not_ask_is_told_so(store: Store) -> None:
    """A missing permission is an error, and is not taken for a store in which nothing arrives."""
    with pytest.raises(StoreError, match="ACL"):
        ActivityCounter(store.platform, HEADER.account_shards)()
