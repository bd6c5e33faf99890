"""`…/changes`: what came and went, as the public plane answers it."""

from collections.abc import Iterator
from typing import Any

import pytest

from api.http.pagination import encode_cursor
from api.public.operations import operations
from privacy.model.documents import ReleaseDocument
from tests.support.gallery import REASONS, publish, release, target
from tests.support.public_plane import PublicPlane, public_plane
from tests.support.redis_server import Store

PATH = "/v1/videos/purged/likes/changes"
DAY = "Between 3 May 2026, 14:00 UTC and 4 May 2026, 14:00 UTC"
SCHEMAS = {operation.operation_id: operation.responses[200].schema for operation in operations()}


def purged(epoch: int) -> ReleaseDocument:
    """1,000 likes in the first hours; 300 of them removed as inauthentic in the 20th, 100 gone later."""
    fakes, taken_back = 300 * (epoch >= 20), 100 * (epoch >= 40)
    total = 1000 - fakes - taken_back
    since = epoch - 24 if epoch >= 23 else None
    before = 0 if since is None or since < 0 else 1000 - 300 * (since >= 20)
    changes: dict[str, Any] = {}
    if since is not None:
        change = total - before
        changes = {
            "change": (change, change - 50, change + 50),
            "change_since_epoch": since,
            "change_span_seconds": 86_400,
        }
        lost_fakes = fakes - 300 * (since >= 20)
        if fakes:
            changes["removal_changes"] = {"inauthentic": (lost_fakes, lost_fakes - 40, lost_fakes + 40)}
    removals = dict.fromkeys(REASONS) | ({"inauthentic": (fakes, fakes - 40, fakes + 40)} if fakes else {})
    return release("purged", epoch, (total, total - 35, total + 35), removals=removals, **changes)


@pytest.fixture
def plane(store: Store) -> Iterator[PublicPlane]:
    """A purged video, one with releases that show nothing, and one without releases."""
    few = [release(name, epoch, None) for name in ("few", "nil") for epoch in range(26)]
    targets = [target(name) for name in ("purged", "few", "nil", "new")]
    publish(store, targets, [*map(purged, range(50)), *few])
    with public_plane(store) as running:
        yield running


@pytest.mark.parametrize("video_id", ["purged", "few", "new"])
def test_answers_keep_their_schema(plane: PublicPlane, video_id: str) -> None:
    """With numbers, without them, and before the first release."""
    answer = plane.get(f"/v1/videos/{video_id}/likes/changes")
    schema = SCHEMAS["get_likes_changes"]
    assert answer.status_code == 200
    assert schema
    assert schema().load(answer.json())


def test_what_was_gained_less_what_was_lost_is_the_change(plane: PublicPlane) -> None:
    """In every span, in published numbers, exactly; and the spans add up to the whole."""
    document = plane.get(PATH).json()
    spans = [document["since_start"], *document["days"]]
    for span in spans:
        lost = [number["value"] for number in span["lost"].values() if number["value"] is not None]
        gained = span["change"]["value"] + sum(lost)
        withheld = span["gained"]["status"] == "withheld"
        assert not withheld or (gained < 0 and span["netted_in_gained"])
        assert span["gained"]["value"] == (None if withheld else gained)
        assert span["gained"]["reason"] == ("netted_below_zero" if withheld else None)
        assert set(span["netted_in_gained"]) == {
            reason for reason, number in span["lost"].items() if number["status"] == "withheld"
        }
    whole, days = spans[0], spans[1:]
    assert [day["from"] for day in days[:-1]] == [day["to"] for day in days[1:]]
    assert (days[-1]["from"], days[0]["to"]) == (whole["from"], whole["to"])
    assert sum(day["change"]["value"] for day in days) == whole["change"]["value"]


def test_the_purge_is_where_it_was(plane: PublicPlane) -> None:
    """On its day and on no other, and in the explanation."""
    document = plane.get(PATH).json()
    losses = [day["lost"]["inauthentic"]["value"] for day in document["days"]]
    assert losses == [0, 300, None]
    assert [one["text"] for one in document["explanation"] if one["reason"] == "inauthentic"] == [
        "In that time about 300 likes (±40) were removed as inauthentic.",
        f"{DAY} about 300 likes (±40) were removed as inauthentic.",
    ]


def test_pages_are_the_whole(plane: PublicPlane) -> None:
    """Days page by page are the days of one page."""
    days, cursor = [], None
    while True:
        page = plane.get(PATH, params={"limit": 1} | ({"cursor": cursor} if cursor else {})).json()
        days += page["days"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert days == plane.get(PATH).json()["days"]


@pytest.mark.parametrize("cursor", [encode_cursor("changes", (77,)), encode_cursor("timeseries", (3,)), "7"])
def test_another_cursor_is_refused(plane: PublicPlane, cursor: str) -> None:
    """A cursor that leads to no release of this video is none of this list."""
    answer = plane.get(PATH, params={"cursor": cursor})
    assert (answer.status_code, answer.json()["field"]) == (400, "cursor")


def test_withheld_is_withheld_alike(plane: PublicPlane) -> None:
    """Videos that differ only in how little they are liked get byte-identical answers, names aside."""
    few, none = (plane.get(f"/v1/videos/{name}/likes/changes").content for name in ("few", "nil"))
    assert few.replace(b'"few"', b'"nil"') == none
