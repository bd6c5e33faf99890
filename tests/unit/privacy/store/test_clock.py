"""The store's clock is believed as long as wall clock and uptime do not contradict it."""

from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from privacy.errors import ClockError, StoreBusyError, StoreError
from privacy.model.timestamp import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE
from privacy.store.acl import AclUser
from privacy.store.clock import (
    MAX_AGE_MS,
    MAX_DEVIATION_MS,
    MAX_GAP_MS,
    STORE_EVERY_MS,
    StoreClock,
    Uptime,
)
from privacy.store.keys import CLOCK_ANCHOR
from privacy.store.users import ADMIN, LIMITER, MAINTENANCE, PLATFORM, RELAY, RELEASE
from tests.support.clocks import Clocks, client_of
from tests.support.redis_server import Store

MONTH_MS = 31 * MS_PER_DAY
DECADE_MS = 3_650 * MS_PER_DAY
LEAPS = (MAX_DEVIATION_MS + 1_000, 25 * MS_PER_HOUR, DECADE_MS, -MAX_DEVIATION_MS - 1_000, -2 * MS_PER_DAY)


@pytest.fixture
def clocks() -> Clocks:
    """Clocks that agree."""
    return Clocks()


@pytest.fixture
def relay(store: Store) -> Iterator[Redis]:
    """The relay's connection to a store without fsync."""
    with store.without_fsync(), client_of(store, RELAY) as client:
        yield client


def anchor_of(store: Store) -> object:
    """The anchor as it is stored."""
    return store.root.get(CLOCK_ANCHOR)


def test_the_time_of_the_store_is_returned(clocks: Clocks, relay: Redis) -> None:
    """While all clocks agree the store's is the one, whatever the wall clock's last digits are."""
    clocks.wall_ms += 1_234
    clock = clocks.store_clock(relay)
    for _ in range(100):
        assert clock() == clocks.store_ms
        clocks.advance(7 * MS_PER_HOUR)


@pytest.mark.parametrize("user", [PLATFORM, RELAY, RELEASE, MAINTENANCE, ADMIN], ids=lambda user: user.name)
def test_every_process_that_decides_by_time_may_ask_and_keep_the_anchor(
    store: Store, clocks: Clocks, user: AclUser
) -> None:
    """Each user of the table may do what its process's clock does, first of all and later."""
    with client_of(store, user) as client:
        clock = clocks.store_clock(client)
        clock()
        clocks.advance(MS_PER_DAY)
        assert clock() == clocks.store_ms


@pytest.mark.parametrize("leap_ms", LEAPS)
def test_a_leap_of_the_machine_is_not_believed_until_it_is_undone(
    store: Store, clocks: Clocks, relay: Redis, leap_ms: int
) -> None:
    """The uptime contradicts a leap; the anchor stays, and so the time is right again when the clock is."""
    clock = clocks.store_clock(relay)
    clock()
    anchor = anchor_of(store)
    clocks.leap(leap_ms)
    for _ in range(3):
        with pytest.raises(ClockError, match="later" if leap_ms > 0 else "earlier"):
            clock()
        clocks.advance(MS_PER_MINUTE)
    assert anchor_of(store) == anchor
    clocks.leap(-leap_ms)
    assert clock() == clocks.store_ms


@pytest.mark.parametrize("leap_ms", LEAPS)
def test_a_process_that_starts_after_a_leap_does_not_believe_it_either(
    clocks: Clocks, relay: Redis, leap_ms: int
) -> None:
    """The anchor in the store tells it what the others know."""
    clocks.store_clock(relay)()
    clocks.leap(leap_ms)
    clock = clocks.store_clock(relay)
    with pytest.raises(ClockError, match="accept-clock"):
        clock()
    clocks.leap(-leap_ms)
    assert clock() == clocks.store_ms


@pytest.mark.parametrize(
    ("skew_ms", "words"), [(MS_PER_HOUR, "3,600 s ahead"), (-MS_PER_HOUR, "3,600 s behind")]
)
@pytest.mark.parametrize("max_age_ms", [0, MAX_AGE_MS])
def test_a_wall_clock_that_contradicts_the_store_is_named(
    clocks: Clocks, relay: Redis, skew_ms: int, words: str, max_age_ms: int
) -> None:
    """A process whose own clock is wrong has no time, from the next look at it on."""
    clock = clocks.store_clock(relay, max_age_ms)
    clock()
    clocks.wall_ms += skew_ms
    with pytest.raises(ClockError, match=words):
        clock()
    clocks.wall_ms -= skew_ms
    assert clock() == clocks.store_ms


def test_a_wrong_wall_clock_founds_no_anchor(store: Store, clocks: Clocks, relay: Redis) -> None:
    """The first reading of a store is believed if two clocks agree, and not before."""
    clocks.wall_ms += MS_PER_DAY
    with pytest.raises(ClockError):
        clocks.store_clock(relay)()
    assert anchor_of(store) is None


@pytest.mark.parametrize("every_ms", [1_000, 61_000, 5 * MS_PER_MINUTE])
def test_small_leaps_do_not_add_up(clocks: Clocks, relay: Redis, every_ms: int) -> None:
    """The second leap of 50 seconds is too much, in whatever time it comes after the first one."""
    clock = clocks.store_clock(relay)
    for _ in range(2):
        clock()
        clocks.advance(every_ms)
        clocks.leap(50_000)
    with pytest.raises(ClockError):
        clock()


@pytest.mark.parametrize("parts_per_million", [500, -500])
def test_a_clock_that_is_slewed_is_believed(clocks: Clocks, relay: Redis, parts_per_million: int) -> None:
    """A month at the greatest rate at which a kernel slews a clock ends 22 minutes off, and is no leap."""
    clock = clocks.store_clock(relay)
    for _ in range(31 * 24):
        clock()
        clocks.advance(MS_PER_HOUR)
        clocks.leap(MS_PER_HOUR * parts_per_million // 1_000_000)
    assert clock() == clocks.store_ms


def test_processes_may_rest_for_a_month(clocks: Clocks, relay: Redis) -> None:
    """On a machine that stays up, or sleeps, the uptime says how long all processes were away."""
    clocks.store_clock(relay)()
    clocks.advance(MONTH_MS)
    assert clocks.store_clock(relay)() == clocks.store_ms


@pytest.mark.parametrize(
    ("off_ms", "is_believed"), [(MAX_GAP_MS, True), (MAX_GAP_MS + 2 * MS_PER_MINUTE, False)]
)
def test_a_machine_may_be_off_for_a_short_time(
    clocks: Clocks, relay: Redis, off_ms: int, *, is_believed: bool
) -> None:
    """Nothing says how long a machine was off. A clock that is an hour wrong after a boot is not believed."""
    clocks.store_clock(relay)()
    clocks.switch_off(off_ms)
    clock = clocks.store_clock(relay)
    if is_believed:
        assert clock() == clocks.store_ms
    else:
        with pytest.raises(ClockError):
            clock()


def test_a_store_that_was_off_for_a_month_waits_for_an_operator(
    clocks: Clocks, relay: Redis, store: Store
) -> None:
    """One word of an operator is enough for all processes; a leap after it is a leap."""
    clocks.store_clock(relay)()
    before_ms = clocks.store_ms
    clocks.switch_off(MONTH_MS)
    clock = clocks.store_clock(relay)
    with pytest.raises(ClockError):
        clock()
    with client_of(store, MAINTENANCE) as client:
        assert clocks.store_clock(client).accept() == (before_ms, clocks.store_ms)
    assert clock() == clocks.store_ms
    clocks.leap(MONTH_MS)
    with pytest.raises(ClockError):
        clock()


def test_an_accepted_time_can_be_corrected(clocks: Clocks, relay: Redis, store: Store) -> None:
    """A wrong time that was accepted is left in the same way, and running processes follow both times."""
    clock = clocks.store_clock(relay)
    clock()
    with client_of(store, MAINTENANCE) as client:
        for leap_ms in (DECADE_MS, -DECADE_MS):
            clocks.leap(leap_ms)
            with pytest.raises(ClockError):
                clock()
            clocks.store_clock(client).accept()
            assert clock() == clocks.store_ms


def standing_clock(clocks: Clocks, relay: Redis, meanwhile: Callable[[], object]) -> StoreClock:
    """Return the clock of a process that stands still once, between reading the store and writing to it."""
    steps = iter([meanwhile])

    def wall_clock() -> int:
        wall_ms = clocks.wall_ms
        for step in steps:
            step()
        return wall_ms

    clock = clocks.store_clock(relay)
    clock.wall_clock = wall_clock
    return clock


@pytest.mark.parametrize("is_first", [False, True], ids=["a later reading", "the first reading"])
def test_no_process_takes_an_operators_word_back(
    clocks: Clocks, relay: Redis, store: Store, *, is_first: bool
) -> None:
    """It stands still after reading, while a time is accepted: what it writes then does not count."""
    with client_of(store, MAINTENANCE) as client:

        def accept_a_leap() -> None:
            clocks.leap(MONTH_MS)
            clocks.store_clock(client).accept()

        if not is_first:
            clocks.store_clock(relay)()
            clocks.advance(2 * STORE_EVERY_MS)
        before_ms, clock = clocks.store_ms, standing_clock(clocks, relay, accept_a_leap)
        assert clock() == before_ms
    for each in (clock, clocks.store_clock(relay)):
        assert each() == clocks.store_ms == before_ms + MONTH_MS


def test_an_acceptance_that_another_one_overtakes_is_said(clocks: Clocks, relay: Redis, store: Store) -> None:
    """Of two operators the second one's word counts, and the first one is told."""
    with client_of(store, MAINTENANCE) as client:

        def accept_a_leap() -> None:
            clocks.leap(MONTH_MS)
            clocks.store_clock(client).accept()

        with pytest.raises(StoreBusyError, match="nothing was accepted"):
            standing_clock(clocks, relay, accept_a_leap).accept()
    assert clocks.store_clock(relay)() == clocks.store_ms


def test_an_operator_whose_own_clock_disagrees_accepts_nothing(
    store: Store, clocks: Clocks, relay: Redis
) -> None:
    """At least two clocks must agree on what is accepted."""
    clocks.store_clock(relay)()
    anchor = anchor_of(store)
    clocks.store_ms += MONTH_MS
    with pytest.raises(ClockError):
        clocks.store_clock(relay).accept()
    assert anchor_of(store) == anchor


def test_a_reading_is_continued_for_a_second(clocks: Clocks, relay: Redis) -> None:
    """A process that looks often asks the server once a second; a leap of the server is seen by then."""
    clock = clocks.store_clock(relay, MAX_AGE_MS)
    read_ms = clock()
    clocks.advance(MAX_AGE_MS - 1)
    clocks.leap(10_000)
    assert clock() == read_ms + MAX_AGE_MS - 1
    clocks.advance(1)
    assert clock() == read_ms + MAX_AGE_MS + 10_000
    clocks.leap(MS_PER_HOUR)
    clocks.advance(MAX_AGE_MS)
    with pytest.raises(ClockError):
        clock()


def test_the_anchor_is_stored_at_most_once_a_minute(store: Store, clocks: Clocks, relay: Redis) -> None:
    """Looking at the clock costs no write, and a process that starts finds an anchor that is young."""
    clocks.store_clock(relay)()
    clocks.leap(50_000)  # nearly as far ahead of the anchor as it may be
    clock, stored = clocks.store_clock(relay), set()
    for _ in range(600):
        clock()
        stored.add(anchor_of(store))
        clocks.advance(1_000)
    assert 600_000 // STORE_EVERY_MS <= len(stored) <= 11


def test_an_idle_process_knows_what_the_others_of_its_machine_know(clocks: Clocks, relay: Redis) -> None:
    """A plane that was asked nothing for a month has an old anchor of its own, and uses the stored one."""
    idle, busy = clocks.store_clock(relay), clocks.store_clock(relay)
    idle()
    for _ in range(31 * 24):
        clocks.advance(MS_PER_HOUR)
        busy()
    clocks.leap(5 * MS_PER_MINUTE)
    with pytest.raises(ClockError):
        idle()


def test_machines_share_a_store(clocks: Clocks, relay: Redis, store: Store) -> None:
    """Machines with other uptimes believe the same clock, and none of them believes a leap."""
    other = Clocks(clocks.store_ms, clocks.wall_ms, Uptime("another machine", 5))
    with client_of(store, RELEASE) as client:
        pair = (clocks.store_clock(relay), other.store_clock(client))
        for _ in range(1_000):
            assert [clock() for clock in pair] == [clocks.store_ms] * 2
            for each in (clocks, other):
                each.advance(29_000)
        for each in (clocks, other):
            each.leap(5 * MS_PER_MINUTE)
        for clock in pair:
            with pytest.raises(ClockError):
                clock()


def test_a_damaged_anchor_is_said_and_can_be_replaced(store: Store, clocks: Clocks, relay: Redis) -> None:
    """It is not taken for a store without one."""
    store.root.set(CLOCK_ANCHOR, "{")
    clock = clocks.store_clock(relay)
    with pytest.raises(StoreError, match="store:clock-anchor is damaged"):
        clock()
    clock.accept()
    assert clock() == clocks.store_ms


def test_a_process_that_sees_no_anchor_compares_the_wall_clock_alone(store: Store, clocks: Clocks) -> None:
    """The limiter of the public plane may ask the time, and nothing about the private room."""
    with client_of(store, LIMITER) as client:
        clock = clocks.store_clock(client, has_anchor=False)
        assert clock() == clocks.store_ms
        clocks.wall_ms += MS_PER_HOUR
        with pytest.raises(ClockError, match="ahead"):
            clock()
    assert anchor_of(store) is None
