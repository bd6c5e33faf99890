"""The catalogue on a real Redis: registration, metadata, numbers, policies."""

from dataclasses import replace

import msgspec
import pytest

from privacy.catalogue import catalogue as catalogue_module
from privacy.catalogue.catalogue import Catalogue, Registration
from privacy.errors import StoreBusyError
from privacy.model.documents import TargetDocument
from privacy.model.engagement import KINDS_PER_TARGET, TargetType
from privacy.model.timestamp import MS_PER_HOUR
from privacy.policy.policy import Policy
from privacy.publishing.publisher import Publisher
from privacy.store.keys import gallery_key, tally_key, target_shard
from tests.support.faults import Crash, LostConnectionError, every_fault
from tests.support.redis_server import Store
from tests.support.registers import HEADER, raw
from tests.support.small_policy import small_policy
from tests.support.stepped_redis import Hook, SteppedRedis
from tests.support.targets import a_video
from tests.support.turns import take_turns

CREATED, UPDATED = Registration.CREATED, Registration.UPDATED
UNCHANGED, CONFLICT = Registration.UNCHANGED, Registration.CONFLICT
POLICY = small_policy()
IDS = [f"video-{number}" for number in range(40)]


def catalogue(store: Store, policy: Policy = POLICY, hook: Hook | None = None) -> Catalogue:
    """A catalogue that publishes to the gallery of the same server."""
    platform = SteppedRedis(store.platform, hook) if hook else store.platform
    publisher = SteppedRedis(store.publisher, hook) if hook else store.publisher
    return Catalogue(platform, HEADER.target_shards, policy, Publisher(publisher).publish_targets)


def published(store: Store, video_id: str) -> TargetDocument:
    """Return the gallery's document of a video."""
    return msgspec.json.decode(
        raw(store.public.get(gallery_key("target", "video", video_id))), type=TargetDocument
    )


def all_due(store: Store) -> list[int]:
    """Return all series that will ever be due."""
    shards = range(HEADER.target_shards)
    return sorted(
        int(raw(number)) for shard in shards for number in store.root.zrange(tally_key(shard, "due"), 0, -1)
    )


def test_a_video_is_created_once(store: Store) -> None:
    """Registering again changes nothing; other metadata updates it; another posting time is refused."""
    video = a_video("v", 5, title="one", hashtags=("a", "b"))
    register = catalogue(store).register
    assert register([video], 0) == [CREATED]
    assert register([video], MS_PER_HOUR) == [UNCHANGED]
    assert register([replace(video, title="two")], 0) == [UPDATED]
    assert register([replace(video, title="three", starts_at_ms=6)], 0) == [CONFLICT]
    document = published(store, "v")
    assert (document.title, document.hashtags, document.starts_at_ms) == ("two", ["a", "b"], 5)


def test_outcomes_are_in_the_order_of_the_videos(store: Store) -> None:
    """Videos are in different shards, and one may occur twice in a call: the first sets the posting time."""
    register = catalogue(store).register
    register([a_video(video_id, 0) for video_id in IDS[::2]], 0)
    outcomes = register([a_video(video_id, 0) for video_id in IDS], 0)
    assert outcomes == [UNCHANGED, CREATED] * 20
    twice = [a_video("new", 7), a_video("new", 7, title="later"), a_video("new", 8)]
    assert register(twice, 0) == [CREATED, UPDATED, CONFLICT]
    assert (published(store, "new").title, published(store, "new").starts_at_ms) == ("later", 7)
    assert catalogue(store).lookup(TargetType.VIDEO, ["new"])["new"].starts_at_ms == 7


def test_numbers_are_unique_and_give_the_shard(store: Store) -> None:
    """A target's number leads to its shard, and no two targets share one."""
    videos = catalogue(store)
    videos.register([a_video(video_id, 0) for video_id in IDS], 0)
    found = videos.lookup(TargetType.VIDEO, [*IDS, "unknown"])
    assert set(found) == set(IDS)
    assert len({target.number for target in found.values()}) == len(IDS)
    for video_id, target in found.items():
        assert target.number % HEADER.target_shards == target_shard(video_id, HEADER.target_shards)
        assert (target.starts_at_ms, target.policy_version) == (0, "small")


def test_the_epoch_that_runs_is_the_first(store: Store) -> None:
    """A video registered late starts with the running epoch; one past its last epoch has no series."""
    catalogue(store).register([a_video("late", 0), a_video("sealed", -9 * MS_PER_HOUR)], 2 * MS_PER_HOUR + 1)
    late, sealed = published(store, "late"), published(store, "sealed")
    assert (late.first_epoch, late.first_release_at_ms) == (2, 3 * MS_PER_HOUR + POLICY.public_delay_ms)
    assert (sealed.first_epoch, sealed.first_release_at_ms) == (None, None)
    assert all_due(store) == [
        catalogue(store).lookup(TargetType.VIDEO, ["late"])["late"].number * KINDS_PER_TARGET
    ]


def test_a_target_keeps_its_policy(store: Store) -> None:
    """A newer policy is for new videos; updates of older ones leave theirs, and its schedule, alone."""
    catalogue(store).register([a_video("old", 0)], 0)
    newer = catalogue(store, small_policy("newer", epochs=2))
    assert newer.register([a_video("old", 0, title="new"), a_video("new", 0)], MS_PER_HOUR) == [
        UPDATED,
        CREATED,
    ]
    found = newer.lookup(TargetType.VIDEO, ["old", "new"])
    assert {video_id: target.policy_version for video_id, target in found.items()} == {
        "old": "small",
        "new": "newer",
    }
    assert (published(store, "old").policy_version, published(store, "old").first_epoch) == ("small", 0)


def test_results_are_cached(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Targets are read once, unknown ids are read again, and the cache is bounded."""
    monkeypatch.setattr(catalogue_module, "MAX_CACHED_TARGETS", 10)
    videos = catalogue(store)
    assert videos.lookup(TargetType.VIDEO, ["v"]) == {}
    videos.register([a_video(video_id, 0) for video_id in ["v", *IDS]], 0)
    found = videos.lookup(TargetType.VIDEO, ["v"])["v"]
    store.root.delete(tally_key(target_shard("v", HEADER.target_shards), "videos"))
    assert videos.lookup(TargetType.VIDEO, ["v"])["v"] == found
    for start in range(0, 40, 8):
        videos.lookup(TargetType.VIDEO, IDS[start : start + 8])
        assert len(videos._cache[TargetType.VIDEO]) <= 10


def test_two_catalogues_at_once(store: Store) -> None:
    """When two register the same videos concurrently, in any order, each video is created once."""
    videos = [a_video(video_id, 0) for video_id in IDS[:6]]
    for first in range(6):
        store.flush()
        turns = [0] * first + [1, 0] * 20
        outcomes = take_turns([lambda hook: catalogue(store, hook=hook).register(videos, 0)] * 2, turns)
        assert sorted(pair.value for pair in outcomes[0] + outcomes[1]) == ["created"] * 6 + ["unchanged"] * 6
        numbers = [target.number for target in catalogue(store).lookup(TargetType.VIDEO, IDS[:6]).values()]
        assert len(set(numbers)) == 6


@pytest.mark.parametrize("error", [Crash, LostConnectionError])
def test_a_fault_at_any_store_call(error: type[BaseException], store: Store) -> None:
    """Sent again after a fault, every video is registered and published, once."""
    videos = [a_video(video_id, 0, title="title") for video_id in IDS[:4]]
    for fault in every_fault(error):
        store.flush()
        try:
            catalogue(store, hook=fault).register(videos, 0)
        except (Crash, StoreBusyError):
            catalogue(store).register(videos, 0)
        numbers = [target.number for target in catalogue(store).lookup(TargetType.VIDEO, IDS[:4]).values()]
        assert len(set(numbers)) == 4
        assert all(published(store, video.target_id).title == "title" for video in videos)
        assert all_due(store) == sorted(number * KINDS_PER_TARGET for number in numbers)
