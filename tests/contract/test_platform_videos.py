"""The routes that register videos, on a real Redis."""

from typing import Any

import msgspec
import pytest

from tests.support.platform_plane import (
    JSON,
    NDJSON,
    NOW_MS,
    PlatformPlane,
    ago,
    array,
    lines,
    plane_on,
    value,
)
from tests.support.redis_server import Store

SPLIT = "a list, split at #, spaces and commas"
VIDEO = {
    "posted_at": ago(3600),
    "creator_id": "c-1",
    "title": "Cafe\u0301",
    "hashtags": ["baking", "bread", "baking"],
    "sound_id": "s-1",
    "duration_seconds": 40,
}


@pytest.fixture
def plane(store: Store) -> PlatformPlane:
    """The app on an empty store."""
    return plane_on(store)


def put(plane: PlatformPlane, **changes: Any) -> tuple[int, str]:
    """Send a video; return status and verdict, or the type of the problem."""
    answer = plane.send("PUT", "/v1/videos/v-1", lines(VIDEO | changes))
    return answer.status_code, answer.json.get("verdict") or answer.json["type"]


def test_a_video_is_created_once_and_updated_after_that(plane: PlatformPlane) -> None:
    """201 the first time, 200 for the same or changed metadata, 409 for another `posted_at`."""
    assert put(plane) == (201, "created")
    assert put(plane) == (200, "unchanged")
    assert put(plane, title="Caf\u00e9") == (200, "unchanged")
    assert put(plane, title="Tea") == (200, "updated")
    assert put(plane, posted_at=ago(3601)) == (409, "urn:likewise:problem:conflict")
    assert put(plane, title="Tea") == (200, "unchanged")


def test_metadata_is_replaced_and_published(plane: PlatformPlane, store: Store) -> None:
    """The gallery has the last metadata: text composed, each hashtag once, and no field that was left out."""
    put(plane)
    published = value(store, "g:target:video:v-1").decode()
    assert '"Caf\u00e9"' in published
    assert '["baking","bread"]' in published
    plane.send("PUT", "/v1/videos/v-1", lines({"posted_at": ago(3600)}))
    published = value(store, "g:target:video:v-1").decode()
    assert '"title":null' in published
    assert '"hashtags":[]' in published


@pytest.mark.parametrize(("media_type", "spell"), [(JSON, array), (NDJSON, lines)])
def test_every_video_of_a_batch_has_its_verdict(plane: PlatformPlane, media_type: str, spell: Any) -> None:
    """The report has counts by verdict, and lists the items that were not registered by index."""
    put(plane)
    batch = spell(
        {"video_id": "v-1", "posted_at": ago(1)},
        {"video_id": "v-1", **VIDEO},
        {"video_id": "v-2", **VIDEO},
        {"video_id": "v-3", **VIDEO, "likes": 7},
        {"video_id": "v-4", "posted_at": "2016-08-31T23:59:59Z"},
        {"video_id": "{v}", **VIDEO},
        VIDEO,
    )
    answer = plane.send("POST", "/v1/videos", batch, media_type).json
    verdicts = {"created": 1, "updated": 0, "unchanged": 1, "conflict": 1, "invalid": 4}
    assert (answer["received"], answer["verdicts"]) == (7, verdicts)
    listed = [
        (item["index"], item["verdict"], item.get("problem", {}).get("field"))
        for item in answer["not_registered"]
    ]
    assert listed == [
        (0, "conflict", None),
        (3, "invalid", "likes"),
        (4, "invalid", "posted_at"),
        (5, "invalid", "video_id"),
        (6, "invalid", "video_id"),
    ]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        (
            "posted_at",
            ["2026-05-03", "2026-05-03T14:07:31", 1777817251, None, ago(-301), "1999-01-01T00:00:00Z"],
        ),
        ("creator_id", [".", "..", "a b", "{c}", "a" * 129, "\u00e9", 5]),
        ("title", ["a\u202eb", "a\u200fb", "a\u061cb", 5, ["a"]]),
        (
            "hashtags",
            [{}, {"0": "baking"}, 5, True, '["baking"]', '"baking"', "{baking}"],
        ),
        ("sound_id", ["a/b", "\u200b", True]),
        ("likes", [5]),
    ],
)
def test_invalid_metadata_is_refused_by_name(plane: PlatformPlane, field: str, values: list[Any]) -> None:
    """Each invalid value gets a 400 with field, message and expected value; nothing is registered."""
    for wrong in values:
        answer = plane.send("PUT", "/v1/videos/v-1", lines(VIDEO | {field: wrong}))
        assert answer.status_code == 400, wrong
        assert answer.content_type == "application/problem+json"
        assert answer.json["field"].split(".")[0] == field, wrong
        assert answer.json["message"], wrong
        assert answer.json["expected"], wrong
    assert put(plane) == (201, "created")


@pytest.mark.parametrize(
    ("changes", "members", "taken"),
    [
        ({"title": "line one\nline two #cooking"}, {"title": "line one line two #cooking"}, "one line"),
        ({"title": "a\tb"}, {"title": "a b"}, "one line"),
        ({"title": "a" * 2_200}, {"title": "a" * 2_200}, None),
        ({"title": "a" * 2_201}, {"title": "a" * 2_199 + "\u2026"}, "its first 2199 characters"),
        ({"title": "a" * 30_000}, {"title": "a" * 2_199 + "\u2026"}, "its first 2199 characters"),
        ({"title": "a\u0000b\u001b[1m\uffff"}, {"title": "ab[1m"}, "without control characters"),
        ({"title": "\u0000 \u009f"}, {"title": None}, "absent"),
        ({"creator_id": ""}, {"creator_id": None}, "absent"),
        ({"creator_id": " \n"}, {"creator_id": None}, "absent"),
        ({"sound_id": "", "title": "t"}, {"sound_id": None}, "absent"),
        ({"hashtags": ""}, {"hashtags": []}, "absent"),
        ({"hashtags": " # "}, {"hashtags": []}, "absent"),
        ({"hashtags": "baking"}, {"hashtags": ["baking"]}, SPLIT),
        ({"hashtags": "#baking #tea"}, {"hashtags": ["baking", "tea"]}, SPLIT),
        ({"hashtags": "#baking#tea\n"}, {"hashtags": ["baking", "tea"]}, SPLIT),
        ({"hashtags": "baking, tea;Baking"}, {"hashtags": ["baking", "tea"]}, SPLIT),
        (
            {"hashtags": "\u6599\u7406\u3001\uff03\u8336\uff0ctea"},
            {"hashtags": ["\u6599\u7406", "\u8336", "tea"]},
            SPLIT,
        ),
        ({"duration_seconds": 0}, {"duration_seconds": 0}, None),
        ({"title": ""}, {"title": None}, "absent"),
        ({"title": " \n\u200b"}, {"title": None}, "absent"),
        ({"hashtags": ["a"] * 1001}, {"hashtags": ["a"]}, "its first 50 hashtags"),
        ({"duration_seconds": 40.0}, {"duration_seconds": 40}, None),
        ({"duration_seconds": 40.5}, {"duration_seconds": 40}, "whole seconds, rounded down"),
        ({"duration_seconds": -0.5}, {"duration_seconds": None}, "absent"),
        ({"duration_seconds": 367 * 86_400}, {"duration_seconds": None}, "absent"),
        ({"duration_seconds": "40"}, {"duration_seconds": None}, "absent"),
        ({"duration_seconds": True}, {"duration_seconds": None}, "absent"),
        ({"duration_seconds": 90_000}, {"duration_seconds": 90_000}, None),
        ({"title": None, "creator_id": None, "duration_seconds": None}, {"title": None}, None),
        ({"hashtags": ["Baking", "baking", "\uff42aking", "\u200bbaking"]}, {"hashtags": ["Baking"]}, None),
        ({"hashtags": [f"t{number}" for number in range(60)]}, {}, "its first 50 hashtags"),
        ({"hashtags": None, "sound_id": None}, {"hashtags": [], "sound_id": None}, None),
    ],
)
def test_metadata_as_platforms_have_it_is_taken_and_said(
    plane: PlatformPlane, store: Store, changes: Any, members: Any, taken: str | None
) -> None:
    """An optional field never keeps a video, and all its likes, out; the answer says how it was taken."""
    answer = plane.send("PUT", "/v1/videos/v-1", lines(VIDEO | changes)).json
    assert answer["verdict"] == "created"
    published = msgspec.json.decode(value(store, "g:target:video:v-1"))
    assert {name: published[name] for name in members} == members
    (field,) = list(changes)[:1]
    expected = [{"field": field, "taken_as": taken, "items": 1}] if taken else None
    assert answer.get("taken_as") == expected
    batch = [{"video_id": f"v-{number}", **VIDEO, **changes} for number in (2, 3)]
    report = plane.send("POST", "/v1/videos", array(*batch)).json
    assert report["verdicts"]["created"] == 2
    assert report.get("taken_as") == ([{**expected[0], "items": 2}] if expected else None)


def test_an_odd_hashtag_costs_itself_alone(plane: PlatformPlane, store: Store) -> None:
    """The others are kept; the answer says by index what was left out, and what lost its sign."""
    odd = ["ok", "", None, "two words", "a" * 101, 5, "a\u200fb", "#", "#baking", "\uff03tea"]
    answer = plane.send("PUT", "/v1/videos/v-1", lines(VIDEO | {"hashtags": odd})).json
    assert msgspec.json.decode(value(store, "g:target:video:v-1"))["hashtags"] == ["ok", "baking", "tea"]
    ways = {row["field"]: row["taken_as"] for row in answer["taken_as"]}
    absent = {f"hashtags.{index}": "absent" for index in range(1, 8)}
    assert ways == absent | {"hashtags.8": "without its #", "hashtags.9": "without its #"}


def test_half_an_emoji_costs_one_video(plane: PlatformPlane) -> None:
    """A title that was cut inside a surrogate pair is invalid alone, in either form of a batch."""
    videos = [lines({"video_id": f"v-{number}", **VIDEO}).strip() for number in range(200)]
    videos[100] = videos[100].replace(b'"title":"', b'"title":"\\ud83d')
    for body, media_type in ((b"[" + b",".join(videos) + b"]", JSON), (b"\n".join(videos), NDJSON)):
        report = plane.send("POST", "/v1/videos", body, media_type).json
        assert report["verdicts"]["invalid"] == 1
        assert [item["index"] for item in report["not_registered"]] == [100]


def test_a_video_may_be_posted_up_to_the_tolerance_ahead(plane: PlatformPlane) -> None:
    """Clocks differ a little; the bound is that of the policy's intake."""
    assert put(plane, posted_at=ago(-300)) == (201, "created")
    assert plane.clock.now_ms == NOW_MS


@pytest.mark.parametrize("name", ["a b", "%7Bv%7D", "%C3%A9", "a" * 129, "%00", "v%0A", "%2e", "%2E%2e"])
def test_ids_in_the_path_keep_the_rule(plane: PlatformPlane, name: str) -> None:
    """A path without a valid id is refused before the body is read."""
    answer = plane.send("PUT", f"/v1/videos/{name}", lines(VIDEO))
    assert (answer.status_code, answer.json["field"]) == (400, "video_id")
