"""Caps and imports against the in-memory reference, and what leaving one engagement out displaces."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from privacy.model.account_status import AccountStatus
from privacy.model.engagement import Reason, Verdict
from privacy.model.timestamp import MS_PER_DAY
from privacy.vault.blocks import NO_BLOCK, Block, EngagementBlocks
from privacy.vault.entries import AdmittedEvent
from privacy.vault.pseudonym import AccountRef
from privacy.vault.recount import Recount, StatusTransition
from privacy.vault.registers import RegisterStore
from tests.support.histories import ACCOUNTS, CHANGES, LIKE, SERIES
from tests.support.profiles import examples
from tests.support.redis_server import Store
from tests.support.reference_model import ReferenceModel
from tests.support.registers import POLICY, read_registers, vault_on

DAYS = st.integers(25, 70)
"""From late January to early March 1970."""
FEW = msgspec.structs.replace(POLICY.integrity, burst_likes=2, burst_seconds=1)
NONE = msgspec.structs.replace(POLICY.integrity, burst_seconds=0)


@pytest.fixture(scope="module")
def fast_store(shared_store: Store) -> Iterator[Store]:
    """The store without fsync."""
    with shared_store.without_fsync():
        yield shared_store


@dataclass(frozen=True)
class Delivery:
    """Events that arrive together: as they happen, or as history."""

    events: tuple[AdmittedEvent, ...]
    now_ms: int
    imported: bool


def moments() -> st.SearchStrategy[int]:
    """Draw times of few days, often within the time of a burst."""
    return st.builds(lambda day, part: day * MS_PER_DAY + 400 * part, DAYS, st.integers(0, 4))


DELIVERIES = st.builds(
    lambda events, day, imported: Delivery(tuple(events), day * MS_PER_DAY, imported),
    st.lists(
        st.tuples(
            st.sampled_from(ACCOUNTS[:2]), st.sampled_from(SERIES), moments(), CHANGES, st.integers(0, 3)
        ),
        min_size=1,
        max_size=12,
    ),
    st.integers(50, 72),
    st.booleans(),
)


@settings(max_examples=examples(100, 2_000))
@given(
    deliveries=st.lists(DELIVERIES, max_size=8),
    caps=st.tuples(st.integers(1, 3), st.sampled_from([None, 2, 4])),
    in_order=st.booleans(),
)
def test_any_history_equals_the_reference(
    deliveries: list[Delivery], caps: tuple[int, int | None], in_order: bool, fast_store: Store
) -> None:
    """Verdicts and registers are the reference's, for whatever is imported between what arrives."""
    daily_cap, monthly_cap = caps
    fast_store.flush()
    vault = vault_on(fast_store, 4, daily_cap, integrity=FEW, monthly_cap=monthly_cap)
    reference = ReferenceModel(4, daily_cap, FEW.burst_likes, 1_000 * FEW.burst_seconds, monthly_cap)
    for delivery in deliveries:
        events = sorted(delivery.events, key=lambda event: event[2]) if in_order else delivery.events
        expected = reference.record(events, delivery.now_ms, imported=delivery.imported)
        assert vault.record(events, delivery.now_ms, imported=delivery.imported) == expected
    assert read_registers(fast_store.root, ACCOUNTS) == reference.registers


def counted_series(likes: Sequence[AdmittedEvent], vault: RegisterStore, *, imported: bool) -> set[int]:
    """Record likes, each once, on the days on which they happen; return those that are counted."""
    counted = set()
    for day, batch in groupby(likes, key=lambda like: like[2] // MS_PER_DAY):
        events = list(batch)
        now_ms = 100 * MS_PER_DAY if imported else day * MS_PER_DAY
        verdicts = vault.record(events, now_ms, imported=imported)
        counted |= {
            event[1] for event, verdict in zip(events, verdicts, strict=True) if verdict is Verdict.COUNTED
        }
    return counted


@settings(max_examples=examples(60, 1_000))
@given(
    days=st.lists(st.integers(25, 35), min_size=1, max_size=40).map(sorted),
    caps=st.tuples(st.integers(1, 4), st.sampled_from([None, 3, 8])),
    imported=st.booleans(),
    data=st.data(),
)
def test_one_engagement_less_displaces_at_most_one_other(
    days: list[int], caps: tuple[int, int | None], imported: bool, data: st.DataObject, fast_store: Store
) -> None:
    """If what is over a cap is never sent again, and nothing is in a burst; and it only lets one more in."""
    fast_store.flush()
    vault = vault_on(fast_store, 4, caps[0], integrity=NONE, monthly_cap=caps[1])
    likes = [("ada", 4 * place, day * MS_PER_DAY + place, LIKE, 0) for place, day in enumerate(days, 1)]
    left_out = data.draw(st.integers(0, len(likes) - 1))
    before = counted_series(likes, vault, imported=imported)
    others = [("bo", *like[1:]) for like in (*likes[:left_out], *likes[left_out + 1 :])]
    after = counted_series(others, vault, imported=imported)
    assert before - after <= {likes[left_out][1]}
    assert len(after - before) <= 1


STEPS = st.tuples(
    st.integers(25, 35),
    st.sampled_from(["like", "like", "like", "restrict", "reinstate", "opt out", "block", "lift"]),
)


def counted_on(
    account: str, steps: Sequence[tuple[int, str]], left_out: int, vault: RegisterStore, store: Store
) -> dict[int, int]:
    """Carry out the steps but one like; return the day on which each like's series is first seen as counted.

    A like's series is its place, so that both worlds name it alike. Blocks are put on all likes, and lifted.
    """
    recount, blocks, first_seen = Recount(vault.shards), EngagementBlocks(vault.shards), dict[int, int]()
    series = [4 * place for place, (_, what) in enumerate(steps, 1) if what == "like"]
    for place, (day, what) in enumerate(steps, 1):
        now_ms = day * MS_PER_DAY + place
        if what == "like" and place != left_out:
            vault.record([(account, 4 * place, now_ms, LIKE, 0)], now_ms)
        elif what in ("restrict", "reinstate"):
            status = AccountStatus.RESTRICTED if what == "restrict" else AccountStatus.GOOD
            until_ms = 50 * MS_PER_DAY if what == "restrict" else None
            recount.change_status(AccountRef(account), StatusTransition(status, until_ms=until_ms), now_ms)
        elif what == "opt out":
            recount.hide(AccountRef(account), now_ms, hidden=True)
        elif what in ("block", "lift"):
            block = int(Reason.INAUTHENTIC) if what == "block" else NO_BLOCK
            blocks.apply([Block(account, each, block) for each in series], now_ms)
        for (_, each), register in read_registers(store.root, [account]).items():
            if register.flips:
                first_seen.setdefault(each, day)
    return first_seen


@settings(max_examples=examples(60, 1_000))
@given(
    steps=st.lists(STEPS, min_size=1, max_size=30).map(sorted),
    caps=st.tuples(st.integers(1, 3), st.sampled_from([None, 3])),
    choice=st.integers(0, 29),
)
@example(
    steps=[
        *((day, what) for day in range(25, 29) for what in ("restrict", "like")),
        *(
            (29, "like"),
            (29, "reinstate"),
            (29, "opt out"),
            (30, "opt out"),
            (31, "opt out"),
            (32, "opt out"),
        ),
    ],
    caps=(1, None),
    choice=4,
)
def test_no_recount_decides_a_like_again(
    steps: list[tuple[int, str]], caps: tuple[int, int | None], choice: int, fast_store: Store
) -> None:
    """Restrictions, their ends, opt-outs and blocks move no other like: one less lets at most one more in."""
    likes = [place for place, (_, what) in enumerate(steps, 1) if what == "like"]
    left_out = likes[choice % len(likes)] if likes else 0
    fast_store.flush()
    vault = vault_on(fast_store, 4, caps[0], integrity=NONE, monthly_cap=caps[1])
    before = counted_on("ada", steps, 0, vault, fast_store)
    after = counted_on("bo", steps, left_out, vault, fast_store)
    before.pop(4 * left_out, None)
    assert before.items() <= after.items()
    assert len(after) - len(before) <= 1
