"""When and in which order releases are copied to the gallery."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.system import clock_ms, uptime
from privacy.errors import LateCommitError
from privacy.publishing.publisher import Publisher
from privacy.release import publication as publication_module
from privacy.release import worker as worker_module
from privacy.release.publication import WRITING_MS, ReleasePublication, visible_at_ms
from privacy.release.worker import ReleaseWorker
from privacy.store.clock import StoreClock
from privacy.store.keys import gallery_key
from privacy.tally.pending_release import PendingRelease
from tests.support.redis_server import Store
from tests.support.release_world import VIDEOS, ReleaseWorld, calibration, hours

DELAY_MS = calibration().policy.public_delay_ms
SECOND_MS = 1_000


@dataclass(frozen=True)
class NotingPublisher(Publisher):
    """A publisher that notes what it copies, in order."""

    copied: list[tuple[str, int]] = field(default_factory=list)

    def publish_releases(self, releases: Sequence[PendingRelease]) -> None:
        """Notes the releases, and copies them."""
        self.copied.extend((release.target_id, release.epoch) for release in releases)
        super().publish_releases(releases)


@pytest.fixture
def world(store: Store) -> ReleaseWorld:
    """Five videos, posted at time zero, with likes."""
    world = ReleaseWorld(store)
    world.reset()
    world.like_everything()
    return world


def published(world: ReleaseWorld) -> int:
    """Number of releases in the gallery."""
    return sum(world.store.root.hlen(gallery_key("releases", video, "like")) for video in world.numbers)


@given(st.integers(0, 10**9), st.integers(2, 86_400), st.integers(0, 10**13))
def test_a_release_is_visible_at_a_whole_second_after_it_is_written(
    due_seconds: int, delay_seconds: int, now_ms: int
) -> None:
    """A fixed time after its epoch, or at a multiple of that time; never before it can have been written."""
    due_ms, delay_ms = 1000 * due_seconds, 1000 * delay_seconds
    visible_ms = visible_at_ms(due_ms, delay_ms, now_ms)
    assert visible_ms % SECOND_MS == 0
    assert visible_ms >= now_ms + WRITING_MS
    if now_ms + WRITING_MS <= due_ms + delay_ms:
        assert visible_ms == due_ms + delay_ms
    else:
        assert visible_ms % delay_ms == 0
        assert visible_ms - delay_ms <= now_ms + WRITING_MS


def test_releases_appear_at_their_tick(world: ReleaseWorld) -> None:
    """However early they are made, a fixed time after their epoch and not a second before."""
    world.now_ms = hours(1)
    assert world.worker().run_due() == len(VIDEOS)
    publication = world.publication()
    assert publication.publish(hours(1) + DELAY_MS - SECOND_MS) == 0
    assert published(world) == 0
    assert publication.read_last_visible_ms() == hours(1) + DELAY_MS
    assert publication.publish(hours(1) + DELAY_MS) == len(VIDEOS)
    assert publication.read_last_visible_ms() is None
    world.now_ms += DELAY_MS
    world.check(dict.fromkeys(VIDEOS, 1))


@pytest.mark.parametrize("late_ms", [DELAY_MS - WRITING_MS + 1, DELAY_MS, 5 * DELAY_MS + 7])
def test_a_late_release_appears_with_the_others_that_are_late(late_ms: int, world: ReleaseWorld) -> None:
    """Whenever their epochs ended: at one multiple of the delay, the first one after they are written."""
    world.register(["later"], calibration().policy, starts_at_ms=7 * SECOND_MS)
    world.now_ms = hours(1) + 7 * SECOND_MS + late_ms
    assert world.worker().run_due() == len(VIDEOS) + 1
    tick_ms = ((world.now_ms + WRITING_MS) // DELAY_MS + 1) * DELAY_MS
    publication = world.publication()
    assert publication.publish(tick_ms - SECOND_MS) == 0
    assert publication.publish(tick_ms) == len(VIDEOS) + 1


@dataclass
class SlowClock(StoreClock):
    """The clock of the store, read some time before a commit arrives there."""

    before_ms: int = 0

    def __call__(self) -> int:
        """Return what the time was then."""
        return super().__call__() - self.before_ms


def slow_worker(world: ReleaseWorld, before_ms: int) -> ReleaseWorker:
    """Return a worker whose commits arrive late."""
    clock = SlowClock(world.store.release, clock_ms, uptime, before_ms=before_ms)
    return replace(world.worker(), clock=clock)


def test_a_commit_that_arrives_late_has_a_later_tick(world: ReleaseWorld) -> None:
    """The store refuses the first attempt, so that the release is never visible as soon as it is written."""
    world.now_ms = hours(1)
    assert slow_worker(world, 5 * SECOND_MS).run_due() == len(VIDEOS)
    written_ms = clock_ms()
    last_ms = world.publication().read_last_visible_ms()
    assert last_ms
    assert last_ms % DELAY_MS == 0
    assert last_ms > written_ms
    assert world.publication().publish(written_ms) == 0


def test_a_commit_that_arrives_much_later_is_not_written(world: ReleaseWorld) -> None:
    """Otherwise its release would be visible at a moment that the work decides."""
    world.now_ms = hours(1)
    with pytest.raises(LateCommitError):
        slow_worker(world, 2 * DELAY_MS).run_due()
    assert world.publication().read_last_visible_ms() is None
    assert world.worker().run_due() == len(VIDEOS)


def test_only_the_same_series_waits_for_a_late_release(world: ReleaseWorld) -> None:
    """Its next release, although it is in time, so that epochs appear in order; other series do not."""
    world.now_ms = hours(1)
    world.run_due()
    world.register(["late"], calibration("smaller").policy, starts_at_ms=-hours(1) + 30 * SECOND_MS)
    world.now_ms = hours(2) + DELAY_MS - WRITING_MS
    assert world.worker().run_due() == len(VIDEOS) + 2
    publication = world.publication()
    ticks = range(world.now_ms, hours(2) + 2 * DELAY_MS + 1, SECOND_MS)
    copied = {tick_ms: count for tick_ms in ticks if (count := publication.publish(tick_ms))}
    assert copied == {hours(2) + DELAY_MS: len(VIDEOS), hours(2) + 2 * DELAY_MS: 2}


def test_the_order_of_copying_is_public(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither likes, nor how workers divided the work, nor which of them was first changes it."""
    orders = []
    cases = ((False, 256, False), (True, 256, True), (True, 2, False), (False, 1, True))
    for likes, batch, backwards in cases:
        monkeypatch.setattr(worker_module, "BATCH_SERIES", batch)
        monkeypatch.setattr(publication_module, "BATCH_RELEASES", 3)
        world = ReleaseWorld(store)
        world.reset()
        world.register([f"other-{number}" for number in range(4)], calibration("smaller").policy)
        if likes:
            world.like_everything()
        world.now_ms = hours(1)
        shards = world.worker().shards
        for shard in shards[::-1] if backwards else shards:
            replace(world.worker(), shards=[shard]).run_due()
        publisher = NotingPublisher(store.publisher)
        ReleasePublication(shards, publisher).publish(hours(1) + DELAY_MS)
        orders.append(publisher.copied)
    assert len(orders[0]) == len(VIDEOS) + 4
    assert all(order == orders[0] for order in orders)
