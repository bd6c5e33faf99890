"""`/v1/videos/{video_id}/benchmark`: a place among others of the same age, by what is published of them."""

from collections.abc import Iterator

import pytest

from api.public.insight.benchmark import OPERATION, Comparison, compare
from tests.support.gallery import NOW_MS, publish, release, target
from tests.support.public_plane import PublicPlane, public_plane
from tests.support.redis_server import Store


@pytest.fixture
def plane(store: Store) -> Iterator[PublicPlane]:
    """Eight videos of one creator, of which seven are as old as the first; two with another sound."""
    publish(
        store,
        [target(f"v-{number}", sound_id="s-7" if number < 2 else "s-1") for number in range(9)],
        [
            *(release("v-0", epoch, (500, 470, 530)) for epoch in range(3)),
            *(
                release(f"v-{number}", 2, (100 * number, 100 * number - 30, 100 * number + 30))
                for number in range(1, 7)
            ),
            release("v-7", 2, None),
            release("v-8", 1, (9_000, 8_970, 9_030)),
        ],
    )
    with public_plane(store) as running:
        yield running


def test_a_place_among_the_videos_of_the_creator(plane: PublicPlane) -> None:
    """Four are smaller, one is tied, one is larger; one is withheld, and one younger."""
    found = plane.get("/v1/videos/v-0/benchmark").json()
    schema = OPERATION.responses[200].schema
    assert schema
    assert not schema().validate(found)
    assert (found["percentile"], found["percentile_range"]) == (75.0, [66.7, 83.3])
    assert [found[name] for name in ("peers", "covered", "withheld", "younger")] == [8, 6, 1, 1]
    assert plane.get("/v1/videos/v-0/benchmark?among=hashtag:%23Baking").json() == found


def test_younger_videos_take_no_place(plane: PublicPlane, store: Store) -> None:
    """However many were posted since, those that are old enough are compared."""
    publish(store, [target(f"new-{number}", starts_at_ms=NOW_MS - 3_600_000) for number in range(250)], [])
    found = plane.get("/v1/videos/v-0/benchmark").json()
    assert [found[name] for name in ("peers", "covered", "younger")] == [8, 6, 1]


def test_what_has_no_release_has_no_place(plane: PublicPlane, store: Store) -> None:
    """With the reason of its own total."""
    publish(store, [target("fresh")], [])
    assert plane.get("/v1/videos/fresh/benchmark").json()["reason"] == "not_yet_released"


def test_what_cannot_be_compared(plane: PublicPlane) -> None:
    """Too few others, or no number of its own."""
    few = plane.get("/v1/videos/v-0/benchmark?among=sound:s-7").json()
    assert (few["status"], few["reason"], few["percentile"]) == ("withheld", "too_few_videos", None)
    own = plane.get("/v1/videos/v-7/benchmark").json()
    assert (own["status"], own["reason"], own["likes"]["status"]) == (
        "withheld",
        "below_threshold",
        "withheld",
    )


@pytest.mark.parametrize(
    "among", ["", "everybody", "creator:c-12", "hashtag:", "hashtag", "sound:a%20b", "sound:"]
)
def test_what_is_no_group(plane: PublicPlane, among: str) -> None:
    """A 400 that names the parameter."""
    answer = plane.get(f"/v1/videos/v-0/benchmark?among={among}")
    assert (answer.status_code, answer.json()["field"]) == (400, "among")


def test_intervals_that_meet_are_ties() -> None:
    """At their ends, too."""
    others = [(80, 70, 89), (80, 70, 90), (100, 95, 105), (120, 110, 130), (121, 111, 131)]
    assert compare((100, 90, 110), others) == Comparison(1, 3, 1)
    assert Comparison(1, 3, 1).percentile == (50.0, 20.0, 80.0)
