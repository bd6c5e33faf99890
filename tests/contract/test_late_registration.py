"""A video that is registered long after it was posted counts its schedule from its registration."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import pytest

from privacy.catalogue.catalogue import Catalogue, Registration
from privacy.model.documents import TargetDocument
from privacy.model.engagement import TargetType
from privacy.model.timestamp import MS_PER_DAY, MS_PER_HOUR, format_timestamp, parse_timestamp_ms
from privacy.policy.file import load_policy
from privacy.policy.policy import Policy
from privacy.publishing.publisher import Publisher
from privacy.store.keys import gallery_key
from tests.support.cli_policy import SMALL_POLICY
from tests.support.in_process import a_like, a_posting, likes_of, system_on
from tests.support.platform_plane import NOW_MS, lines, plane_on
from tests.support.redis_server import Store
from tests.support.registers import HEADER, raw
from tests.support.targets import a_creator, a_video

POLICY: Final = load_policy()
POSTED_MS: Final = parse_timestamp_ms("2021-01-01T00:00:00.250Z")
LATE_POLICY: Final = SMALL_POLICY.replace("[intake]\n", "[intake]\nlate_registration_seconds = 86400\n")
"""Its schedule ends two days and a third after the start."""
LIKES: Final = 200


def catalogue(store: Store, policy: Policy = POLICY) -> Catalogue:
    """A catalogue that publishes to the gallery of the same server."""
    return Catalogue(store.platform, HEADER.target_shards, policy, Publisher(store.publisher).publish_targets)


def published(store: Store, target_id: str, target_type: str = "video") -> TargetDocument:
    """Return the gallery's document of a target."""
    return msgspec.json.decode(
        raw(store.public.get(gallery_key("target", target_type, target_id))), type=TargetDocument
    )


@pytest.mark.parametrize("days", [1.5, 182, 3_000])
def test_an_old_video_has_its_first_release_within_the_hour(store: Store, days: float) -> None:
    """One that was posted years ago, too: it counts from the whole second of its registration."""
    now_ms = POSTED_MS + int(days * MS_PER_DAY)
    videos = catalogue(store)
    assert videos.register([a_video("old", POSTED_MS)], now_ms) == [Registration.CREATED]
    document, start_ms = published(store, "old"), now_ms // 1000 * 1000
    assert (document.starts_at_ms, document.declared_start_ms) == (start_ms, POSTED_MS)
    assert document.first_epoch == 0
    assert document.first_release_at_ms == start_ms + MS_PER_HOUR + POLICY.public_delay_ms
    assert videos.lookup(TargetType.VIDEO, ["old"])["old"].starts_at_ms == start_ms


@pytest.mark.parametrize("late_ms", [0, MS_PER_HOUR, MS_PER_DAY])
def test_a_video_that_is_registered_within_a_day_counts_from_its_posting(store: Store, late_ms: int) -> None:
    """Its document does not even have the other member, as before there was one."""
    catalogue(store).register([a_video("new", POSTED_MS)], POSTED_MS + late_ms)
    assert published(store, "new").starts_at_ms == POSTED_MS
    assert b"posted_at_ms" not in raw(store.public.get(gallery_key("target", "video", "new")))


def test_a_policy_without_that_time_counts_every_video_from_its_posting(store: Store) -> None:
    """A policy that was enrolled before there was such a time means what it meant."""
    before = replace(POLICY, intake=replace(POLICY.intake, late_registration_seconds=None))
    catalogue(store, before).register([a_video("old", POSTED_MS)], POSTED_MS + 182 * MS_PER_DAY)
    document = published(store, "old")
    assert document.starts_at_ms == POSTED_MS
    assert document.first_epoch == before.schedule.first_open_epoch(POSTED_MS, POSTED_MS + 182 * MS_PER_DAY)


def test_a_creator_counts_from_the_time_that_the_platform_names(store: Store) -> None:
    """`counted_from` is that time already."""
    catalogue(store).register([a_creator("c", POSTED_MS)], POSTED_MS + 182 * MS_PER_DAY)
    assert published(store, "c", "creator").starts_at_ms == POSTED_MS


def test_registering_again_later_changes_no_start(store: Store) -> None:
    """The posting time that was declared decides what is the same video; the schedule stays where it is."""
    register, now_ms = catalogue(store).register, POSTED_MS + 182 * MS_PER_DAY
    video = a_video("old", POSTED_MS, title="one", creator_id="c")
    assert register([video], now_ms) == [Registration.CREATED]
    before = published(store, "old")
    later = catalogue(store).register
    assert later([video], now_ms + 9 * MS_PER_DAY) == [Registration.UNCHANGED]
    assert later([replace(video, title="two")], now_ms + 10 * MS_PER_DAY) == [Registration.UPDATED]
    for other_ms in (POSTED_MS + 1, before.starts_at_ms):
        assert later([replace(video, starts_at_ms=other_ms)], now_ms + 11 * MS_PER_DAY) == [
            Registration.CONFLICT
        ]
    after = published(store, "old")
    assert after == msgspec.structs.replace(before, title="two", revision=1)
    assert (
        later([replace(video, title="three"), replace(video, title="four")], now_ms)
        == [Registration.UPDATED] * 2
    )
    assert store.root.zscore(gallery_key("creator-videos", "c"), "old") == POSTED_MS


def test_the_plane_takes_an_old_video_and_shows_both_times(store: Store) -> None:
    """A platform sends what it knows, and sends it again: nothing differs."""
    plane = plane_on(store)
    video = {"posted_at": format_timestamp(NOW_MS - 400 * MS_PER_DAY)}
    replies = []
    for days in (0, 40):
        plane.clock.now_ms = NOW_MS + days * MS_PER_DAY
        replies.append(plane.send("PUT", "/v1/videos/v-1", lines(video)).json["verdict"])
    assert replies == ["created", "unchanged"]
    assert published(store, "v-1").starts_at_ms == NOW_MS // 1000 * 1000


def test_an_old_video_shows_numbers_within_the_hour(store: Store, tmp_path: Path) -> None:
    """Likes that were given years ago count in the first release, an hour after the registration."""
    registered_ms = POSTED_MS // 1000 * 1000 + 800 * MS_PER_DAY
    likes = [
        a_like("old", f"a-{number}", registered_ms + 1000 * number)._replace(at_ms=registered_ms + 1000)
        for number in range(-LIKES, 0)
    ]
    with system_on(store, tmp_path, LATE_POLICY) as system:
        videos = [a_posting("old", POSTED_MS, registered_ms)]
        system.timeline.run(videos, likes, registered_ms + MS_PER_HOUR + 10_000)
        assert system.intake.events["counted"] == LIKES
    (release,) = likes_of(store, "old")
    assert (release.epoch, release.as_of_ms) == (0, registered_ms + MS_PER_HOUR)
    assert release.total is not None
    assert abs(release.total[0] - LIKES) < 40  # ten deviations: a false alarm of 10^-22


def test_an_old_video_is_sealed_under_a_policy_without_that_time(store: Store, tmp_path: Path) -> None:
    """So it was for all, and still is for whoever keeps such a policy in force."""
    registered_ms = POSTED_MS + 800 * MS_PER_DAY
    with system_on(store, tmp_path, SMALL_POLICY) as system:
        videos = [a_posting("old", POSTED_MS, registered_ms)]
        system.timeline.run(videos, [a_like("old", "a", registered_ms + 1)], registered_ms + MS_PER_DAY)
        assert system.intake.events["late"] == 1
    assert likes_of(store, "old") == []
