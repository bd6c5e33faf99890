"""Who is counted in which audience, one case at a time: once in a period, taken out while it runs."""

from dataclasses import replace

import numpy as np
import pytest

from privacy.model.account_status import AccountStatus
from privacy.model.audience import NO_TARGET, REMOVED, Period
from privacy.model.dimension import UNDISCLOSED_EVERYWHERE
from privacy.model.engagement import Reason, Verdict
from privacy.model.timestamp import MS_PER_DAY, MS_PER_HOUR
from privacy.store.keys import audiences_key
from privacy.vault import audience_closing as closing_module
from privacy.vault.audience_closing import AudienceClosing, HeldList, find_rows
from privacy.vault.audience_rows import Journal, join_rows
from privacy.vault.blocks import Block, EngagementBlocks
from privacy.vault.bulk_status import BulkStatusChange, Chunk
from privacy.vault.entries import JOURNAL_ROW, TOO_YOUNG, UNTIMED, AdmittedEvent
from privacy.vault.erasure import ERASE_SCRIPT
from privacy.vault.pseudonym import AccountRef, Pseudonymiser
from privacy.vault.recount import Recount, StatusTransition
from privacy.vault.registers import RegisterStore
from privacy.vault.shards import PseudonymKeys
from tests.support.audiences import (
    BLOCK,
    DAY,
    WEEK,
    Counts,
    audience,
    audiences_of,
    close_audiences,
    find_audiences,
    read_counts,
    with_audiences,
)
from tests.support.histories import LIKE, SERIES, UNLIKED
from tests.support.redis_server import Store
from tests.support.registers import (
    HEADER,
    PSEUDONYMISER,
    put_in_force,
    raw,
    registry_of,
    shards_on,
)

VIDEO, SAME_CREATOR, OTHER_CREATOR = SERIES[:3]
NOON_MS = 19_999 * MS_PER_DAY + 12 * MS_PER_HOUR
"""A Thursday; the week and the block go on for some days."""
PLATFORM, CREATOR_BLOCKS = audience(100), audience(130)
BANNED = StatusTransition(AccountStatus.BANNED)


class Vault:
    """A vault with relay and tally, under a clock that the test sets."""

    def __init__(self, store: Store) -> None:
        put_in_force(store, registry_of())
        self.store, self.now_ms = store, NOON_MS
        self.shards = shards_on(store.platform, virtual_clock=lambda: self.now_ms)
        self.maintenance = shards_on(store.maintenance, virtual_clock=lambda: self.now_ms)
        self.recount = Recount(self.shards)

    def like(self, *series: int, account: str = "ada", change: int = LIKE, cell: int = 7) -> list[Verdict]:
        """Record an event of each video, all at the time of the clock."""
        return self.record([(account, each, self.now_ms, change, cell) for each in series])

    def record(self, entries: list[AdmittedEvent]) -> list[Verdict]:
        """Record events."""
        return RegisterStore(self.shards).record_columns(with_audiences(entries), self.now_ms)

    def ban(self, account: str = "ada") -> None:
        """Ban an account."""
        self.recount.change_status(AccountRef(account), BANNED, self.now_ms)

    def counts(self) -> Counts:
        """Close what is over, and return what the tally has counted."""
        close_audiences(self.store, self.maintenance, self.now_ms)
        return read_counts(self.store.root)

    def final_counts(self) -> Counts:
        """Let every period end, and return what the tally has counted."""
        self.now_ms += 30 * MS_PER_DAY
        return self.counts()

    def count(self, series: int, every_seconds: int = DAY) -> list[int]:
        """Return the accounts that an audience has had in each of its periods, from the first one on."""
        counts = self.final_counts()
        periods = sorted(
            period for period, number in counts if number == series and period.every_seconds == every_seconds
        )
        return [counts[period, series].total() for period in periods]


def read_index(store: Store) -> set[bytes]:
    """Return the names of what all shards hold for audiences."""
    keys = [audiences_key(shard) for shard in range(HEADER.account_shards)]
    return {raw(name) for key in keys for name in store.root.hkeys(key)}


@pytest.fixture
def vault(store: Store) -> Vault:
    """A vault on an empty store."""
    return Vault(store)


def test_an_account_counts_once_in_each_audience(vault: Vault) -> None:
    """Three likes of two creators' videos are one account of the platform, and one of each creator."""
    vault.like(VIDEO, SAME_CREATOR)
    vault.like(OTHER_CREATOR)
    counts = {series: cells for (_, series), cells in vault.final_counts().items()}
    expected = {number for series in SERIES[:3] for each in audiences_of(series).values() for number in each}
    assert counts.keys() == expected
    assert counts == {number: {7: 1} for number in expected}


def test_it_counts_again_in_the_next_period(vault: Vault) -> None:
    """A like of the next day counts on that day; the week and the block have counted the account."""
    vault.like(VIDEO)
    vault.now_ms += MS_PER_DAY
    vault.like(SAME_CREATOR)
    assert vault.count(PLATFORM) == [1, 1]
    assert vault.count(CREATOR_BLOCKS, BLOCK) == [1]


def test_the_first_like_of_the_period_fixes_the_cell(vault: Vault) -> None:
    """What comes later, from another cell, changes nothing; the next day has its own first like."""
    vault.like(VIDEO, cell=3)
    vault.like(SAME_CREATOR, cell=5)
    vault.now_ms += MS_PER_DAY
    vault.like(OTHER_CREATOR, cell=5)
    cells = [counts for (_, series), counts in sorted(vault.final_counts().items()) if series == PLATFORM]
    assert cells == [{3: 1}, {5: 1}]


def test_an_unlike_and_a_like_again_change_nothing(vault: Vault) -> None:
    """An engagement is first counted once: it stays in its day, and is in no other."""
    vault.like(VIDEO)
    for change in (UNLIKED, LIKE):
        vault.now_ms += MS_PER_DAY
        vault.like(VIDEO, change=change)
    assert vault.count(PLATFORM) == [1]


@pytest.mark.parametrize("change", [UNLIKED, TOO_YOUNG])
def test_what_is_not_counted_is_in_no_audience(change: int, vault: Vault) -> None:
    """An unlike, and a like of an account that is too young."""
    vault.like(VIDEO, change=change)
    assert vault.final_counts() == {}


def test_a_like_without_a_time_counts(vault: Vault) -> None:
    """A like of a resync is first counted now."""
    vault.like(VIDEO, change=UNTIMED)
    assert vault.count(PLATFORM) == [1]


def test_what_is_imported_is_in_no_audience(vault: Vault) -> None:
    """Who liked years ago is not of the audience of today."""
    like = with_audiences([("ada", VIDEO, vault.now_ms - 9 * MS_PER_DAY, LIKE, 7)])
    assert RegisterStore(vault.shards).record_columns(like, vault.now_ms, imported=True) == [Verdict.COUNTED]
    assert vault.final_counts() == {}


def test_likes_over_the_cap_are_in_no_audience(store: Store, vault: Vault) -> None:
    """The third like of a day whose cap is two counts nowhere."""
    registry = registry_of(daily_cap=2)
    put_in_force(store, registry)
    vault.shards = shards_on(store.platform, registry, virtual_clock=lambda: vault.now_ms)
    vault.maintenance = shards_on(store.maintenance, registry, virtual_clock=lambda: vault.now_ms)
    assert vault.like(VIDEO, SAME_CREATOR, OTHER_CREATOR)[-1] is Verdict.OVER_CAP
    assert audience(131) not in {series for _, series in vault.final_counts()}


def test_a_batch_without_audiences_writes_none(vault: Vault, store: Store) -> None:
    """Events whose videos count in no audience leave no trace of any."""
    RegisterStore(vault.shards).record([("ada", VIDEO, vault.now_ms, LIKE, 7)], vault.now_ms)
    assert vault.final_counts() == {}
    names = read_index(store)
    assert names == {b"closed"}


def test_a_hidden_account_counts_without_its_cell(vault: Vault) -> None:
    """Its owner keeps it out of breakdowns: it is undisclosed, also in the audiences."""
    vault.recount.hide(AccountRef("ada"), vault.now_ms, hidden=True)
    vault.like(VIDEO)
    assert {*vault.final_counts()[Period(DAY, NOON_MS // MS_PER_DAY - 4), PLATFORM]} == {
        UNDISCLOSED_EVERYWHERE
    }


def test_a_ban_takes_the_account_out_of_running_periods_alone(vault: Vault) -> None:
    """The day before is over and stays; today, the week and the block lose the account, in its cell."""
    vault.like(VIDEO)
    vault.like(VIDEO, account="bo", cell=9)
    vault.now_ms += MS_PER_DAY
    vault.like(SAME_CREATOR)
    vault.ban()
    assert vault.count(PLATFORM) == [2]
    assert [cells for (_, series), cells in vault.counts().items() if series == CREATOR_BLOCKS] == [{9: 1}]


def test_a_purge_takes_its_accounts_out(vault: Vault) -> None:
    """A job that calls accounts inauthentic takes each out of what is not over."""
    vault.like(VIDEO)
    vault.like(VIDEO, account="bo")
    shard = PSEUDONYMISER.pseudonymise("ada").shard(HEADER.account_shards)
    chunk = Chunk(0, 0, [PSEUDONYMISER.derive_handles(["ada"])[0].name])
    transition = StatusTransition(AccountStatus.INAUTHENTIC)
    BulkStatusChange(vault.maintenance).step(1, transition, {shard: chunk}, vault.now_ms)
    assert vault.count(PLATFORM) == [1]


def test_an_account_that_comes_back_is_counted_by_its_next_like(vault: Vault) -> None:
    """Reinstating brings no audience back; the next like that is counted for the first time does."""
    vault.like(VIDEO)
    vault.ban()
    vault.recount.change_status(AccountRef("ada"), StatusTransition(AccountStatus.GOOD), vault.now_ms)
    vault.now_ms += MS_PER_DAY
    vault.like(SAME_CREATOR)
    assert vault.count(PLATFORM) == [1]
    assert vault.count(CREATOR_BLOCKS, BLOCK) == [1]


def test_a_block_of_one_engagement_takes_nobody_out(vault: Vault) -> None:
    """The account has other likes, perhaps; which of them made it count is not known."""
    vault.like(VIDEO)
    blocks = [Block("ada", VIDEO, int(Reason.INAUTHENTIC))]
    EngagementBlocks(vault.shards).apply(blocks, vault.now_ms)
    assert vault.count(PLATFORM) == [1]


def test_a_like_that_a_lifted_block_counts_is_in_no_audience(vault: Vault) -> None:
    """The vault knows the audiences of events alone: a like that is first counted by staff is in none."""
    vault.ban()
    vault.like(VIDEO)
    vault.recount.change_status(AccountRef("ada"), StatusTransition(AccountStatus.GOOD), vault.now_ms)
    assert vault.final_counts() == {}


def test_a_new_pseudonym_key_changes_nothing(vault: Vault, store: Store) -> None:
    """Rows name an account by what no rotation changes: a later like counts no more, a ban finds it."""
    vault.like(VIDEO)
    vault.like(VIDEO, account="bo")
    newer = Pseudonymiser(
        PSEUDONYMISER.inner_key, bytes(range(64, 96)), PSEUDONYMISER.outer_key, generation=1
    )
    keys = PseudonymKeys(lambda: newer)
    for shard in range(HEADER.account_shards):
        store.root.set(f"v:{{a{shard}}}:outer-key", newer.key_id + newer.previous_key_id)
    vault.shards = replace(vault.shards, keys=keys)
    vault.maintenance = replace(vault.maintenance, keys=keys)
    vault.recount = Recount(vault.shards)
    vault.like(SAME_CREATOR)
    vault.like(SAME_CREATOR, account="bo")
    vault.ban("bo")
    assert vault.count(PLATFORM) == [1]


def test_an_erasure_cuts_every_row_of_the_account_out(vault: Vault, store: Store) -> None:
    """At once, of the running day and of the days before; what is closed stays. Others keep theirs."""
    for _ in range(3):
        vault.like(VIDEO, SAME_CREATOR, account="bo", cell=9)
        vault.like(VIDEO, OTHER_CREATOR)
        vault.counts()
        vault.now_ms += MS_PER_DAY
    vault.like(*SERIES[3:])
    ada, bo = (PSEUDONYMISER.pseudonymise(name) for name in ("ada", "bo"))
    assert find_rows(vault.shards, ada)
    vault.shards.run_one(
        ERASE_SCRIPT, AccountRef("ada"), {"now_ms": vault.now_ms, "cursor": 0, "page_size": 100}
    )
    assert find_rows(vault.shards, ada) == []
    for key in store.root.keys("v:{a*}:audiences:*"):
        assert not any(ada.tombstone in element for element in store.root.lrange(key, 0, -1))
    assert find_rows(vault.shards, bo)
    counts = vault.final_counts()
    days = [cells for (_, series), cells in sorted(counts.items()) if series == PLATFORM]
    assert days == [{7: 1, 9: 1}]
    assert [cells for (_, series), cells in counts.items() if series == CREATOR_BLOCKS] == [{9: 1}]


def test_an_erasure_meanwhile_spoils_what_was_read(vault: Vault) -> None:
    """A worker that has read the rows before writes none of them: the next turn counts."""
    vault.like(VIDEO)
    vault.now_ms += MS_PER_DAY
    erase = vault.shards.run_one

    def find_and_erase(targets: list[int]) -> object:
        arguments = {"now_ms": vault.now_ms, "cursor": 0, "page_size": 100}
        erase(ERASE_SCRIPT, AccountRef("ada"), arguments)
        return find_audiences(targets)

    closing = AudienceClosing(vault.maintenance, find_and_erase)  # type: ignore[arg-type]
    until_seconds = Period.at(vault.now_ms, DAY).start_ms // 1000
    shard = PSEUDONYMISER.pseudonymise("ada").shard(HEADER.account_shards)
    closing.close(shard, until_seconds)
    assert closing.read_closed_by()[shard] == 0
    assert vault.final_counts() == {}


def test_two_workers_close_a_slice_once(vault: Vault) -> None:
    """Both have read the journal; the second one finds it closed and writes nothing."""
    vault.like(VIDEO)
    vault.now_ms += MS_PER_DAY
    until_seconds = Period.at(vault.now_ms, DAY).start_ms // 1000
    shard = PSEUDONYMISER.pseudonymise("ada").shard(HEADER.account_shards)

    def find_slowly(targets: list[int]) -> object:
        AudienceClosing(vault.maintenance, find_audiences).close(shard, until_seconds)
        return find_audiences(targets)

    AudienceClosing(vault.maintenance, find_slowly).close(shard, until_seconds)  # type: ignore[arg-type]
    assert vault.count(PLATFORM) == [1]


def test_what_is_held_goes_with_the_period(vault: Vault, store: Store) -> None:
    """The journal with the day, the lists with week and block; the person is told of all of it."""
    vault.like(VIDEO)
    ada = PSEUDONYMISER.pseudonymise("ada")
    assert [(held.is_journal, number) for held, number in find_rows(vault.shards, ada)] == [
        (True, VIDEO // 4)
    ]
    vault.now_ms += MS_PER_DAY
    vault.counts()
    assert [(held.period.every_seconds, number) for held, number in find_rows(vault.shards, ada)] == [
        (BLOCK, CREATOR_BLOCKS),
        (WEEK, audience(120)),
    ]
    vault.final_counts()
    assert store.root.keys("v:{a*}:audiences:*") == []


def test_a_creator_costs_sixteen_bytes_however_many_likes(vault: Vault, store: Store) -> None:
    """On every day of the block an account likes videos of two creators: their rows are not repeated."""
    for day in range(3):
        vault.like(SERIES[day])
        vault.now_ms += MS_PER_DAY
    vault.counts()
    rows = [
        join_rows([*map(raw, store.root.lrange(key, 0, -1))])
        for key in store.root.keys("v:{a*}:audiences:l*")
    ]
    assert sorted(map(len, rows)) == [2, 2]
    assert JOURNAL_ROW.itemsize == 16


def test_rows_are_divided_among_elements(vault: Vault, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """An element has whole rows; lists are read in steps, and written again as a whole after a removal."""
    monkeypatch.setattr(closing_module, "MAX_ELEMENT_BYTES", 32)
    monkeypatch.setattr(closing_module, "ELEMENTS_PER_STEP", 2)
    names = [f"account-{number}" for number in range(40)]
    vault.record([(name, VIDEO, vault.now_ms, LIKE, 7) for name in names])
    vault.now_ms += MS_PER_DAY
    vault.counts()
    vault.ban(names[0])
    vault.now_ms += MS_PER_DAY
    vault.counts()
    lists = [store.root.lrange(key, 0, -1) for key in store.root.keys("v:{a*}:audiences:l*")]
    assert {len(element) for elements in lists for element in elements} <= {16, 32}
    assert vault.count(CREATOR_BLOCKS, BLOCK) == [39]


def test_a_like_after_the_clock_was_set_back_is_in_no_closed_period(vault: Vault) -> None:
    """What is closed stays as it is: the day is over, whatever the clock says later."""
    vault.like(VIDEO)
    before_ms, vault.now_ms = vault.now_ms, vault.now_ms + MS_PER_DAY
    vault.counts()
    vault.now_ms = before_ms
    vault.like(VIDEO, account="bo")
    assert vault.count(PLATFORM) == [1]


def test_a_journal_ends_what_came_before_a_removal() -> None:
    """Rows after the last removal of their account stay, in their order; no row without a target does."""
    rows = np.array(
        [(1, 10, 0), (2, 10, 1), (1, REMOVED, 0), (3, NO_TARGET, 0), (1, 11, 2), (4, REMOVED, 0), (2, 12, 3)],
        JOURNAL_ROW,
    )
    journal = Journal.parse(rows)
    assert journal.rows.tolist() == [(2, 10, 1), (1, 11, 2), (2, 12, 3)]
    assert journal.removed.tolist() == [1, 4]
    assert Journal.parse(rows[:0]).rows.tolist() == []


def test_names_of_lists_are_read() -> None:
    """A journal has a slice; another list, a period made of slices."""
    assert HeldList.parse("j86400:-3") == HeldList("j86400:-3", DAY, Period(DAY, -3))
    held = HeldList.of_period(DAY, Period(WEEK, 7))
    assert HeldList.parse(held.name) == held
    assert not held.is_journal


def test_the_servers_clock_decides_the_slice(store: Store) -> None:
    """A like counts on the day on which the store writes it, whatever its caller believes."""
    put_in_force(store, registry_of())
    seconds = int(store.root.time()[0])
    events = with_audiences([("ada", VIDEO, 1, LIKE, 7)])
    RegisterStore(shards_on(store.platform)).record_columns(events, now_ms=NOON_MS)
    names = read_index(store)
    found = {HeldList.parse(name.decode()).period for name in names if b":" in name}
    assert found
    assert found <= {Period.at(1000 * (seconds + late), DAY) for late in (0, 60)}
