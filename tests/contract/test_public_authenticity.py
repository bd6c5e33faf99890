"""`/v1/creators/{creator_id}/authenticity`: shares from published numbers, and what they cover."""

from collections.abc import Iterator
from typing import Any

import pytest

from api.public.operations import operations
from privacy.model.documents import Figure, ReleaseDocument
from tests.support.gallery import NOW_MS, REASONS, publish, release, target
from tests.support.public_plane import PublicPlane, public_plane
from tests.support.redis_server import Store

PATH = "/v1/creators/c-12/authenticity"
SCHEMAS = {operation.operation_id: operation.responses[200].schema for operation in operations()}


def creator(creator_id: str) -> Any:
    """A creator."""
    return target(creator_id, target_type="creator", creator_id=None)


def shown(name: str, epoch: int, total: int, removed: int | None, **more: Any) -> ReleaseDocument:
    """Returns a release with the given numbers of counted engagements and of those removed as inauthentic."""
    figure: Figure | None = None if removed is None else (removed, removed - 40, removed + 40)
    removals = dict.fromkeys(REASONS) | {"inauthentic": figure}
    return release(name, epoch, (total, total - 35, total + 35), removals=removals, **more)


@pytest.fixture
def plane(store: Store) -> Iterator[PublicPlane]:
    """A creator with two videos of which one was purged, one that is taken down and one given away."""
    publish(
        store,
        [
            creator("c-12"),
            creator("c-new"),
            *(target(name) for name in ("purged", "clean", "down", "given")),
            target("down", taken_down="copyright", revision=1),
            target("given", creator_id="c-13", revision=1),
        ],
        [
            shown("purged", 0, 4000, None),
            shown("purged", 25, 3000, 1000),
            shown("clean", 25, 500, None),
            shown("down", 25, 10, 5000),
            shown("given", 25, 10, 5000),
            shown("c-12", 1, 9000, None, kind="follow"),
            shown("c-12", 25, 8000, 2000, kind="follow"),
        ],
    )
    with public_plane(store) as running:
        yield running


def test_answers_keep_their_schema(plane: PublicPlane) -> None:
    """With numbers, and before the first release."""
    schema = SCHEMAS["get_authenticity"]
    assert schema
    for name in ("c-12", "c-new"):
        answer = plane.get(f"/v1/creators/{name}/authenticity?days=3")
        assert answer.status_code == 200
        assert schema().load(answer.json())


def test_the_share_of_followers(plane: PublicPlane) -> None:
    """2,000 removed and 8,000 standing are 2,000 of 10,000; at the midnight before none were gone."""
    followers = plane.get(PATH, params={"days": 2}).json()["followers"]
    now = followers["now"]
    assert now["share_bps"]["value"] == 2000
    low, high = now["share_bps"]["ci95"]
    assert 1960 < low < 2000 < high < 2040
    assert (now["covered"], now["released"]) == (1, 1)
    assert [each["share_bps"]["reason"] for each in followers["history"]] == [
        "below_threshold",
        "not_yet_released",
    ]


def test_the_share_of_likes_says_what_it_covers(plane: PublicPlane) -> None:
    """Only videos of which both numbers are published; none that is taken down or another creator's."""
    document = plane.get(PATH).json()
    now = document["likes"]["now"]
    assert (now["removed"]["value"], now["counted"]["value"]) == (1000, 3000)
    assert now["share_bps"]["value"] == 2500
    assert (now["covered"], now["released"]) == (1, 2)
    assert (document["videos"], document["videos_included"]) == (4, 2)


def test_nothing_changes_between_releases(plane: PublicPlane, store: Store) -> None:
    """Asked a minute later, the answer is the same bytes."""
    with public_plane(store, now_ms=NOW_MS + 60_000) as later:
        assert later.get(PATH).content == plane.get(PATH).content


def test_a_creator_who_is_not_registered(plane: PublicPlane) -> None:
    """To be named by a video is not to be registered."""
    assert plane.get("/v1/creators/c-13/authenticity").status_code == 404


@pytest.mark.parametrize("days", ["0", "91", "1.5", "-1"])
def test_days_out_of_range(plane: PublicPlane, days: str) -> None:
    """They are refused by name."""
    answer = plane.get(PATH, params={"days": days})
    assert (answer.status_code, answer.json()["field"]) == (400, "days")
