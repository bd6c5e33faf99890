"""Resync: the vault follows the platform's own list."""

import pytest

from privacy.model.account_status import AccountStatus
from privacy.model.engagement import Kind, Reason, Verdict
from privacy.model.timestamp import MS_PER_DAY
from privacy.tally.outbox_relay import Relay
from privacy.vault.blocks import Block, EngagementBlocks
from privacy.vault.entries import AdmittedEvent
from privacy.vault.pseudonym import AccountRef
from privacy.vault.recount import Recount, StatusTransition
from privacy.vault.registers import RegisterStore
from privacy.vault.resync import Resync, ResyncReport
from tests.support.histories import LIKE, SERIES, UNLIKED
from tests.support.redis_server import Store
from tests.support.registers import HEADER, POLICY, read_changes, read_registers, vault_on

FIRST, SECOND, THIRD, FOURTH, FIFTH = SERIES
FAVORITE = FIRST + Kind.FAVORITE


@pytest.fixture
def vault(store: Store) -> RegisterStore:
    """Ada likes the first three, took the third back, and keeps the first as a favourite."""
    vault = vault_on(store, 4, 10)
    events = [(FIRST, 1, LIKE), (SECOND, 1, LIKE), (THIRD, 1, LIKE), (THIRD, 2, UNLIKED), (FAVORITE, 1, LIKE)]
    vault.record([("ada", series, at_ms, change, 7) for series, at_ms, change in events], 0)
    return vault


def liked(store: Store) -> set[int]:
    """Series that ada's registers say she likes."""
    return {series for (_, series), register in read_registers(store.root, ["ada"]).items() if register.liked}


def test_the_difference_is_repaired_and_reported(vault: RegisterStore, store: Store) -> None:
    """An engagement in the vault alone leaves as a correction; one on the platform alone is added."""
    wanted = {FIRST: 7, THIRD: 7, FOURTH: 9}
    assert Resync(vault).run("ada", Kind.LIKE, wanted, 5, 0) == ResyncReport(added=2, removed=1, unchanged=1)
    assert liked(store) == {FIRST, THIRD, FOURTH, FAVORITE}
    Relay(store.relay, HEADER).drain()
    changes = read_changes(store.root, [*SERIES, FAVORITE])
    assert changes[SECOND, 7 << 4 | Reason.CORRECTION] == 1
    assert changes[FOURTH, 9 << 4 | LIKE] == 1
    assert Resync(vault).run("ada", Kind.LIKE, wanted, 5, 0) == ResyncReport(unchanged=3)


def test_what_is_newer_than_the_list_stays(vault: RegisterStore, store: Store) -> None:
    """A list from before the events changes nothing that they decided."""
    assert Resync(vault).run("ada", Kind.LIKE, {THIRD: 7}, 0, 0) == ResyncReport(newer=3)
    assert liked(store) == {FIRST, SECOND, FAVORITE}


def test_additions_keep_the_daily_cap(store: Store) -> None:
    """Beyond M nothing is added on one day; the same list goes on tomorrow."""
    vault = vault_on(store, 4, 3)
    wanted = dict.fromkeys(SERIES, 0)
    assert Resync(vault).run("bo", Kind.LIKE, wanted, 5, 0) == ResyncReport(added=3, over_cap=2)
    assert Resync(vault).run("bo", Kind.LIKE, wanted, 5, MS_PER_DAY) == ResyncReport(added=2, unchanged=3)


def test_an_unknown_account_gets_what_the_platform_says(store: Store) -> None:
    """Nothing held and nothing listed is nothing; what is listed is added."""
    vault = vault_on(store, 4, 10)
    assert Resync(vault).run("cyd", Kind.LIKE, {}, 5, 0) == ResyncReport()
    assert Resync(vault).run("cyd", Kind.LIKE, {FIFTH: 1}, 5, 0) == ResyncReport(added=1)


def list_of(engagements: int) -> dict[int, int]:
    """Return the platform's list of an account with that many likes."""
    return {4 * place: 0 for place in range(1, 1 + engagements)}


def quick_likes(first: int, count: int, at_ms: int = 1_000) -> list[AdmittedEvent]:
    """Return likes of an account within a fraction of a second, of targets that no list above has."""
    return [("ada", 4 * (1_000 + place), at_ms + place, LIKE, 0) for place in range(first, first + count)]


def test_a_long_list_is_added_whole_under_the_shipped_policy(store: Store) -> None:
    """Eighty missing likes have no times of their own, so they are no burst: all are counted."""
    vault = vault_on(store, POLICY.flip_cap, POLICY.daily_cap)
    assert Resync(vault).run("ada", Kind.LIKE, list_of(80), 5_000, 6_000) == ResyncReport(added=80)
    registers = read_registers(store.root, ["ada"]).values()
    assert len(registers) == 80
    assert {(register.flips, register.block) for register in registers} == {(1, 0)}
    assert Resync(vault).run("ada", Kind.LIKE, list_of(80), 5_000, 6_000) == ResyncReport(unchanged=80)


@pytest.mark.parametrize("listed", [1, 29, 30, 31, 45])
@pytest.mark.parametrize("before", [0, 1, 29])
def test_a_resync_moves_no_run_of_likes(listed: int, before: int, store: Store) -> None:
    """Whatever was added in between, the thirty-first quick like of a person begins a run too soon."""
    vault, run = vault_on(store, POLICY.flip_cap, POLICY.daily_cap), POLICY.integrity.burst_likes
    vault.record(quick_likes(0, before), 1_000)
    assert Resync(vault).run(
        "ada", Kind.LIKE, {**list_of(listed), **dict.fromkeys(likes_of(store), 0)}, 5_000, 6_000
    ) == ResyncReport(added=listed, unchanged=before)
    verdicts = vault.record(quick_likes(before, run + 2 - before), 7_000)
    assert verdicts == [*[Verdict.COUNTED] * (run - before), *[Verdict.UNCOUNTED] * 2]


def likes_of(store: Store) -> set[int]:
    """Return the series that ada likes."""
    return {series for _, series in read_registers(store.root, ["ada"])}


def test_yesterdays_run_is_not_the_one_before_a_resync(store: Store) -> None:
    """A day that a resync begins has no run before its first like, though midnight is close."""
    vault, run = vault_on(store, POLICY.flip_cap, POLICY.daily_cap), POLICY.integrity.burst_likes
    vault.record(quick_likes(0, 1, MS_PER_DAY - 1_000), MS_PER_DAY - 1)
    wanted = {**list_of(run), 4_000: 0}
    assert Resync(vault).run("ada", Kind.LIKE, wanted, MS_PER_DAY, MS_PER_DAY).added == run
    assert vault.record(quick_likes(1, 1, MS_PER_DAY), MS_PER_DAY) == [Verdict.COUNTED]


def test_what_is_added_and_not_counted_is_reported_as_that(vault: RegisterStore, store: Store) -> None:
    """Nothing that is added to a banned account counts, nor does a like that staff had blocked."""
    EngagementBlocks(vault.shards).apply([Block("ada", THIRD, int(Reason.POLICY))], 0)
    wanted = {FIRST: 7, SECOND: 7, THIRD: 7}
    assert Resync(vault).run("ada", Kind.LIKE, wanted, 5, 0) == ResyncReport(uncounted=1, unchanged=2)
    Recount(vault.shards).change_status(AccountRef("bo"), StatusTransition(AccountStatus.BANNED), 0)
    assert Resync(vault).run("bo", Kind.LIKE, {FIRST: 7}, 5, 0) == ResyncReport(uncounted=1)
    assert not read_registers(store.root, ["bo"])["bo", FIRST].is_counted
