"""Who is counted in which audience, in any history, against the in-memory reference."""

from collections.abc import Iterator
from functools import partial
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from privacy.model.account_status import AccountStatus
from privacy.model.audience import Period
from privacy.model.timestamp import MS_PER_DAY, MS_PER_HOUR
from privacy.rollback.erasure_watermark import ErasureWatermark
from privacy.vault.bulk_status import BulkStatusChange, Chunk
from privacy.vault.entries import AdmittedEvent
from privacy.vault.erasure import Erasure
from privacy.vault.pseudonym import AccountRef
from privacy.vault.recount import ErasedAccountError, Recount, StatusTransition
from privacy.vault.registers import RegisterStore
from tests.support.audiences import DAY, AudienceReference, close_audiences, read_counts, with_audiences
from tests.support.histories import ACCOUNTS, CHANGES, entries
from tests.support.platform_plane import erasures_of
from tests.support.profiles import examples
from tests.support.redis_server import Store
from tests.support.reference_model import ReferenceModel
from tests.support.registers import HEADER, POLICY, PSEUDONYMISER, put_in_force, registry_of, shards_on

_ACCOUNT = st.sampled_from(ACCOUNTS)
_FIRST_MS = 20_000 * MS_PER_DAY


class AudienceCounts(RuleBasedStateMachine):
    """The vault with relay and tally, and the reference, side by side."""

    store: ClassVar[Store]

    @initialize()
    def begin(self) -> None:
        """Start with an empty store."""
        self.store.flush()
        registry = registry_of()
        put_in_force(self.store, registry)
        self.now_ms, self.closed_by_ms, self.jobs = _FIRST_MS, 0, 0
        shards = partial(shards_on, registry=registry, virtual_clock=lambda: self.now_ms)
        platform, self.maintenance = shards(self.store.platform), shards(self.store.maintenance)
        self.vault, self.recount = RegisterStore(platform), Recount(platform)
        self.erasure = Erasure(platform, ErasureWatermark(self.store.platform, erasures_of(self.store)))
        self.reference = AudienceReference(ReferenceModel(POLICY.flip_cap, POLICY.daily_cap))

    @rule(batch=st.lists(entries(CHANGES), min_size=1, max_size=6))
    def events(self, batch: list[AdmittedEvent]) -> None:
        """Send a batch, of moments so far apart that likes are in a burst or not."""
        batch = [
            (account, series, 20_000 * at_ms, change, cell) for account, series, at_ms, change, cell in batch
        ]
        self.vault.record_columns(with_audiences(batch), self.now_ms)
        self.reference.record(batch, self.now_ms)

    @rule(hours=st.sampled_from([1, 13, 24, 7 * 24, 20 * 24]))
    def pass_time(self, hours: int) -> None:
        """Let time pass, to the next period or the next but one."""
        self.now_ms += hours * MS_PER_HOUR

    @rule()
    def close(self) -> None:
        """Let the maintenance worker close what is over."""
        close_audiences(self.store, self.maintenance, self.now_ms)
        self.closed_by_ms = Period.at(self.now_ms, DAY).start_ms

    @rule(
        account=_ACCOUNT,
        to=st.sampled_from([AccountStatus.GOOD, AccountStatus.BANNED, AccountStatus.RESTRICTED]),
    )
    def change_status(self, account: str, to: AccountStatus) -> None:
        """Restrict or ban an account, or bring it back."""
        transition = StatusTransition(to, until_ms=self.now_ms + MS_PER_HOUR)
        moved = self.reference.vault.change_status(account, transition, self.now_ms)
        if moved is None:
            with pytest.raises(ErasedAccountError):
                self.recount.change_status(AccountRef(account), transition, self.now_ms)
            return
        self.recount.change_status(AccountRef(account), transition, self.now_ms)
        if to is not AccountStatus.GOOD:
            self.reference.leave(account, self.now_ms)

    @rule(accounts=st.lists(_ACCOUNT, min_size=1, max_size=3, unique=True))
    def purge(self, accounts: list[str]) -> None:
        """Call accounts inauthentic, in a job."""
        self.jobs += 1
        transition = StatusTransition(AccountStatus.INAUTHENTIC)
        change = BulkStatusChange(self.maintenance)
        for name in accounts:
            shard = PSEUDONYMISER.pseudonymise(name).shard(HEADER.account_shards)
            handle = PSEUDONYMISER.derive_handles([name])[0].name
            done = change.read_progress(self.jobs)[shard].done
            change.step(self.jobs, transition, {shard: Chunk(done, 0, [handle])}, self.now_ms)
            known = self.reference.vault.accounts.get(name)
            if name not in self.reference.vault.erased and (
                known is None or known.status is not AccountStatus.INAUTHENTIC
            ):
                self.reference.vault.change_status(name, transition, self.now_ms)
                self.reference.leave(name, self.now_ms)

    @rule(account=_ACCOUNT, hidden=st.booleans())
    def hide(self, account: str, *, hidden: bool) -> None:
        """Keep an account's later first likes out of the breakdowns, or no longer."""
        if self.reference.vault.hide(account, hidden=hidden, now_ms=self.now_ms) is not None:
            self.recount.hide(AccountRef(account), self.now_ms, hidden=hidden)

    @rule(account=_ACCOUNT)
    def erase(self, account: str) -> None:
        """Erase an account."""
        self.erasure.erase(AccountRef(account), self.now_ms)
        self.reference.vault.erase(account)
        self.reference.leave(account, self.closed_by_ms)

    @invariant()
    def equal(self) -> None:
        """Both count the same accounts in the same cells, in every period that is closed."""
        if hasattr(self, "reference"):
            assert read_counts(self.store.root) == self.reference.counts(self.closed_by_ms)

    def teardown(self) -> None:
        """Close all that is left."""
        if hasattr(self, "reference"):
            self.now_ms += 29 * MS_PER_DAY
            self.close()
            self.equal()
            assert self.store.root.keys("v:{a*}:audiences:*") == []


@pytest.fixture
def machine(shared_store: Store) -> Iterator[type[AudienceCounts]]:
    """The machine on the shared store, without fsync."""
    with shared_store.without_fsync():
        yield type("AudienceCountsHere", (AudienceCounts,), {"store": shared_store})


def test_every_account_is_counted_once(machine: type[AudienceCounts]) -> None:
    """In every audience and period an account counts once or not at all, whatever else happens to it."""
    run_state_machine_as_test(machine, settings=settings(max_examples=examples(30), stateful_step_count=25))
