"""Long work gives event intake priority: when it rests, how long, and when it does not."""

from dataclasses import dataclass, field

import pytest

from privacy.errors import StoreError
from privacy.maintenance.throttle import (
    IDLE_PROBE_SECONDS,
    MAX_REST_SECONDS,
    REST_RATIO,
    WORK_SLICE_SECONDS,
    ActivityCounter,
    Throttle,
)
from privacy.tally.outbox_relay import Relay
from tests.support.histories import LIKE, SERIES
from tests.support.redis_server import Store
from tests.support.registers import HEADER, vault_on

STEP_SECONDS = WORK_SLICE_SECONDS / 4


@dataclass
class Simulation:
    """Time, events and work, all under the control of the test.

    Args:
        events_per_second: rate of arriving events, during work and rests.
    """

    events_per_second: float = 0.0
    now: float = 100.0
    written: float = 0.0
    rests: list[float] = field(default_factory=list)

    def pass_by(self, seconds: float) -> None:
        """Advance the time."""
        self.now += seconds
        self.written += self.events_per_second * seconds

    def rest(self, seconds: float) -> None:
        """Take a rest."""
        self.rests.append(seconds)
        self.pass_by(seconds)

    def work(self, throttle: Throttle, slices: int, step_seconds: float = STEP_SECONDS) -> None:
        """Work for the given number of slices; every step writes, as real steps do."""
        wanted = len(self.rests) + slices
        while len(self.rests) < wanted:
            with throttle.slice():
                self.pass_by(step_seconds)
                self.written += 1_000


def throttle_in(world: Simulation) -> Throttle:
    """Return a throttle in a simulation."""
    return Throttle(lambda: int(world.written), lambda: world.now, world.rest)


def test_while_nothing_arrives_work_goes_on_at_full_speed() -> None:
    """The writes of the work itself are no reason to rest: there is only a probe per slice."""
    world = Simulation()
    world.work(throttle_in(world), 20)
    assert world.rests == [IDLE_PROBE_SECONDS] * 20
    assert IDLE_PROBE_SECONDS <= WORK_SLICE_SECONDS / 20


def test_while_events_arrive_every_slice_is_followed_by_its_share_of_rest() -> None:
    """The first probe notices them; from then on the rests are a fixed share of the time."""
    world = Simulation(events_per_second=1_000)
    world.work(throttle_in(world), 20)
    assert world.rests[0] == IDLE_PROBE_SECONDS
    assert world.rests[1:] == pytest.approx([REST_RATIO * WORK_SLICE_SECONDS] * 19)


def test_work_speeds_up_again_when_no_more_events_arrive() -> None:
    """One rest without arrivals is enough."""
    world = Simulation(events_per_second=1_000)
    throttle = throttle_in(world)
    world.work(throttle, 3)
    world.events_per_second = 0
    world.work(throttle, 4)
    assert world.rests[4:] == [IDLE_PROBE_SECONDS] * 3


def test_a_step_that_had_to_wait_is_followed_by_a_longer_rest_but_not_by_any_length() -> None:
    """On a slow store the work uses a smaller share of it, and still makes progress."""
    world = Simulation(events_per_second=1_000)
    throttle = throttle_in(world)
    world.work(throttle, 2, 4 * WORK_SLICE_SECONDS)
    world.work(throttle, 1, 1_000.0)
    assert world.rests[1:] == pytest.approx([REST_RATIO * 4 * WORK_SLICE_SECONDS, MAX_REST_SECONDS])


def test_a_failed_step_is_not_counted_as_work() -> None:
    """The caller backs off from a busy store; the throttle makes no call and does not rest."""
    world = Simulation(events_per_second=1_000)
    throttle = throttle_in(world)

    def fail() -> None:
        with throttle.slice():
            world.pass_by(2 * WORK_SLICE_SECONDS)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert world.rests == []


def test_a_throttle_that_always_rests_does_so_after_every_slice() -> None:
    """After every slice but the first, which only probes, whether or not events arrive."""
    world = Simulation()
    world.work(Throttle.always(lambda: world.now, world.rest), 5)
    assert world.rests == pytest.approx([IDLE_PROBE_SECONDS] + [REST_RATIO * WORK_SLICE_SECONDS] * 4)


ACCOUNTS = [f"account-{number}" for number in range(40)]


def test_the_number_grows_with_events_that_count_and_with_nothing_else(store: Store) -> None:
    """A batch adds an entry a shard; neither its repetition nor the relay, which takes entries away, does."""
    arrivals = ActivityCounter(store.maintenance, HEADER.account_shards)
    assert arrivals() == 0
    vault = vault_on(store, 4, 100)
    likes = [(account, SERIES[0], 1, LIKE, 3) for account in ACCOUNTS]
    for entries in (likes[:0], likes, likes):
        vault.record(entries, 0)
        Relay(store.relay, HEADER).drain()
    assert arrivals() == HEADER.account_shards


def test_who_may_not_ask_is_told_so(store: Store) -> None:
    """A missing permission is an error, and is not taken for a store in which nothing arrives."""
    with pytest.raises(StoreError, match="ACL"):
        ActivityCounter(store.rekeyer, HEADER.account_shards)()
