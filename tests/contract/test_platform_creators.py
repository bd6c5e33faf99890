"""Creators are registered like videos: the same routes, for another type of target."""

from typing import Any

import pytest

from tests.support.platform_plane import NDJSON, PlatformPlane, ago, lines, plane_on, value
from tests.support.redis_server import Store

CREATOR = {"counted_from": ago(3600), "name": "Cafe\u0301"}


@pytest.fixture
def plane(store: Store) -> PlatformPlane:
    """The app on an empty store."""
    return plane_on(store)


def put(plane: PlatformPlane, **changes: Any) -> tuple[int, str]:
    """Send a creator; return status and verdict, or the type of the problem."""
    answer = plane.send("PUT", "/v1/creators/c-1", lines(CREATOR | changes))
    return answer.status_code, answer.json.get("verdict") or answer.json["type"]


def test_a_creator_is_created_once_and_updated_after_that(plane: PlatformPlane, store: Store) -> None:
    """201 the first time, 200 after that, 409 for another `counted_from`; the gallery has the last name."""
    assert put(plane) == (201, "created")
    assert put(plane) == (200, "unchanged")
    assert '"Caf\u00e9"' in value(store, "g:target:creator:c-1").decode()
    assert put(plane, name="Tea") == (200, "updated")
    assert put(plane, counted_from=ago(3601)) == (409, "urn:likewise:problem:conflict")
    assert '"Tea"' in value(store, "g:target:creator:c-1").decode()


def test_every_creator_of_a_batch_has_its_verdict(plane: PlatformPlane) -> None:
    """The report has counts by verdict, and lists the items that were not registered by index."""
    batch = lines(
        {"creator_id": "c-1", **CREATOR},
        {"creator_id": "c-2", **CREATOR, "title": "x"},
        {"creator_id": "c-3", "name": "no start"},
        {"video_id": "c-4", "creator_id": "c-4", **CREATOR},
    )
    answer = plane.send("POST", "/v1/creators", batch, NDJSON).json
    assert answer["verdicts"] == {"created": 1, "updated": 0, "unchanged": 0, "conflict": 0, "invalid": 3}
    assert [item["problem"]["field"] for item in answer["not_registered"]] == [
        "title",
        "counted_from",
        "video_id",
    ]


def test_one_id_may_name_a_video_and_a_creator(plane: PlatformPlane) -> None:
    """They are different targets: followers of one are not likes of the other."""
    assert put(plane) == (201, "created")
    video = plane.send("PUT", "/v1/videos/c-1", lines({"posted_at": ago(3600)}))
    assert (video.status_code, video.json["verdict"]) == (201, "created")
    event = {"account_id": "a-1", "occurred_at": ago(60)}
    answer = plane.events(
        lines({"type": "follow", "creator_id": "c-1", **event}, {"type": "like", "video_id": "c-1", **event})
    )
    assert answer.json["verdicts"]["counted"] == 2


def test_a_follower_needs_a_registered_creator(plane: PlatformPlane) -> None:
    """A creator that only a video names is not registered."""
    plane.send("PUT", "/v1/videos/v-1", lines({"posted_at": ago(3600), "creator_id": "c-1"}))
    event = {"type": "follow", "creator_id": "c-1", "account_id": "a-1", "occurred_at": ago(60)}
    assert plane.events(lines(event)).json["verdicts"]["unknown_target"] == 1
