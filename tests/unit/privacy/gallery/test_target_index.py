"""Lists of videos on a real Redis: each video once, newest first, whatever is added meanwhile."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from privacy.gallery.target_index import TargetIndex
from privacy.publishing.publisher import Publisher
from privacy.store.video_lists import VideoList
from tests.support.gallery import POSTED_MS, target
from tests.support.redis_server import Store


def video(name: str, minute: int, **more: Any) -> Any:
    """A video that was posted at this minute."""
    return target(name, starts_at_ms=POSTED_MS + 60_000 * minute, **more)


@pytest.fixture
def publisher(store: Store) -> Publisher:
    """Four videos, of which two share a moment, and a canary."""
    publisher = Publisher(store.publisher)
    publisher.publish_targets(
        [
            video("a", 1, hashtags=["Straße"], sound_id="s-1"),
            video("b", 2, hashtags=["STRASSE", "fog"], sound_id=None),
            video("c", 2, hashtags=["fog"], sound_id="s-1", creator_id=None),
            video("d", 5, hashtags=["\uff46\uff4f\uff47"], sound_id=None),
            video("sandbox:e", 6, hashtags=["fog"], sound_id="s-1", creator_id="sandbox:c"),
        ]
    )
    return publisher


def walk(index: TargetIndex, videos: VideoList, limit: int, **times: int) -> Iterator[str]:
    """Yields a list page by page."""
    after = None
    while True:
        page = index.find_videos(videos, limit, after=after, **times)
        assert page is not None
        yield from page
        if not page:
            return
        after = page[-1]


@pytest.mark.usefixtures("publisher")
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    ("videos", "expected"),
    [
        (VideoList.of_all(), "dcba"),
        (VideoList.of_creator("c-12"), "dba"),
        (VideoList.of_hashtag("strasse"), "ba"),
        (VideoList.of_hashtag("FOG"), "dcb"),
        (VideoList.of_sound("s-1"), "ca"),
        (VideoList.of_sound("s-2"), ""),
    ],
)
def test_a_list_names_each_video_once(store: Store, limit: int, videos: VideoList, expected: str) -> None:
    """Hashtags in any spelling; a canary is in no list but that of its creator."""
    index = TargetIndex(store.public)
    assert "".join(walk(index, videos, limit)) == expected
    assert index.count(videos) == len(expected)
    assert [*walk(index, VideoList.of_creator("sandbox:c"), limit)] == ["sandbox:e"]


@pytest.mark.usefixtures("publisher")
@pytest.mark.parametrize("limit", [1, 2, 5])
@pytest.mark.parametrize(
    ("first", "last", "expected"), [(0, 9, "dcba"), (2, 5, "cb"), (1, 2, "a"), (6, 9, ""), (0, 1, "")]
)
def test_a_span_of_time_has_its_begin_and_not_its_end(
    store: Store, limit: int, first: int, last: int, expected: str
) -> None:
    """Both in minutes."""
    times = {"posted_from_ms": POSTED_MS + 60_000 * first, "posted_before_ms": POSTED_MS + 60_000 * last}
    assert "".join(walk(TargetIndex(store.public), VideoList.of_all(), limit, **times)) == expected


def test_a_list_that_was_begun_ignores_newer_videos(store: Store, publisher: Publisher) -> None:
    """They come between the pages, and between the two commands of one page."""
    index = TargetIndex(store.public)
    listed = walk(index, VideoList.of_all(), 1)
    first = [next(listed), next(listed)]
    publisher.publish_targets([video(f"new-{number}", 9 + number) for number in range(5)])
    assert [*first, *listed] == ["d", "c", "b", "a"]

    names = map(str, count())

    class Late(TargetIndex):
        def _find_rank(self, *given: Any) -> int | None:
            rank = super()._find_rank(*given)
            publisher.publish_targets([video(next(names), 90) for _ in range(7)])
            return rank

    late, begun_ms = Late(store.public), POSTED_MS + 60_000 * 9
    assert late.find_videos(VideoList.of_all(), 2, after="c") == ["b", "a"]
    assert late.find_videos(VideoList.of_all(), 3, posted_before_ms=begun_ms) == ["d", "c", "b"]


@pytest.mark.usefixtures("publisher")
def test_a_list_knows_its_own_videos_only(store: Store) -> None:
    """One that it never had is no place to read on from."""
    index = TargetIndex(store.public)
    assert index.find_videos(VideoList.of_sound("s-1"), 5, after="b") is None
    assert index.find_videos(VideoList.of_sound("s-1"), 5, after="nothing") is None


@pytest.mark.usefixtures("publisher")
def test_a_hashtag_is_shown_as_first_written(store: Store) -> None:
    """Later spellings change nothing."""
    index = TargetIndex(store.public)
    assert index.read_first_spelling("strasse") == "Straße"
    assert index.read_first_spelling("Fog") == "fog"
    assert index.read_first_spelling("unknown") is None


def test_a_hashtag_without_a_visible_character_is_listed_by_itself(store: Store) -> None:
    """It is no key of Redis without a name."""
    Publisher(store.publisher).publish_targets([video("a", 1, hashtags=["\u2060"], sound_id=None)])
    index = TargetIndex(store.public)
    assert index.find_videos(VideoList.of_hashtag("\u200b"), 5) == ["a"]
    assert index.find_videos(VideoList.of_hashtag("fog"), 5) == []
