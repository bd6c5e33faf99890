"""Responses of the public plane: documented shapes, right numbers, the same bytes to everyone."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import msgspec
import pytest

from api.public.guarantee_schema import GuaranteeSchema
from api.public.numbers import OVERDUE_AFTER_MS, PUBLISHED_EXAMPLE
from api.public.operations import operations
from privacy.mechanism.guarantee import guarantee
from privacy.model.timestamp import MS_PER_HOUR
from privacy.publishing.publisher import Publisher
from tests.support.gallery import LEDGER_SHARDS, NOW_MS, PUBLIC_DELAY_MS, VERSION, publish_every_state
from tests.support.public_plane import PublicPlane, new_key, public_plane
from tests.support.redis_server import Store
from tests.support.small_policy import small_policy

NEXT_MS = NOW_MS - 60_000 + MS_PER_HOUR + PUBLIC_DELAY_MS
"""When the release after the current one of `shown` is visible."""
NUMBER_MEMBERS = set(PUBLISHED_EXAMPLE)
STATES = ("shown", "few", "new", "late", "sealed")
PATHS = {
    "/v1/videos/{}": "get_video",
    "/v1/videos?ids={},unknown": "get_videos",
    "/v1/videos/{}/likes": "get_likes",
    "/v1/videos/{}/likes/breakdowns/device": "get_likes_breakdown",
    "/v1/videos/{}/likes/breakdowns/gender": "get_likes_breakdown",
    "/v1/videos/{}/likes/timeseries": "get_likes_timeseries",
    "/v1/privacy": "get_guarantee",
    "/v1/privacy/ledger": "get_ledger",
    "/v1/releases": "get_releases",
}
SCHEMAS = {operation.operation_id: operation.responses[200].schema for operation in operations()}


def numbers(document: Any) -> Iterator[dict[str, Any]]:
    """Every number in a document."""
    if isinstance(document, dict):
        if "ci95" in document:
            yield document
        for value in document.values():
            yield from numbers(value)
    elif isinstance(document, list):
        for value in document:
            yield from numbers(value)


@pytest.mark.parametrize("path", PATHS)
def test_answers_keep_their_schemas(plane: PublicPlane, path: str) -> None:
    """Rendered structs load under the schema that describes them, for a video in any state."""
    for video_id in STATES:
        answer = plane.get(path.format(video_id))
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
        schema = SCHEMAS[PATHS[path]]
        assert schema
        assert schema().load(answer.json())


def test_every_documented_example_keeps_its_schema() -> None:
    """The examples in the API documentation load under their schemas."""
    for operation in operations():
        for response in operation.responses.values():
            if response.example:
                assert response.schema
                assert response.schema().load(response.example)


@pytest.mark.parametrize("path", [path for path in PATHS if "{}" in path])
def test_every_number_has_the_one_shape(plane: PublicPlane, path: str) -> None:
    """A number has its eight members, integers only, and is either published or withheld with a reason."""
    for video_id in STATES:
        for number in numbers(plane.get(path.format(video_id)).json()):
            assert set(number) == NUMBER_MEMBERS
            published = number["status"] == "published"
            assert (number["value"] is not None, number["ci95"] is not None) == (published, published)
            assert (number["reason"] is None) == published
            shown = [number["value"], *number["ci95"]] if published else []
            assert all(type(figure) is int for figure in shown)
            assert not published or number["ci95"][0] <= number["value"] <= number["ci95"][1]


def test_a_published_total(plane: PublicPlane) -> None:
    """The total is the current release's, with its interval and times."""
    assert plane.number("/v1/videos/shown/likes") == {
        "value": 1284,
        "ci95": [1249, 1319],
        "status": "published",
        "reason": None,
        "epoch": 25,
        "as_of": "2026-05-04T14:00:00Z",
        "next_release_at": "2026-05-04T15:02:00Z",
        "overdue": False,
    }


def test_a_release_that_is_missing_is_overdue(store: Store) -> None:
    """Ten seconds after its time, in every number of the current release; an earlier or last one never is."""
    publish_every_state(store)
    for late_ms in (OVERDUE_AFTER_MS - 1, OVERDUE_AFTER_MS):
        overdue = late_ms >= OVERDUE_AFTER_MS
        with public_plane(store, now_ms=NEXT_MS + late_ms) as plane:
            for path in ("", "/breakdowns/device"):
                document = plane.get(f"/v1/videos/shown/likes{path}").json()
                assert {number["overdue"] for number in numbers(document)} == {overdue}
            assert plane.get("/v1/videos?ids=shown").json()["videos"][0]["likes"]["overdue"] is overdue
            *before, current = plane.get("/v1/videos/shown/likes/timeseries").json()["points"]
            assert {number["overdue"] for number in numbers(current)} == {overdue}
            assert not any(number["overdue"] for number in numbers(before))
            changes = plane.get("/v1/videos/shown/likes/changes").json()
            for span in (changes["since_start"], changes["days"][0]):
                assert {number["overdue"] for number in numbers(span)} == {overdue}
            assert not any(number["overdue"] for number in numbers(changes["days"][1:]))
            assert {n["overdue"] for n in numbers(plane.get("/v1/videos/sealed/likes").json())} == {False}
            assert plane.number("/v1/videos/late/likes")["overdue"] is False
    with public_plane(store, now_ms=NEXT_MS + MS_PER_HOUR) as plane:
        assert plane.number("/v1/videos/new/likes")["overdue"] is True
        shares = plane.get("/v1/creators/maker/authenticity").json()["followers"]
        assert {number["overdue"] for number in numbers(shares["now"])} == {True}
        assert {number["overdue"] for number in numbers(shares["history"])} == {False}


def test_reasons(plane: PublicPlane) -> None:
    """A withheld number says whether too few did, or the release is to come, or the span is short."""
    assert plane.number("/v1/videos/few/likes")["reason"] == "below_threshold"
    new = plane.number("/v1/videos/new/likes")
    assert (new["reason"], new["epoch"], new["as_of"]) == ("not_yet_released", None, None)
    assert new["next_release_at"] == "2026-05-04T15:03:00Z"
    assert plane.number("/v1/videos/late/likes")["next_release_at"] is None
    points = plane.get("/v1/videos/few/likes/timeseries").json()["points"]
    assert points[23]["change_per_day"]["reason"] == "span_below_one_day"
    assert points[24]["change_per_day"]["reason"] == "below_threshold"


def test_breakdown_of_a_release(plane: PublicPlane) -> None:
    """Cells are in their declared order; the published ones and `other` add up to the total."""
    document = plane.get("/v1/videos/shown/likes/breakdowns/device").json()
    assert [cell["cell"] for cell in document["cells"]] == ["android", "ios", "web", "other", "undisclosed"]
    shown = [cell["likes"]["value"] for cell in document["cells"] if cell["likes"]["status"] == "published"]
    assert sum(shown) + document["other"]["value"] == document["total"]["value"]


def test_breakdown_before_the_first_release(plane: PublicPlane) -> None:
    """A video without a release has the cells that its policy declares, all of them not yet released."""
    document = plane.get("/v1/videos/new/likes/breakdowns/gender").json()
    assert [cell["cell"] for cell in document["cells"]] == ["female", "male", "other", "undisclosed"]
    assert {number["reason"] for number in numbers(document)} == {"not_yet_released"}


@pytest.mark.parametrize("path", ["/likes", "/likes/breakdowns/device", "/likes/timeseries"])
def test_withheld_is_withheld_alike(plane: PublicPlane, path: str) -> None:
    """Videos that differ only in how little they are liked get byte-identical answers, names aside."""
    few, none = (plane.get(f"/v1/videos/{video_id}{path}") for video_id in ("few", "nil"))
    assert few.content.replace(b"few", b"nil") == none.content
    assert {number["value"] for number in numbers(few.json())} == {None}


def test_averaging_gets_nowhere(plane: PublicPlane, store: Store) -> None:
    """A number asked 400 times by eight keys at once is the same bytes with the same ETag every time."""
    tokens = [new_key(store, "read")[0] for _ in range(8)]

    def ask(turn: int) -> tuple[bytes, str]:
        answer = plane.get("/v1/videos/shown/likes/breakdowns/device", token=tokens[turn % 8])
        return answer.content, answer.headers["ETag"]

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(ask, range(400)))) == 1


def test_one_answer_for_one_set_of_videos(plane: PublicPlane) -> None:
    """Order, repetition and percent-encoding of ids make no difference to the bytes."""
    spellings = (
        "few,shown,nobody",
        "shown,nobody,few",
        "nobody,shown,shown,few",
        "%6eobody%2Cshown,few",
    )
    answers = [plane.get(f"/v1/videos?ids={spelling}") for spelling in spellings]
    assert len({answer.content for answer in answers}) == 1
    document = answers[0].json()
    assert [video["video_id"] for video in document["videos"]] == ["few", "shown"]
    assert document["unknown"] == ["nobody"]


def test_a_hundred_videos_and_no_more(plane: PublicPlane) -> None:
    """A hundred ids are answered, one more is refused."""
    ids = [f"v{number}" for number in range(101)]
    assert len(plane.get(f"/v1/videos?ids={','.join(ids[:100])}").json()["unknown"]) == 100
    assert plane.get(f"/v1/videos?ids={','.join(ids)}").json()["message"] == "lists 101 ids"


def test_timeseries_pages_are_the_whole(plane: PublicPlane) -> None:
    """Pages of any size put together are the unpaged time series."""
    path = "/v1/videos/shown/likes/timeseries"
    whole = plane.get(path).json()
    assert [point["total"]["epoch"] for point in whole["points"]] == list(range(26))
    points, cursor = [], None
    while True:
        page = plane.get(path, params={"limit": 7} | ({"cursor": cursor} if cursor else {})).json()
        points += page["points"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert points == whole["points"]


def test_smoothed_totals(plane: PublicPlane) -> None:
    """A point has the smoothed total of its release; without one it says why, as for every number."""
    before, point = plane.get("/v1/videos/shown/likes/timeseries").json()["points"][24:]
    assert point["smoothed"] == point["total"] | {"value": 1279, "ci95": [1254, 1304]}
    assert (before["total"]["status"], before["smoothed"]["reason"]) == ("published", "not_modelled")
    few = plane.get("/v1/videos/few/likes/timeseries").json()["points"][24]
    assert few["smoothed"] == few["total"]


def test_change_per_day(plane: PublicPlane) -> None:
    """The change of a release is a rate by day and says over how long it was measured."""
    point = plane.get("/v1/videos/shown/likes/timeseries").json()["points"][25]
    assert (point["change_per_day"]["value"], point["change_span_seconds"]) == (642, 86_400)


def test_the_ledger_can_be_verified(plane: PublicPlane) -> None:
    """Hashing an entry's bytes as served gives its hash; each names the one before, page after page."""
    lines, cursor = [], None
    while True:
        page = plane.get(
            "/v1/privacy/ledger", params={"limit": 20} | ({"cursor": cursor} if cursor else {})
        ).json()
        lines += page["entries"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(lines) == 26 + 26 + 26 + 26 + 1
    previous = ""
    for sequence, line in enumerate(lines):
        assert (line["entry"]["sequence"], line["entry"]["previous"]) == (sequence, previous)
        assert sha256(msgspec.json.encode(line["entry"])).hexdigest() == line["sha256"]
        previous = line["sha256"]


def test_the_ledger_shows_no_entry_before_its_predecessor(plane: PublicPlane, store: Store) -> None:
    """While an entry is missing in the gallery, the chain ends before it; the other chains go on."""
    store.root.hdel("g:ledger:1", "10")
    store.root.hset("g:ledger:2", "0", store.root.hget("g:ledger:1", "0") or b"")
    entries = plane.get("/v1/privacy/ledger").json()["entries"]
    assert (len(entries), LEDGER_SHARDS) == (10 + 1, 3)


def test_the_guarantee_of_a_real_policy(plane: PublicPlane, store: Store) -> None:
    """The document that the release side computes is served as it is, by version and as the current one."""
    document = guarantee(small_policy())
    Publisher(store.publisher).publish_guarantee("small", document, LEDGER_SHARDS)
    answer = plane.get("/v1/privacy").json()
    assert answer == plane.get("/v1/privacy?version=small").json() == document
    assert GuaranteeSchema().load(answer)
    assert plane.get(f"/v1/privacy?version={VERSION}").json()["version"] == VERSION
    assert plane.get("/v1/privacy?version=another").status_code == 404
