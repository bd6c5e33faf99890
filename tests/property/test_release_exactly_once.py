"""Every release is written exactly once, across crashes, races and delays of several epochs."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.errors import SeriesRefusedError, StoreBusyError
from privacy.model.engagement import KINDS_PER_TARGET
from privacy.release import worker as worker_module
from privacy.store.keys import tally_key
from tests.support.faults import Crash, Fault, LostConnectionError, every_fault
from tests.support.profiles import FIXED_FIXTURES, examples
from tests.support.redis_server import Store
from tests.support.registers import HEADER
from tests.support.release_world import AFTER_EVERY_TICK_MS, VIDEOS, ReleaseWorld, calibration, hours
from tests.support.simulation import CountingEntropy
from tests.support.turns import take_turns

Begin = Callable[[], dict[str, bytes]]


@pytest.fixture
def world(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReleaseWorld]:
    """A world without fsync whose workers write two series at a time."""
    monkeypatch.setattr(worker_module, "BATCH_SERIES", 2)
    with store.without_fsync():
        yield ReleaseWorld(store)


@pytest.fixture
def after_one_epoch(world: ReleaseWorld) -> Begin:
    """Go to the moment at which the second epoch is over; returns the records written in the first."""
    world.reset()
    world.like_everything()
    world.now_ms = hours(1)
    world.run_due()
    world.like_everything()
    world.now_ms = hours(2)
    kept, go_back = world.records(), world.mark()

    def begin() -> dict[str, bytes]:
        go_back()
        return kept

    return begin


def test_crash_at_any_store_call(world: ReleaseWorld, after_one_epoch: Begin) -> None:
    """A worker that ends at any store call is taken over: each release once, nothing written changes."""
    broken = 0
    for fault in every_fault():
        kept = after_one_epoch()
        try:
            world.run_due(fault)
        except Crash:
            broken += 1
        world.check_kept(kept)
        kept = world.records()
        world.run_due()
        world.check_kept(kept)
        world.check(dict.fromkeys(VIDEOS, 2))
    assert broken > 50


def test_lost_connection_at_any_store_call(world: ReleaseWorld, after_one_epoch: Begin) -> None:
    """A worker that loses its connection at any store call goes on with the next run."""
    for fault in every_fault(LostConnectionError):
        kept = after_one_epoch()
        worker, publication = world.worker(fault), world.publication(fault)
        with suppress(StoreBusyError):
            worker.run_due()
            publication.publish(AFTER_EVERY_TICK_MS)
        fault.at = 0
        worker.run_due()
        publication.publish(AFTER_EVERY_TICK_MS)
        world.check_kept(kept)
        world.check(dict.fromkeys(VIDEOS, 2))


def test_second_worker_at_any_store_call(world: ReleaseWorld, after_one_epoch: Begin) -> None:
    """A worker that another one overtakes at any store call writes nothing twice and nothing too early."""
    for calls_before in range(60):
        kept = after_one_epoch()
        take_turns([world.run_due] * 2, [0] * calls_before + [1] * 1000)
        world.check_kept(kept)
        world.check(dict.fromkeys(VIDEOS, 2))


@settings(max_examples=examples(80), suppress_health_check=FIXED_FIXTURES)
@given(turns=st.lists(st.integers(0, 2), max_size=200))
def test_three_workers_in_any_order(turns: list[int], world: ReleaseWorld, after_one_epoch: Begin) -> None:
    """Three workers whose store calls alternate in any order write each release once, and none too early."""
    kept = after_one_epoch()
    written = take_turns([world.run_due] * 3, turns)
    assert sum(written) == len(VIDEOS)
    world.check_kept(kept)
    world.check(dict.fromkeys(VIDEOS, 2))


def test_catching_up(world: ReleaseWorld) -> None:
    """A worker that was down for several epochs, beyond the last one, writes every epoch once, in order."""
    world.reset()
    world.register(["brief"], calibration("smaller").policy)
    world.like_everything()
    world.now_ms = hours(100)
    assert world.run_due() == 4 * len(VIDEOS) + 3
    assert world.run_due() == 0
    world.check(dict.fromkeys(VIDEOS, 4) | {"brief": 3})
    assert all(shard.read_next_due_ms() is None for shard in world.worker().shards)


def test_clock_that_steps_back(world: ReleaseWorld) -> None:
    """A clock that steps back makes no release twice."""
    world.reset()
    world.like_everything()
    for moment, written in ((hours(2), 2), (hours(1), 0), (0, 0), (hours(3) - 1, 0), (hours(3), 1)):
        world.now_ms = moment
        assert world.run_due() == written * len(VIDEOS)
    world.check(dict.fromkeys(VIDEOS, 3))


def test_what_is_written_is_never_drawn_again(world: ReleaseWorld) -> None:
    """Without an epoch that is over a worker takes no entropy, also when it copies releases once more."""
    world.reset()
    world.like_everything()
    world.now_ms = hours(1)
    entropy = CountingEntropy(os.urandom)
    world.run_due(entropy=entropy)
    given = entropy.given
    assert given > 0
    world.like_everything()
    world.run_due(entropy=entropy)
    assert entropy.given == given


def test_a_series_that_is_refused_holds_up_no_other(world: ReleaseWorld) -> None:
    """Damage to one series ends a turn with an error that names it; each turn tries it once more.

    A due time that is no whole number is never the one that a worker has read.
    """
    world.reset()
    world.like_everything()
    damaged, other = world.numbers[VIDEOS[0]], [video for video in VIDEOS if video != VIDEOS[0]]
    key = tally_key(damaged // KINDS_PER_TARGET % HEADER.target_shards, "due")
    world.store.root.zadd(key, {str(damaged): hours(1) - 0.5})
    world.now_ms = hours(2)
    for _ in range(2):
        fault = Fault(200)  # a worker without rest would come to this call
        with pytest.raises(SeriesRefusedError, match=f"series {damaged}: "):
            world.worker(fault).run_due()
        world.publish()
        world.numbers.pop(VIDEOS[0], None)
        world.check(dict.fromkeys(other, 2))
    world.numbers[VIDEOS[0]] = damaged
    world.store.root.zadd(key, {str(damaged): hours(1)})
    assert world.run_due() == 2
    world.check(dict.fromkeys(VIDEOS, 2))
