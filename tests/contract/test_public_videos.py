"""`GET /v1/videos` by a filter, hashtags and sounds: what there is, and what has most."""

from collections.abc import Iterator
from typing import Any

import pytest

from api.http.caller import ReaderLimits
from api.public.operations import operations
from tests.support.gallery import POSTED_MS, publish, release, target
from tests.support.public_plane import PublicPlane, new_key, public_plane
from tests.support.redis_server import Store

SCHEMAS = {operation.operation_id: operation.responses[200].schema for operation in operations()}


def video(name: str, minute: int, **more: Any) -> Any:
    """A video that was posted at this minute."""
    return target(name, starts_at_ms=POSTED_MS + 60_000 * minute, **{"sound_id": None, "hashtags": []} | more)


def publish_videos(store: Store) -> None:
    """Videos of two creators, with numbers or without, and some that are not listed."""
    publish(
        store,
        [
            video("a", 1, hashtags=["Straße", "fog"], sound_id="s-7"),
            video("b", 2, hashtags=["STRASSE"]),
            video("c", 3, creator_id="c-13", hashtags=["fog"], sound_id="s-7"),
            video("d", 4, creator_id="c-13"),
            video("down", 5, hashtags=["fog"], taken_down="legal"),
            video("renamed", 6, hashtags=["fog"], sound_id="s-7"),
            video("renamed", 6, creator_id="c-14", revision=1),
            video("sandbox:x", 7, hashtags=["fog"], creator_id="sandbox:c"),
        ],
        [
            release("a", 0, (300, 270, 330)),
            release("b", 0, (900, 870, 930)),
            release("c", 25, (500, 470, 530), change=(48, 20, 76), change_span_seconds=2 * 86_400),
            release("d", 25, None),
            release("a", 0, (90, 70, 110), kind="favorite"),
            release("d", 0, (200, 170, 230), kind="favorite"),
        ],
    )


@pytest.fixture
def plane(store: Store) -> Iterator[PublicPlane]:
    """A running public plane with these videos."""
    publish_videos(store)
    with public_plane(store) as running:
        yield running


def listed(plane: PublicPlane, query: str, **options: Any) -> list[str]:
    """The ids of a list, which must keep to its schema."""
    answer = plane.get(f"/v1/videos?{query}", **options)
    assert answer.status_code == 200, answer.text
    schema = SCHEMAS["get_videos"]
    assert schema
    assert not schema().validate(answer.json())
    return [one["video_id"] for one in answer.json()["videos"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["renamed", "d", "c", "b", "a"]),
        ("creator_id=c-12", ["b", "a"]),
        ("creator_id=c-14", ["renamed"]),
        ("creator_id=nobody", []),
        ("hashtag=%23STRA%C3%9FE", ["b", "a"]),
        ("hashtag=fog", ["c", "a"]),
        ("hashtag=%E2%80%8B", []),
        ("hashtag=%23", []),
        ("hashtag=FOG&creator_id=c-12", ["a"]),
        ("sound_id=s-7", ["c", "a"]),
        ("sound_id=s-7&hashtag=strasse", ["a"]),
        ("posted_after=2026-05-03T12:02:00Z&posted_before=2026-05-03T12:04:00Z", ["c", "b"]),
        ("posted_after=2026-05-04", []),
        ("sort=likes", ["b", "c", "a", "renamed", "d"]),
        ("sort=likes&limit=2", ["b", "c"]),
        ("sort=likes&hashtag=fog", ["c", "a"]),
        ("sort=favorites", ["d", "a", "renamed", "c", "b"]),
        ("sort=likes_change_per_day", ["c", "renamed", "d", "b", "a"]),
    ],
)
def test_a_filter_finds_what_has_it_now(plane: PublicPlane, query: str, expected: list[str]) -> None:
    """Newest first or by a number, without what is down, is named otherwise by now, or is a canary."""
    assert listed(plane, query) == expected


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_name_each_video_once(plane: PublicPlane, store: Store, limit: int) -> None:
    """Although one is posted meanwhile."""
    found, cursor = list[str](), ""
    while True:
        page = plane.get(f"/v1/videos?limit={limit}{cursor}").json()
        found += [one["video_id"] for one in page["videos"]]
        publish(store, [video(f"new-{len(found)}", 60 + len(found))], [])
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == ["renamed", "d", "c", "b", "a"]


def test_the_number_by_which_is_sorted_is_shown(plane: PublicPlane) -> None:
    """As the other operations show it; and how many were compared."""
    page = plane.get("/v1/videos?sort=likes_change_per_day").json()
    assert page["compared"] == {"videos": 5, "complete": True}
    first = page["videos"][0]
    assert (first["likes_change_per_day"]["value"], first["likes_change_per_day"]["ci95"]) == (24, [10, 38])
    assert page["videos"][2]["likes_change_per_day"]["reason"] == "below_threshold"
    assert page["videos"][3]["likes_change_per_day"]["reason"] == "span_below_one_day"
    by_favorites = plane.get("/v1/videos?sort=favorites").json()["videos"]
    assert [one["favorites"]["value"] for one in by_favorites] == [200, 90, None, None, None]


def test_a_limited_reader_lists_its_creators(plane: PublicPlane, store: Store) -> None:
    """One at a time, by name; any other list is refused."""
    token, _ = new_key(store, "read", limits=ReaderLimits(creators=("c-12",)))
    assert listed(plane, "creator_id=c-12&hashtag=fog", token=token) == ["a"]
    for query in ("", "creator_id=c-13", "hashtag=fog", "sort=likes", "sound_id=s-7"):
        assert plane.get(f"/v1/videos?{query}", token=token).status_code == 403


def test_a_hashtag_and_a_sound(plane: PublicPlane) -> None:
    """Their videos, and a hashtag as it was first written."""
    for spelling in ("strasse", "%23Stra%C3%9Fe", "STRASSE"):
        found = plane.get(f"/v1/hashtags/{spelling}").json()
        assert (found["hashtag"], found["videos"]) == ("Straße", 2)
        assert [one["video_id"] for one in found["latest"]] == ["b", "a"]
        schema = SCHEMAS["get_hashtag"]
        assert schema
        assert not schema().validate(found)
    sound = plane.get("/v1/sounds/s-7").json()
    assert (sound["sound_id"], sound["videos"]) == ("s-7", 3)
    assert [one["video_id"] for one in sound["latest"]] == ["c", "a"]


@pytest.mark.parametrize("path", ["hashtags/unknown", "hashtags/%23", "sounds/s-99", "hashtags/%E2%80%8B"])
def test_what_no_video_has_is_unknown(plane: PublicPlane, path: str) -> None:
    """404, whatever it looks like."""
    assert plane.get(f"/v1/{path}").status_code == 404
