"""A simulated platform: equal seeds give equal platforms, and the events are plausible."""

import json
from collections import Counter, defaultdict
from functools import cache
from itertools import islice
from typing import Any

import pytest

from api.platform.batch import NDJSON, Batch
from api.platform.event_decoder import EventDecoder
from api.replay.records import TimedRecord
from api.simulation.platform import HISTORY_DAYS, HISTORY_LIKES, SimulatedPlatform, opening_ms
from privacy.intake.cells import CellCoder
from privacy.intake.event import Event
from privacy.model.timestamp import MS_PER_DAY, MS_PER_HOUR, parse_timestamp_ms
from privacy.policy.file import load_policy, parse_policy
from tests.support.cli_policy import SMALL_POLICY

NOW_MS = parse_timestamp_ms("2026-05-03T14:07:31Z")
OPENED_MS = opening_ms(NOW_MS)
POLICY = load_policy()


def simulated_platform(seed: int = 1) -> SimulatedPlatform:
    """Makes the default platform."""
    return SimulatedPlatform(POLICY, seed, OPENED_MS)


@cache
def history() -> tuple[TimedRecord, ...]:
    """Returns the whole history; one that ends earlier is its beginning."""
    return tuple(simulated_platform().history(OPENED_MS + HISTORY_DAYS * MS_PER_DAY))


@cache
def everything() -> tuple[dict[str, Any], ...]:
    """Returns all events of the platform's first week."""
    end_ms = OPENED_MS + 7 * MS_PER_DAY
    return tuple(json.loads(event.line) for event in history() if event.at_ms < end_ms)


@cache
def week() -> tuple[dict[str, Any], ...]:
    """Returns likes and unlikes of people in the platform's first week."""
    return tuple(
        event
        for event in everything()
        if event["type"] in {"like", "unlike"} and not event["account_id"].startswith("b-")
    )


def test_the_same_seed_is_the_same_platform() -> None:
    """Two runs give the same bytes of videos and events; another seed gives different ones."""

    def first_hours(seed: int) -> list[bytes]:
        return [event.line for event in islice(simulated_platform(seed).history(NOW_MS), 3000)]

    assert first_hours(1) == first_hours(1)
    assert first_hours(1) != first_hours(2)
    posted = [video.registration() for video in simulated_platform().catalogue.videos(NOW_MS)]
    assert posted == [video.registration() for video in simulated_platform().catalogue.videos(NOW_MS)]


def test_a_stretch_of_the_live_feed_is_the_same_each_time() -> None:
    """The feed of one stream gives the same events for the same stretches."""
    feeds = [simulated_platform().feed(7), simulated_platform().feed(7), simulated_platform().feed(8)]
    stretches = [feed.events(NOW_MS, NOW_MS + 1000, 500) for feed in feeds]
    assert stretches[0] == stretches[1] != stretches[2]


def test_the_whole_history_has_about_the_likes_it_is_made_for() -> None:
    """Within 4 standard deviations of a Poisson count; the seed is fixed, so this cannot be a false alarm."""
    likes = sum(b'"type":"like"' in event.line and b'"b-' not in event.line for event in history())
    assert abs(likes - HISTORY_LIKES) < 0.01 * HISTORY_LIKES


@pytest.mark.parametrize("policy", [POLICY, parse_policy(SMALL_POLICY.encode())])
def test_every_event_is_one_that_the_intake_takes(policy: Any) -> None:
    """Decoder and domains accept all profiles, whatever the policy's dimensions are."""
    events = list(islice(SimulatedPlatform(policy, 3, OPENED_MS).history(NOW_MS), 2000))
    decoded = EventDecoder().decode(Batch(b"\n".join(event.line for event in events), NDJSON))
    coder = CellCoder(policy.domain)
    for event, moment in zip(decoded.to_events(), events, strict=True):
        assert isinstance(event, Event)
        assert event.occurred_at_ms == moment.at_ms
        if event.profile.age_band not in policy.dropped_age_bands:
            assert 0 <= coder.code(event.profile, event.occurred_at_ms) < policy.domain.size


def test_events_are_in_order_and_after_their_videos() -> None:
    """Only existing videos are liked, and only after they were posted."""
    posted = {video.video_id: video.posted_at_ms for video in simulated_platform().catalogue.videos(NOW_MS)}
    times = [parse_timestamp_ms(event["occurred_at"]) for event in week()]
    assert times == sorted(times)
    assert all(posted[event["video_id"]] <= at for event, at in zip(week(), times, strict=True))


def test_a_history_ends_where_it_is_told_to() -> None:
    """No event is at or after the end, also if the end is within an hour; until that hour nothing differs."""
    hour_ms = OPENED_MS + 100 * MS_PER_HOUR
    end_ms = hour_ms + 1_234_567
    ended = list(simulated_platform().history(end_ms))
    assert hour_ms < max(event.at_ms for event in ended) < end_ms
    before = [event for event in ended if event.at_ms < hour_ms]
    assert before == [event for event in history() if event.at_ms < hour_ms]


def test_likes_are_withdrawn_by_the_same_accounts() -> None:
    """Some likes are followed by an unlike, and every unlike follows a like of the same account."""
    liked = set()
    unlikes = 0
    for event in week():
        engagement = event["account_id"], event["video_id"]
        if event["type"] == "like":
            liked.add(engagement)
        else:
            unlikes += 1
            assert engagement in liked
    assert 0.02 < unlikes / len(week()) < 0.06


def test_attention_follows_zipfs_law() -> None:
    """Of sixty videos each rank is there once, so the first gets about twice as much as the second."""
    shares = sorted(
        (
            video.popularity
            for video in simulated_platform().catalogue.videos(OPENED_MS + 28 * MS_PER_DAY)[:60]
        ),
        reverse=True,
    )
    assert shares == [1 / rank for rank in range(1, 61)]


def test_there_are_children_and_private_accounts_and_bots() -> None:
    """The events include some to drop, some to keep undisclosed, and some from bots."""
    children = sum(event.get("profile", {}).get("age_band") == "under-13" for event in week())
    private = sum(event.get("visibility") == "private" for event in week())
    bots = sum(event["account_id"].startswith("b-") for event in everything())
    assert 0.003 < children / len(week()) < 0.02
    assert 0.04 < private / len(week()) < 0.12
    assert bots > 0


def test_different_topics_have_different_audiences() -> None:
    """The shares of an age band differ between two videos by far more than chance would make them."""
    ages: dict[str, Counter[str]] = defaultdict(Counter)
    for event in week():
        ages[event["video_id"]][event.get("profile", {}).get("age_band", "")] += 1
    shares = {video: count["18-24"] / count.total() for video, count in ages.items() if count.total() > 500}
    assert max(shares.values()) - min(shares.values()) > 0.1


def test_there_is_a_day_and_a_night() -> None:
    """The busiest six hours of the day see more than twice the likes of the quietest six."""
    hours = Counter(event["occurred_at"][11:13] for event in week())
    counts = sorted(hours.values())
    assert sum(counts[-6:]) > 2 * sum(counts[:6])


def test_a_platform_without_videos_has_no_events() -> None:
    """Before the opening nothing happens."""
    assert simulated_platform().feed(1).events(OPENED_MS - 1000, OPENED_MS, 10) == []


def test_who_likes_may_keep_or_follow() -> None:
    """A tenth of the likes goes with a favourite, a twentieth with a follow of the video's creator."""
    counts = Counter(event["type"] for event in everything())
    likes = sum(event["type"] == "like" for event in week())
    assert 0.09 < counts["favorite"] / likes < 0.11
    assert 0.04 < counts["follow"] / likes < 0.06
    creators = {
        json.loads(creator.line)["creator_id"] for creator in simulated_platform().catalogue.creators()
    }
    assert {event["creator_id"] for event in everything() if event["type"] == "follow"} <= creators


def test_a_policy_without_favourites_meets_none() -> None:
    """What is not counted is not sent."""
    platform = SimulatedPlatform(parse_policy(SMALL_POLICY.encode()), 1, OPENED_MS)
    events = platform.history(OPENED_MS + MS_PER_DAY)
    assert {json.loads(event.line)["type"] for event in events} == {"like", "unlike"}


def test_bots_are_purged_a_day_after_their_week() -> None:
    """Every bot of a past week is purged, and none before it was active."""
    now_ms = OPENED_MS + 15 * MS_PER_DAY
    found_out = {action.account_id: action.at_ms for action in simulated_platform().purges(now_ms)}
    events = [event for event in history() if event.at_ms < now_ms and b'"b-' in event.line]
    at_work = {json.loads(event.line)["account_id"]: event.at_ms for event in events}
    assert sum(bot in found_out for bot in at_work) > len(at_work) / 2
    assert all(found_out[bot] > at_ms for bot, at_ms in at_work.items() if bot in found_out)


def test_no_account_likes_as_fast_as_a_burst() -> None:
    """No account triggers the integrity rules: all removals are made by staff."""
    by_account: dict[str, list[int]] = defaultdict(list)
    for event in everything():
        by_account[event["account_id"]].append(parse_timestamp_ms(event["occurred_at"]))
    assert max(map(len, by_account.values())) < POLICY.integrity.burst_likes
