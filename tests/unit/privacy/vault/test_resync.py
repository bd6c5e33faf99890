"""Resync: the vault follows the platform's own list."""

import pytest

from privacy.model.engagement import Kind, Reason
from privacy.model.timestamp import MS_PER_DAY
from privacy.tally.outbox_relay import Relay
from privacy.vault.registers import RegisterStore
from privacy.vault.resync import Resync, ResyncReport
from tests.support.histories import LIKE, SERIES, UNLIKED
from tests.support.redis_server import Store
from tests.support.registers import HEADER, read_changes, read_registers, vault_on

FIRST, SECOND, THIRD, FOURTH, FIFTH = SERIES
FAVORITE = FIRST + Kind.FAVORITE


@pytest.fixture
def vault(store: Store) -> RegisterStore:
    """Ada likes the first three, took the third back, and keeps the first as a favourite."""
    vault = vault_on(store.platform, 4, 10)
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
    vault = vault_on(store.platform, 4, 3)
    wanted = dict.fromkeys(SERIES, 0)
    assert Resync(vault).run("bo", Kind.LIKE, wanted, 5, 0) == ResyncReport(added=3, over_cap=2)
    assert Resync(vault).run("bo", Kind.LIKE, wanted, 5, MS_PER_DAY) == ResyncReport(added=2, unchanged=3)


def test_an_unknown_account_gets_what_the_platform_says(store: Store) -> None:
    """Nothing held and nothing listed is nothing; what is listed is added."""
    vault = vault_on(store.platform, 4, 10)
    assert Resync(vault).run("cyd", Kind.LIKE, {}, 5, 0) == ResyncReport()
    assert Resync(vault).run("cyd", Kind.LIKE, {FIFTH: 1}, 5, 0) == ResyncReport(added=1)
