"""What a video counts in: settled when it is registered, from public data alone."""

from dataclasses import replace

import pytest

from privacy.catalogue.audiences import parse_audiences
from privacy.catalogue.catalogue import Catalogue
from privacy.model.audience import is_audience, period_at, period_start_ms
from privacy.model.engagement import KINDS_PER_TARGET, TargetType
from privacy.model.timestamp import MS_PER_DAY, MS_PER_HOUR
from privacy.policy.audience_groups import find_slice_seconds, list_audience_groups
from privacy.policy.policy import Policy
from privacy.store.keys import tally_key
from tests.support.audience_policy import BLOCK, DAY, WEEK, audience_policy
from tests.support.redis_server import Store
from tests.support.registers import HEADER, raw
from tests.support.small_policy import small_policy
from tests.support.targets import a_creator, a_video

POLICY = audience_policy()
NOW_MS = 20_000 * MS_PER_DAY
LIFE_MS = 4 * MS_PER_HOUR


def catalogue(store: Store, policy: Policy = POLICY) -> Catalogue:
    """A catalogue that publishes nothing."""
    return Catalogue(store.platform, HEADER.target_shards, policy, lambda _documents: None)


def read_audiences(store: Store, *videos: str) -> list[list[int]]:
    """Return the series of some videos, of one length of periods after the other."""
    found = catalogue(store).lookup(TargetType.VIDEO, videos)
    texts = [
        store.root.hget(
            tally_key(found[video].number % HEADER.target_shards, "audiences-of"), str(found[video].number)
        )
        for video in videos
    ]
    return [
        [series for each in parse_audiences(raw(text or b"")).values() for series in each] for text in texts
    ]


def state(store: Store, series: int) -> dict[str, str]:
    """Return the state of a series."""
    shard = series // KINDS_PER_TARGET % HEADER.target_shards
    found = store.root.hgetall(tally_key(shard, "series", series))
    return {raw(name).decode(): raw(value).decode() for name, value in found.items()}


def due_ms(store: Store, series: int) -> float | None:
    """Return the end of the running period of a series; None for one that is closed."""
    return store.root.zscore(
        tally_key(series // KINDS_PER_TARGET % HEADER.target_shards, "audience-due"), str(series)
    )


def close(store: Store, series: int) -> None:
    """Close an audience, as a release does once none of its videos is open."""
    store.root.zrem(tally_key(series // KINDS_PER_TARGET % HEADER.target_shards, "audience-due"), str(series))


def test_groups_are_the_lengths_of_a_policy() -> None:
    """Weeks and blocks of a creator; days of two hashtags, a sound and the platform, which are the slices."""
    groups = list_audience_groups(POLICY)
    assert [(group.every_seconds, len(group.scopes)) for group in groups] == [(WEEK, 1), (BLOCK, 1), (DAY, 4)]
    assert list_audience_groups(small_policy()) == ()
    assert [find_slice_seconds(policy) for policy in (POLICY, small_policy())] == [DAY, 0]


def test_a_video_counts_in_what_its_metadata_name(store: Store) -> None:
    """Each audience has a series of its own, with a state that says what it is, and waits for its end."""
    video = a_video("v", NOW_MS, creator_id="c", sound_id="s", hashtags=("b", "a"))
    catalogue(store).register([video], NOW_MS)
    assert catalogue(store).lookup(TargetType.VIDEO, ["v"])["v"].slice_seconds == DAY
    (series,) = read_audiences(store, "v")
    assert all(map(is_audience, series))
    assert len(set(series)) == len(series) == 6
    states = [state(store, each) for each in series]
    found = [(each["scope"], each["target_id"], int(each["every_seconds"])) for each in states]
    assert found == [
        ("creator", "c", WEEK),
        ("creator", "c", BLOCK),
        ("hashtag", "a", DAY),
        ("hashtag", "b", DAY),
        ("sound", "s", DAY),
        ("platform", "platform", DAY),
    ]
    for number, each, (_, _, every) in zip(series, states, found, strict=True):
        period = period_at(NOW_MS, every)
        assert each["starts_at_ms"] == str(period_start_ms(0, every))
        assert each["policy_version"] == POLICY.version
        assert each["first_epoch"] == each["epoch"] == str(period)
        assert each["until_ms"] == str(NOW_MS + LIFE_MS)
        assert due_ms(store, number) == period_start_ms(period + 1, every)


def test_hashtags_count_in_canonical_order(store: Store) -> None:
    """Spellings of one hashtag are one; the first two count, whichever way a video lists them."""
    videos = [
        a_video("v", NOW_MS, hashtags=("Cats", "baking", "art")),
        a_video("w", NOW_MS, hashtags=("ART", "cats", "\uff42aking", "dogs")),
    ]
    catalogue(store).register(videos, NOW_MS)
    first, second = read_audiences(store, "v", "w")
    assert first == second
    assert [state(store, each)["target_id"] for each in first] == ["art", "baking", "platform"]


def test_a_video_without_metadata_counts_for_the_platform_alone(store: Store) -> None:
    """Where it names nothing, nothing is started."""
    catalogue(store).register([a_video("v", NOW_MS)], NOW_MS)
    (series,) = read_audiences(store, "v")
    assert [state(store, each)["target_id"] for each in series] == ["platform"]


def test_later_metadata_change_nothing(store: Store) -> None:
    """What is counted is settled at registration; another creator and other hashtags are shown alone."""
    video = a_video("v", NOW_MS, creator_id="c", hashtags=("a",))
    catalogue(store).register([video], NOW_MS)
    before = read_audiences(store, "v")
    catalogue(store).register([replace(video, creator_id="d", hashtags=("z",))], NOW_MS)
    catalogue(store).take_down(TargetType.VIDEO, "v", "a reason")
    assert read_audiences(store, "v") == before
    names = [raw(name) for shard in range(2) for name in store.root.hkeys(tally_key(shard, "audiences"))]
    assert not any(name.endswith((b"/d", b"/z")) for name in names)


def test_an_audience_runs_as_long_as_any_of_its_videos(store: Store) -> None:
    """Its end is that of the last schedule, in whatever order the videos are registered."""
    videos = [a_video(f"v-{start}", NOW_MS - start, creator_id="c") for start in (5_000, 0, 9_000)]
    for video in videos:
        catalogue(store).register([video], NOW_MS)
    (series,) = {series[0] for series in read_audiences(store, *(video.target_id for video in videos))}
    assert int(state(store, series)["until_ms"]) == NOW_MS + LIFE_MS


def test_a_closed_audience_starts_again_with_a_new_video(store: Store) -> None:
    """It keeps its number, and goes on with the period running then."""
    catalogue(store).register([a_video("v", NOW_MS, creator_id="c")], NOW_MS)
    series = read_audiences(store, "v")[0][0]
    close(store, series)
    later_ms = NOW_MS + 30 * MS_PER_DAY
    catalogue(store).register([a_video("w", later_ms, creator_id="c")], later_ms)
    assert read_audiences(store, "w")[0][0] == series
    period = period_at(later_ms, WEEK)
    assert state(store, series)["epoch"] == str(period)
    assert state(store, series)["first_epoch"] == str(period_at(NOW_MS, WEEK))
    assert due_ms(store, series) == period_start_ms(period + 1, WEEK)


def test_no_period_that_was_released_begins_again(store: Store) -> None:
    """A process may have read its clock before the end of a period that was released meanwhile."""
    catalogue(store).register([a_video("v", NOW_MS, creator_id="c")], NOW_MS)
    series = read_audiences(store, "v")[0][0]
    shard, released = series // KINDS_PER_TARGET % HEADER.target_shards, period_at(NOW_MS, WEEK)
    close(store, series)
    store.root.hset(tally_key(shard, "series", series), "epoch", released + 1)
    catalogue(store).register([a_video("w", NOW_MS, creator_id="c")], NOW_MS)
    assert state(store, series)["epoch"] == str(released + 1)
    assert due_ms(store, series) == period_start_ms(released + 2, WEEK)


def test_an_audience_whose_state_was_dropped_is_whole_again(store: Store) -> None:
    """That of a canary is dropped by the sweep. No period that every account shard has closed begins then."""
    catalogue(store).register([a_video("sandbox:v", NOW_MS, creator_id="sandbox:c")], NOW_MS)
    series = read_audiences(store, "sandbox:v")[0][0]
    shard, before = series // KINDS_PER_TARGET % HEADER.target_shards, state(store, series)
    close(store, series)
    store.root.unlink(tally_key(shard, "series", series))
    closed_ms = period_start_ms(period_at(NOW_MS, WEEK) + 1, WEEK)
    store.root.hset(tally_key(shard, "offsets"), "closed", closed_ms)
    catalogue(store).register([a_video("sandbox:w", NOW_MS, creator_id="sandbox:c")], NOW_MS)
    assert read_audiences(store, "sandbox:w")[0][0] == series
    period = str(period_at(closed_ms, WEEK))
    assert state(store, series) == before | {"first_epoch": period, "epoch": period, "purged": ""}
    assert due_ms(store, series) == period_start_ms(int(period) + 1, WEEK)


def test_policies_have_audiences_of_their_own(store: Store) -> None:
    """A video costs what its own policy says: the audiences of two versions are two."""
    for version in ("one", "two"):
        catalogue(store, audience_policy(version)).register(
            [a_video(version, NOW_MS, creator_id="c")], NOW_MS
        )
    one, two = read_audiences(store, "one", "two")
    assert not set(one) & set(two)


def test_canaries_have_a_platform_of_their_own(store: Store) -> None:
    """All names in the sandbox begin with its prefix, also that of all its videos together."""
    catalogue(store).register([a_video("sandbox:v", NOW_MS)], NOW_MS)
    (series,) = read_audiences(store, "sandbox:v")
    assert state(store, series[0])["target_id"] == "sandbox:platform"


@pytest.mark.parametrize("policy", [small_policy(), POLICY], ids=["without", "with"])
def test_what_counts_nothing_has_no_audiences(policy: Policy, store: Store) -> None:
    """A video past its last release, a creator, and any target of a policy that declares none."""
    videos = catalogue(store, policy)
    videos.register([a_video("sealed", NOW_MS - LIFE_MS, creator_id="c")], NOW_MS)
    videos.register([a_creator("c", NOW_MS)], NOW_MS)
    if policy.audiences is None:
        videos.register([a_video("v", NOW_MS, creator_id="c")], NOW_MS)
    assert not any(store.root.exists(tally_key(shard, "audiences")) for shard in range(HEADER.target_shards))
    assert read_audiences(store, "sealed") == [[]]
    assert videos.lookup(TargetType.VIDEO, ["sealed"])["sealed"].slice_seconds == 0
