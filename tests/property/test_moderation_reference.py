"""Events, moderation and rights in any order, against the in-memory reference."""

from collections import Counter
from collections.abc import Iterator
from typing import ClassVar

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from privacy.model.account_status import AccountStatus
from privacy.model.engagement import Reason
from privacy.model.timestamp import MS_PER_DAY
from privacy.rollback.erasure_watermark import ErasureWatermark
from privacy.tally.outbox_relay import Relay
from privacy.vault import recount as recount_module
from privacy.vault.blocks import NO_BLOCK, Block, EngagementBlocks
from privacy.vault.entries import AdmittedEvent
from privacy.vault.erasure import Erasure
from privacy.vault.pseudonym import AccountRef
from privacy.vault.recount import ErasedAccountError, Recount, StatusTransition, TransitionRefusedError
from privacy.vault.registers import RegisterStore
from tests.support.histories import ACCOUNTS, CHANGES, SERIES, entries
from tests.support.platform_plane import erasures_of
from tests.support.profiles import examples
from tests.support.redis_server import Store
from tests.support.reference_model import ReferenceModel
from tests.support.registers import (
    HEADER,
    POLICY,
    account_key,
    put_in_force,
    read_changes,
    read_registers,
    registry_of,
    shards_on,
)

_STATUSES = st.sampled_from(tuple(AccountStatus))
_MOVES = st.builds(
    StatusTransition,
    to=_STATUSES,
    allowed_from=st.one_of(st.just(tuple(AccountStatus)), st.lists(_STATUSES, min_size=1).map(tuple)),
    until_ms=st.integers(0, 3 * MS_PER_DAY),
)
_BLOCKS = st.builds(
    Block,
    st.sampled_from(ACCOUNTS),
    st.sampled_from(SERIES),
    st.sampled_from([NO_BLOCK, NO_BLOCK, int(Reason.INAUTHENTIC), int(Reason.POLICY)]),
)
_ACCOUNT = st.sampled_from(ACCOUNTS)


class Moderation(RuleBasedStateMachine):
    """The vault and the reference, side by side."""

    store: ClassVar[Store]

    @initialize(flip_cap=st.sampled_from([2, 4]), daily_cap=st.integers(1, 5), burst_likes=st.integers(2, 4))
    def begin(self, flip_cap: int, daily_cap: int, burst_likes: int) -> None:
        """Start with an empty store."""
        self.store.flush()
        # Stricter than the shipped rule, so that a few likes meet it.
        integrity = msgspec.structs.replace(POLICY.integrity, burst_likes=burst_likes, burst_seconds=1)
        registry = registry_of(flip_cap, daily_cap, integrity)
        put_in_force(self.store, registry)
        shards = shards_on(self.store.platform, registry)
        self.vault, self.recount = RegisterStore(shards), Recount(shards)
        self.blocks, self.erasure = (
            EngagementBlocks(shards),
            Erasure(shards, ErasureWatermark(self.store.platform, erasures_of(self.store))),
        )
        self.relay = Relay(self.store.relay, HEADER)
        self.reference = ReferenceModel(flip_cap, daily_cap, burst_likes, 1_000)
        self.now_ms = 0
        self.sent: list[AdmittedEvent] = []

    @rule(later_ms=st.integers(-MS_PER_DAY, MS_PER_DAY))
    def let_time_pass(self, later_ms: int) -> None:
        """The clock moves, now and then backwards."""
        self.now_ms = max(0, self.now_ms + later_ms)

    @rule(batch=st.lists(entries(CHANGES), min_size=1, max_size=8))
    def events(self, batch: list[AdmittedEvent]) -> None:
        """Events arrive."""
        # Moments far enough apart for bursts to be some of them and not all.
        batch = [
            (account, series, 400 * at_ms, change, cell) for account, series, at_ms, change, cell in batch
        ]
        self.sent += batch
        assert self.vault.record(batch, self.now_ms) == self.reference.record(batch, self.now_ms)

    @rule(data=st.data())
    def old_batches_again(self, data: st.DataObject) -> None:
        """Earlier events are sent again."""
        if self.sent:
            batch = data.draw(st.lists(st.sampled_from(self.sent), min_size=1, max_size=8))
            assert self.vault.record(batch, self.now_ms) == self.reference.record(batch, self.now_ms)

    @rule(account=_ACCOUNT, move=_MOVES)
    def move(self, account: str, move: StatusTransition) -> None:
        """The status of an account changes, if it may."""
        expected = self.reference.change_status(account, move, self.now_ms)
        try:
            settled = self.recount.change_status(AccountRef(account), move, self.now_ms)
        except (ErasedAccountError, TransitionRefusedError):
            assert expected is None
        else:
            assert (settled.newly_counted, settled.newly_uncounted) == expected

    @rule(account=_ACCOUNT, hidden=st.booleans())
    def hide(self, account: str, hidden: bool) -> None:
        """An account opts out of breakdowns, or in again."""
        expected = self.reference.hide(account, hidden=hidden, now_ms=self.now_ms)
        try:
            settled = self.recount.hide(AccountRef(account), self.now_ms, hidden=hidden)
        except ErasedAccountError:
            assert expected is None
        else:
            assert (settled.newly_counted, settled.newly_uncounted) == expected

    @rule(blocks=st.lists(_BLOCKS, min_size=1, max_size=5))
    def block(self, blocks: list[Block]) -> None:
        """Single engagements are blocked, or their blocks are lifted."""
        assert self.blocks.apply(blocks, self.now_ms) == self.reference.block(blocks, self.now_ms)

    @rule(account=_ACCOUNT)
    def erase(self, account: str) -> None:
        """An account is erased."""
        erased = self.erasure.erase(AccountRef(account), self.now_ms)
        assert (erased.registers, erased.counted) == self.reference.erase(account)
        assert not self.store.root.exists(account_key(account))

    @invariant()
    def equals_the_reference(self) -> None:
        """Registers and counts are those of the reference, and nothing flipped more than w times."""
        self.relay.drain()
        registers = read_registers(self.store.root, ACCOUNTS)
        assert registers == self.reference.registers
        assert read_changes(self.store.root, SERIES) == self.reference.changes
        assert all(register.flips <= self.reference.flip_cap for register in registers.values())
        counted = Counter(series for (_, series), register in registers.items() if register.is_counted)
        assert +self.reference.totals() == counted


@pytest.fixture(scope="module")
def fast_store(shared_store: Store) -> Iterator[Store]:
    """The store without fsync."""
    with shared_store.without_fsync():
        yield shared_store


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a recount take several steps where Redis keeps accounts in hash tables."""
    monkeypatch.setattr(recount_module, "REGISTERS_PER_STEP", 2)


def machine_on(store: Store) -> type[Moderation]:
    """The machine on a store."""
    return type("ModerationOnStore", (Moderation,), {"store": store})


def test_any_interleaving_equals_the_reference(fast_store: Store) -> None:
    """Events, changes of status, blocks, opt-outs, erasures and old batches end as the reference says."""
    run_state_machine_as_test(
        machine_on(fast_store),
        settings=settings(max_examples=examples(50, 1_000), stateful_step_count=20),
    )


@pytest.mark.nightly(part="interleavings")
@pytest.mark.timeout(7200)
def test_ten_thousand_interleavings_equal_the_reference(fast_store: Store) -> None:
    """The same over 10,000 histories."""
    run_state_machine_as_test(
        machine_on(fast_store), settings=settings(max_examples=10_000, stateful_step_count=30)
    )
