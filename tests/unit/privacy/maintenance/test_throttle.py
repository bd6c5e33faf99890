"""Long work lets events go first: when it rests, how long, and when it does not."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from privacy.maintenance.throttle import (
    IDLE_PROBE_SECONDS,
    MAX_REST_SECONDS,
    REST_RATIO,
    WORK_SLICE_SECONDS,
    Throttle,
)

STEP_SECONDS = WORK_SLICE_SECONDS / 4


@dataclass
class World:
    """Time, events and work, of which nothing happens by itself.

    Args:
        events_a_second: that arrive, in work and in rests.
    """

    events_a_second: float = 0.0
    now: float = 100.0
    written: float = 0.0
    rests: list[float] = field(default_factory=list)

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.written += self.events_a_second * seconds

    def rest(self, seconds: float) -> None:
        """Take a rest."""
        self.rests.append(seconds)
        self.pass_by(seconds)

    def work(self, throttle: Throttle, spells: int, step_seconds: float = STEP_SECONDS) -> None:
        """Work until so many rests were taken; every step writes, as the work's own steps do."""
        wanted = len(self.rests) + spells
        while len(self.rests) < wanted:
            with throttle.slice():
                self.pass_by(step_seconds)
                self.written += 1_000


def throttle_in(world: World) -> Throttle:
    """One that begins in a world."""
    return Throttle(lambda: int(world.written), lambda: world.now, world.rest)


def test_while_nothing_arrives_work_goes_on_at_full_speed() -> None:
    """What the work itself writes is no reason to rest: there are only glances, one a spell."""
    world = World()
    world.work(throttle_in(world), 20)
    assert world.rests == [IDLE_PROBE_SECONDS] * 20
    assert IDLE_PROBE_SECONDS <= WORK_SLICE_SECONDS / 20


def test_while_events_arrive_every_spell_is_followed_by_its_share_of_rest() -> None:
    """The first glance sees them come; from then on the rests are a fixed share of the time."""
    world = World(events_a_second=1_000)
    world.work(throttle_in(world), 20)
    assert world.rests[0] == IDLE_PROBE_SECONDS
    assert world.rests[1:] == pytest.approx([REST_RATIO * WORK_SLICE_SECONDS] * 19)


def test_work_speeds_up_again_when_no_more_events_arrive() -> None:
    """One rest in which nothing came is enough."""
    world = World(events_a_second=1_000)
    throttle = throttle_in(world)
    world.work(throttle, 3)
    world.events_a_second = 0
    world.work(throttle, 4)
    assert world.rests[4:] == [IDLE_PROBE_SECONDS] * 3


def test_a_step_that_had_to_wait_is_followed_by_a_longer_rest_but_not_by_any_length() -> None:
    """Where the store is slow the work takes less of it, and goes on all the same."""
    world = World(events_a_second=1_000)
    throttle = throttle_in(world)
    world.work(throttle, 2, 4 * WORK_SLICE_SECONDS)
    world.work(throttle, 1, 1_000.0)
    assert world.rests[1:] == pytest.approx([REST_RATIO * 4 * WORK_SLICE_SECONDS, MAX_REST_SECONDS])


def test_a_step_that_failed_is_no_work() -> None:
    """The caller backs off from a busy store by itself; nothing is asked of the store, and nothing rests."""
    world = World(events_a_second=1_000)
    throttle = throttle_in(world)

    def fail() -> None:
        with throttle.slice():
            world.pass_by(2 * WORK_SLICE_SECONDS)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert world.rests == []


def test_work_of_a_user_that_may_not_look_rests_after_every_spell() -> None:
    """Not only after the first one, and whether or not events arrive."""
    world = World()
    world.work(Throttle.always(lambda: world.now, world.rest), 5)
    assert world.rests == pytest.approx([IDLE_PROBE_SECONDS] + [REST_RATIO * WORK_SLICE_SECONDS] * 4)
