"""`/v1/creators/{creator_id}/videos`: each video of a creator once, newest first, by published metadata."""

from collections.abc import Iterator
from typing import Any

import pytest

from api.http.pagination import encode_cursor, encode_name
from api.public.operations import operations
from tests.support.gallery import POSTED_MS, publish, release, target
from tests.support.public_plane import PublicPlane, public_plane
from tests.support.redis_server import Store

PATH = "/v1/creators/c-12/videos"
SCHEMAS = {operation.operation_id: operation.responses[200].schema for operation in operations()}


def creator(creator_id: str, **more: Any) -> Any:
    """A creator."""
    return target(creator_id, target_type="creator", creator_id=None, **more)


def video(name: str, minute: int, **more: Any) -> Any:
    """A video that was posted at this minute."""
    return target(name, starts_at_ms=POSTED_MS + 60_000 * minute, **more)


@pytest.fixture
def plane(store: Store) -> Iterator[PublicPlane]:
    """A creator with four videos, of which two share a moment, one that is taken down, one given away."""
    publish(
        store,
        [
            creator("c-12"),
            creator("c-13"),
            creator("c-down", taken_down="legal"),
            *(video(name, minute) for name, minute in (("a", 1), ("b", 2), ("c", 2), ("d", 5))),
            video("down", 3),
            video("down", 3, taken_down="copyright", revision=1),
            video("given", 4),
            video("given", 4, creator_id="c-13", revision=1),
        ],
        [release("a", 0, (4000, 3965, 4035))],
    )
    with public_plane(store) as running:
        yield running


def list_videos(plane: PublicPlane, path: str, limit: int) -> Iterator[str]:
    """Yields the ids of a list, which is read page by page as they are asked for."""
    cursor = ""
    while True:
        page = plane.get(f"{path}?limit={limit}{cursor}").json()
        yield from (one["video_id"] for one in page["videos"])
        if page["next_cursor"] is None:
            return
        cursor = f"&cursor={page['next_cursor']}"


def test_answers_keep_their_schema(plane: PublicPlane) -> None:
    """With and without numbers."""
    schema = SCHEMAS["get_creator_videos"]
    assert schema
    for creator_id in ("c-12", "c-13"):
        assert not schema().validate(plane.get(f"/v1/creators/{creator_id}/videos").json())


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6, 7, 100])
def test_each_video_comes_once_whatever_the_pages(plane: PublicPlane, limit: int) -> None:
    """Newest first, without what was taken down or given away; also where two were posted in one moment."""
    assert [*list_videos(plane, PATH, limit)] == ["d", "c", "b", "a"]
    assert [*list_videos(plane, "/v1/creators/c-13/videos", limit)] == ["given"]


def test_its_numbers_are_those_of_the_videos(plane: PublicPlane) -> None:
    """Metadata and total are the same as in a list of ids."""
    listed = plane.get(PATH).json()["videos"]
    by_id = plane.get("/v1/videos?ids=a,b,c,d").json()["videos"]
    assert sorted(listed, key=lambda one: one["video_id"]) == by_id


def test_a_list_that_was_begun_ignores_newer_videos(plane: PublicPlane, store: Store) -> None:
    """A video that is posted between two pages neither comes nor moves the others."""
    listed = list_videos(plane, PATH, 1)
    first = [next(listed), next(listed)]
    publish(store, [video("new", 9), video("newest", 10)], [])
    assert [*first, *listed] == ["d", "c", "b", "a"]
    assert [*list_videos(plane, PATH, 2)] == ["newest", "new", "d", "c", "b", "a"]


def test_a_late_registration_moves_no_other_video(plane: PublicPlane, store: Store) -> None:
    """It comes if its time of posting lies ahead, and not if it lies behind; all others come once."""
    listed = list_videos(plane, PATH, 1)
    first = [next(listed), next(listed)]
    publish(store, [video("behind", 4), video("ahead", 0)], [])
    assert [*first, *listed] == ["d", "c", "b", "a", "ahead"]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "7",
        "%C3%A9",
        encode_cursor("timeseries", (7,)),
        encode_name("creator_videos", "nothing"),
        encode_name("creator_videos", "a") + "=",
        encode_name("others", "a"),
    ],
)
def test_other_cursors_are_refused(plane: PublicPlane, cursor: str) -> None:
    """A cursor of another list, of no video of the list, or in another spelling is a 400."""
    answer = plane.get(f"{PATH}?cursor={cursor}")
    assert (answer.status_code, answer.json()["field"]) == (400, "cursor")


def test_a_creator_who_was_taken_down_lists_nothing(plane: PublicPlane) -> None:
    """Gone, with the reason."""
    answer = plane.get("/v1/creators/c-down/videos")
    assert (answer.status_code, answer.json()["reason"]) == (410, "legal")
