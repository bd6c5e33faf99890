"""Admissions on a real Redis: the caps of a day and of a month, and those of what is imported."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import pytest

from privacy.model.engagement import Verdict
from privacy.model.timestamp import MS_PER_DAY, parse_timestamp_ms
from privacy.store.keys import vault_key
from privacy.vault.account_record import read_account
from privacy.vault.entries import AdmittedEvent
from privacy.vault.pseudonym import AccountRef
from privacy.vault.registers import RegisterStore
from tests.support.histories import LIKE, UNLIKED
from tests.support.redis_server import Store
from tests.support.registers import (
    HEADER,
    POLICY,
    PSEUDONYMISER,
    account_key,
    raw,
    read_registers,
    shards_on,
    vault_on,
)

COUNTED, UNCOUNTED, DUPLICATE = Verdict.COUNTED, Verdict.UNCOUNTED, Verdict.DUPLICATE
LATE, OVER_CAP = Verdict.LATE, Verdict.OVER_CAP
TODAY_MS = parse_timestamp_ms("2026-05-03T14:07:31Z")


@pytest.fixture
def vault(store: Store) -> RegisterStore:
    """A vault with w = 4, M = 3 and five a month, on an empty store."""
    return vault_on(store, 4, 3, monthly_cap=5)


def day_ms(date: str) -> int:
    """Return noon of a day."""
    return parse_timestamp_ms(f"{date}T12:00:00Z")


def likes(first: int, count: int, at_ms: int, account: str = "ada") -> list[AdmittedEvent]:
    """Return likes of some targets from the first on."""
    return [(account, 4 * number, at_ms + number, LIKE, 0) for number in range(first, first + count)]


def arrive(vault: RegisterStore, first: int, count: int, date: str) -> list[Verdict]:
    """Record likes that arrive when they happen."""
    return vault.record(likes(first, count, day_ms(date)), day_ms(date) + 1_000_000)


def bring_in(vault: RegisterStore, events: Sequence[AdmittedEvent], now_ms: int = TODAY_MS) -> list[Verdict]:
    """Import events."""
    return vault.record(events, now_ms, imported=True)


def test_no_more_than_the_monthly_cap_is_newly_counted(vault: RegisterStore) -> None:
    """The sixth of a month is over the cap, on a day that is not full; the next month opens."""
    assert arrive(vault, 1, 3, "2026-04-05") == 3 * [COUNTED]
    assert arrive(vault, 4, 3, "2026-04-09") == [COUNTED, COUNTED, OVER_CAP]
    assert arrive(vault, 7, 1, "2026-04-30") == [OVER_CAP]
    assert arrive(vault, 8, 4, "2026-05-01") == [COUNTED, COUNTED, COUNTED, OVER_CAP]
    assert arrive(vault, 12, 3, "2026-05-31") == [COUNTED, COUNTED, OVER_CAP]


@pytest.mark.parametrize("year", [1999, 2000, 2024, 2025, 2100])
def test_a_month_is_that_of_the_calendar(year: int, store: Store) -> None:
    """Each day of a year counts to the month that it is in, leap years included."""
    vault = vault_on(store, 4, 1, monthly_cap=28)
    first = datetime(year, 1, 1, tzinfo=UTC)
    days = range((datetime(year + 1, 1, 1, tzinfo=UTC) - first).days)
    moments = [int(first.timestamp()) * 1_000 + day * MS_PER_DAY for day in days]
    verdicts = {at: vault.record([("ada", 4 * at // MS_PER_DAY, at, LIKE, 0)], at)[0] for at in moments}
    over = [datetime.fromtimestamp(at // 1_000, UTC).day > 28 for at in moments]
    assert [verdict is OVER_CAP for verdict in verdicts.values()] == over


def test_the_first_like_of_a_day_in_a_full_month_is_over_the_cap(vault: RegisterStore) -> None:
    """It opens no day, and is not stored; a like that is known changes as ever."""
    arrive(vault, 1, 3, "2026-04-05")
    arrive(vault, 4, 2, "2026-04-06")
    assert arrive(vault, 6, 1, "2026-04-07") == [OVER_CAP]
    unlike = ("ada", 4, day_ms("2026-04-07"), UNLIKED, 0)
    assert vault.record([unlike], day_ms("2026-04-07")) == [UNCOUNTED]


def test_a_monthly_cap_counts_from_when_it_is_put_in_force(store: Store) -> None:
    """Admissions of the month that came under no monthly cap are not counted to it."""
    free = vault_on(store, 4, 3)
    assert arrive(free, 1, 3, "2026-04-05") == 3 * [COUNTED]
    capped = vault_on(store, 4, 3, monthly_cap=2)
    assert arrive(capped, 4, 3, "2026-04-06") == [COUNTED, COUNTED, OVER_CAP]


def test_what_an_earlier_version_has_written_goes_on(store: Store) -> None:
    """An integer alone, with other fields above the day: the day, its admissions and the status are kept."""
    vault = vault_on(store, 4, 3)
    now_ms = day_ms("2026-04-05")
    account, today = PSEUDONYMISER.pseudonymise("ada"), now_ms // MS_PER_DAY
    table = vault_key(account.shard(HEADER.account_shards), "accounts")
    two_admitted, no_time_of_its_own, close = 2, 1, 1
    number = ((no_time_of_its_own * 2 + close) * 2**19 + today) * 2 * 16 * 65_536 + two_admitted
    store.root.hset(table, account.pseudonym, number)
    store.root.hset(account_key("ada"), "b", now_ms)
    assert arrive(vault, 1, 2, "2026-04-05") == [COUNTED, OVER_CAP]
    assert arrive(vault, 3, 1, "2026-04-06") == [COUNTED]
    assert raw(store.root.hget(table, account.pseudonym))[0] == 128


def test_imported_likes_are_capped_by_the_day_on_which_they_happened(store: Store) -> None:
    """Three of each day, however many arrive today, in one batch or in several."""
    vault = vault_on(store, 4, 3)
    history = [
        like for day in range(4) for like in likes(10 * day, 5, day_ms("2024-02-27") + day * MS_PER_DAY)
    ]
    of_day = [*3 * [COUNTED], OVER_CAP, OVER_CAP]
    assert bring_in(vault, history[:7]) == [*of_day, COUNTED, COUNTED]
    assert bring_in(vault, history[7:]) == [COUNTED, OVER_CAP, OVER_CAP, *of_day, *of_day]
    assert vault.record(likes(50, 4, TODAY_MS), TODAY_MS) == [*3 * [COUNTED], OVER_CAP]


def test_an_import_that_is_sent_again_changes_nothing(store: Store) -> None:
    """What was counted is a duplicate, and what was over the cap still is or is too late."""
    vault = vault_on(store, 4, 3)
    history = [*likes(1, 5, day_ms("2024-02-27")), *likes(6, 1, day_ms("2024-02-28"))]
    assert bring_in(vault, history) == [*3 * [COUNTED], OVER_CAP, OVER_CAP, COUNTED]
    before = read_registers(store.root, ["ada"])
    assert bring_in(vault, history) == [*3 * [DUPLICATE], LATE, LATE, DUPLICATE]
    assert read_registers(store.root, ["ada"]) == before


def test_days_are_imported_in_their_order(store: Store) -> None:
    """Else a day would be counted twice: its number is kept for the latest day alone."""
    vault = vault_on(store, 4, 3)
    assert bring_in(vault, likes(1, 1, day_ms("2024-02-28"))) == [COUNTED]
    assert bring_in(vault, likes(2, 1, day_ms("2024-02-27"))) == [LATE]
    assert bring_in(vault, likes(2, 1, day_ms("2024-02-27"), "bo")) == [COUNTED]
    unlike = ("ada", 4, day_ms("2024-02-29"), UNLIKED, 0)
    assert bring_in(vault, [unlike]) == [UNCOUNTED]


def test_only_days_before_the_first_admission_are_imported(store: Store) -> None:
    """No day has admissions of both kinds: today cannot be imported, nor a day since the first event."""
    vault = vault_on(store, 4, 3)
    assert bring_in(vault, likes(1, 1, TODAY_MS)) == [LATE]
    assert arrive(vault, 1, 1, "2026-04-05") == [COUNTED]
    arrive(vault, 2, 1, "2026-04-07")
    assert bring_in(vault, likes(3, 1, day_ms("2026-04-05"))) == [LATE]
    assert bring_in(vault, likes(3, 1, day_ms("2026-04-06"))) == [LATE]
    assert bring_in(vault, likes(3, 1, day_ms("2026-04-04"))) == [COUNTED]


def test_under_a_monthly_cap_only_whole_months_are_imported(vault: RegisterStore) -> None:
    """No month has admissions of both kinds, and an imported month is capped, too."""
    assert bring_in(vault, likes(1, 1, day_ms("2026-05-01"))) == [LATE]
    march = [*likes(1, 3, day_ms("2026-03-05")), *likes(4, 3, day_ms("2026-03-06"))]
    assert bring_in(vault, march) == [*5 * [COUNTED], OVER_CAP]
    arrive(vault, 10, 1, "2026-04-20")
    assert bring_in(vault, likes(20, 1, day_ms("2026-04-02"))) == [LATE]
    assert bring_in(vault, likes(20, 1, day_ms("2026-03-31"))) == [OVER_CAP]


def test_nothing_is_imported_into_an_account_of_an_earlier_version(store: Store) -> None:
    """It did not note on which day the account was first admitted."""
    vault = vault_on(store, 4, 3)
    arrive(vault, 1, 1, "2026-04-05")
    store.root.hdel(account_key("ada"), "f")
    assert bring_in(vault, likes(2, 1, day_ms("2024-02-27"))) == [LATE]


def test_imported_likes_are_compared_with_imported_ones(store: Store) -> None:
    """The rule against bursts goes by the times of events, across batches; what arrives now is apart."""
    few = msgspec.structs.replace(POLICY.integrity, burst_likes=3, burst_seconds=10)
    vault = vault_on(store, 4, 50, integrity=few)
    history = likes(1, 5, day_ms("2024-02-27"))
    assert bring_in(vault, history[:2]) == 2 * [COUNTED]
    assert arrive(vault, 10, 3, "2026-04-05") == 3 * [COUNTED]
    assert bring_in(vault, history[2:]) == [COUNTED, UNCOUNTED, UNCOUNTED]
    later = likes(20, 2, day_ms("2024-02-27") + 60_000)
    assert bring_in(vault, later) == 2 * [COUNTED]


def test_an_account_that_was_only_imported_is_kept(store: Store) -> None:
    """It counts as heard of on the day of its import, and its next admission is its first one."""
    vault = vault_on(store, 4, 3)
    bring_in(vault, likes(1, 1, day_ms("2024-02-27")))
    held = read_account(shards_on(store.maintenance), AccountRef("ada").resolve(PSEUDONYMISER))
    assert held is not None
    assert held.last_heard_ms == (TODAY_MS // MS_PER_DAY + 1) * MS_PER_DAY
    arrive(vault, 2, 1, "2026-05-03")
    assert store.root.hget(account_key("ada"), "f") == str(TODAY_MS // MS_PER_DAY).encode()
