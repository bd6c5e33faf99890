"""The vault's registers and the tally's logs against the in-memory reference, over generated histories."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings

from privacy.tally import outbox_relay as relay_module
from privacy.tally.outbox_relay import Relay
from tests.support.histories import SERIES, History, histories
from tests.support.profiles import FIXED_FIXTURES, examples
from tests.support.redis_server import Store
from tests.support.reference_model import ReferenceModel
from tests.support.registers import HEADER, outbox_lengths, read_changes, read_registers, vault_on


@pytest.fixture(scope="module")
def fast_store(shared_store: Store) -> Iterator[Store]:
    """The store without fsync."""
    with shared_store.without_fsync():
        yield shared_store


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the relay leave something for its next step."""
    monkeypatch.setattr(relay_module, "ENTRIES_PER_STEP", 2)


def check(history: History, store: Store) -> None:
    """Play a history to both and compare after every batch."""
    store.flush()
    reference = ReferenceModel(history.flip_cap, history.daily_cap)
    vault = vault_on(store, history.flip_cap, history.daily_cap)
    relay = Relay(store.relay, HEADER)
    for batch in history.batches:
        verdicts = reference.record(batch.entries, batch.now_ms)
        assert vault.record(batch.entries, batch.now_ms) == verdicts
        relay.drain()
        assert read_changes(store.root, SERIES) == reference.changes
    accounts = {account for account, _ in reference.registers}
    assert read_registers(store.root, accounts) == reference.registers
    assert outbox_lengths(store.root) == [0] * HEADER.account_shards


"""The monkeypatch is the same for every example."""


@settings(max_examples=examples(120, 3_000), suppress_health_check=FIXED_FIXTURES)
@given(history=histories())
def test_history_equals_reference(history: History, fast_store: Store) -> None:
    """Verdicts, registers and counts equal those of the reference after every batch of any history."""
    check(history, fast_store)


@pytest.mark.nightly(part="histories")
@pytest.mark.timeout(3600)
@settings(max_examples=10_000, suppress_health_check=FIXED_FIXTURES)
@given(history=histories())
def test_ten_thousand_histories_equal_reference(history: History, fast_store: Store) -> None:
    """Verdicts, registers and counts equal those of the reference over 10,000 histories."""
    check(history, fast_store)
