"""Any order and any repetition of the same events leads to one state and one count."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.tally.outbox_relay import Relay
from privacy.vault.entries import AdmittedEvent
from tests.support.histories import SERIES, capless_events
from tests.support.profiles import examples
from tests.support.redis_server import Store
from tests.support.registers import HEADER, read_changes, read_registers, vault_on

FLIP_CAP = 4
DAILY_CAP = len(SERIES)
"""No account has more engagements than this, so the daily cap is never met."""


@pytest.fixture(scope="module")
def fast_store(shared_store: Store) -> Iterator[Store]:
    """The store without fsync."""
    with shared_store.without_fsync():
        yield shared_store


def outcome(
    events: Sequence[AdmittedEvent], store: Store
) -> tuple[dict[tuple[str, int], int], dict[int, int]]:
    """Return what is wanted of every engagement and the total of every series, after these events."""
    store.flush()
    vault = vault_on(store, FLIP_CAP, DAILY_CAP)
    vault.record(events, 0)
    Relay(store.relay, HEADER).drain()
    registers = read_registers(store.root, {account for account, *_ in events})
    totals = dict.fromkeys(SERIES, 0)
    for (series, code), times in read_changes(store.root, SERIES).items():
        totals[series] += -times if code % 16 else times
    return {engagement: int(not register.liked) for engagement, register in registers.items()}, totals


def expected(events: Sequence[AdmittedEvent]) -> tuple[dict[tuple[str, int], int], dict[int, int]]:
    """The same by its definition: the newest event of an engagement is what its account wants."""
    newest: dict[tuple[str, int], tuple[int, int]] = {}
    for account, series, at_ms, change, _ in events:
        newest[account, series] = max(newest.get((account, series), (-1, 0)), (at_ms, change))
    wills = {engagement: change for engagement, (_, change) in newest.items()}
    return wills, {
        number: sum(will == 0 for (_, series), will in wills.items() if series == number) for number in SERIES
    }


def check(data: st.DataObject, store: Store) -> None:
    """Play one set of events in one order with repetitions."""
    events = data.draw(capless_events(FLIP_CAP))
    repeated = data.draw(st.lists(st.sampled_from(events), max_size=10)) if events else []
    order = data.draw(st.permutations(events + repeated))
    assert outcome(order, store) == expected(events)


@settings(max_examples=examples(120, 3_000))
@given(data=st.data())
def test_order_and_repetition_do_not_matter(data: st.DataObject, fast_store: Store) -> None:
    """Within w flips and the daily cap, any permutation with any repetition ends in one state and total.

    The precondition is needed: which flips are refused once w are used up, and which engagement finds the
    day full, depends on what arrived first. So do, even within the caps, the cell (that of the first like
    that was counted) and the removals (an un-like that arrives before its like removes nothing); that path
    is compared step by step in the reference test.
    """
    check(data, fast_store)


@pytest.mark.nightly(part="histories")
@pytest.mark.timeout(3600)
@settings(max_examples=10_000)
@given(data=st.data())
def test_order_and_repetition_do_not_matter_in_ten_thousand_histories(
    data: st.DataObject, fast_store: Store
) -> None:
    """The same over 10,000 sets of events."""
    check(data, fast_store)
