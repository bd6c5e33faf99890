"""Every kind is read alike; what a policy does not count, or what was taken down, is said to be so."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from api.public.operations import operations
from privacy.model.timestamp import MS_PER_HOUR
from privacy.publishing.publisher import Publisher
from tests.support.gallery import GUARANTEE, LEDGER_SHARDS, POSTED_MS, publish, release, target
from tests.support.public_plane import PublicPlane, public_plane
from tests.support.redis_server import Store

TOTALS = {"likes": (1284, 1249, 1319), "favorites": (310, 275, 345), "followers": (5120, 5085, 5155)}
PATHS = {"likes": "/v1/videos/shown", "favorites": "/v1/videos/shown", "followers": "/v1/creators/c-12"}
READS = ("", "/breakdowns/device", "/timeseries")
SCHEMAS = {operation.operation_id: operation.responses[200].schema for operation in operations()}


def creator(creator_id: str, **changes: Any) -> Any:
    """A creator who is counted from when videos are posted on."""
    shared: dict[str, Any] = {
        "target_type": "creator",
        "creator_id": None,
        "title": "Anna bakes",
        "hashtags": [],
    }
    return target(creator_id, **shared, duration_seconds=None, **changes)


@pytest.fixture
def kinds(store: Store) -> Iterator[PublicPlane]:
    """A video with likes and favourites, its creator with followers, and both types taken down."""
    publish(
        store,
        [
            target("shown"),
            target("gone", taken_down="violent content", revision=1),
            target("plain", policy_version="likes-only"),
            creator("c-12"),
            creator("c-gone", taken_down="impersonation", revision=1),
        ],
        [
            release("shown", 25, TOTALS["likes"]),
            release("shown", 25, TOTALS["favorites"], kind="favorite"),
            release("c-12", 25, TOTALS["followers"], kind="follow"),
            release("gone", 25, (900, 865, 935)),
        ],
    )
    only_likes = {"version": "likes-only", "kinds": {"like": GUARANTEE["kinds"]["like"]}}
    Publisher(store.publisher).publish_guarantee("likes-only", GUARANTEE | only_likes, LEDGER_SHARDS)
    with public_plane(store) as running:
        yield running


@pytest.mark.parametrize("noun", TOTALS)
def test_each_kind_has_its_own_total(kinds: PublicPlane, noun: str) -> None:
    """The total of a kind is that of its own releases."""
    total = kinds.number(f"{PATHS[noun]}/{noun}")
    assert (total["value"], *total["ci95"]) == TOTALS[noun]


@pytest.mark.parametrize("noun", TOTALS)
def test_each_kind_has_every_read(kinds: PublicPlane, noun: str) -> None:
    """Totals, breakdowns and time series of a kind keep the schemas that describe them."""
    for read, operation_id in zip(READS, ("", "_breakdown", "_timeseries"), strict=True):
        schema = SCHEMAS[f"get_{noun}{operation_id}"]
        assert schema
        assert schema().load(kinds.get(f"{PATHS[noun]}/{noun}{read}").json())
    cells = kinds.get(f"{PATHS[noun]}/{noun}/breakdowns/device").json()["cells"]
    assert all(set(cell) == {"cell", noun} for cell in cells)


def test_a_creator(kinds: PublicPlane) -> None:
    """A creator is read by id, or in a list with the followers."""
    one = kinds.get("/v1/creators/c-12").json()
    assert one == {
        "creator_id": "c-12",
        "name": "Anna bakes",
        "counted_from": "2026-05-03T12:00:00Z",
        "policy_version": "2026-11-default",
    }
    several = kinds.get("/v1/creators?ids=c-99,c-gone,c-12").json()
    assert (several["gone"], several["unknown"]) == (["c-gone"], ["c-99"])
    assert several["creators"][0]["followers"]["value"] == TOTALS["followers"][0]
    assert kinds.get("/v1/creators/shown").status_code == 404


@pytest.mark.parametrize("read", READS)
def test_a_kind_that_is_not_counted(kinds: PublicPlane, read: str) -> None:
    """A kind without a budget in the policy of its target is a 404 that says so."""
    answer = kinds.get(f"/v1/videos/plain/favorites{read}")
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        "Policy likes-only, which this video is bound to, does not count favorites.",
    )
    assert kinds.number("/v1/videos/plain/likes")["reason"] == "not_yet_released"


@pytest.mark.parametrize("path", ["/v1/videos/gone", "/v1/creators/c-gone"])
def test_what_was_taken_down_is_gone(kinds: PublicPlane, path: str) -> None:
    """Every read of it is a 410 that names the reason."""
    nouns = ("likes", "favorites") if "videos" in path else ("followers",)
    for suffix in ("", *(f"/{noun}{read}" for noun in nouns for read in READS)):
        answer = kinds.get(path + suffix)
        problem = answer.json()
        assert (answer.status_code, problem["type"]) == (410, "urn:likewise:problem:gone")
        assert problem["reason"] in {"violent content", "impersonation"}
        assert problem["detail"].endswith(f"was taken down: {problem['reason']}.")
        assert "Cache-Control" not in answer.headers or "no-store" in answer.headers["Cache-Control"]


def test_lists_name_what_is_gone(kinds: PublicPlane) -> None:
    """A list shows the others, and nothing of what was taken down but its id."""
    document = kinds.get("/v1/videos?ids=gone,shown,nobody").json()
    assert (document["gone"], document["unknown"]) == (["gone"], ["nobody"])
    assert [video["video_id"] for video in document["videos"]] == ["shown"]


def test_what_is_restored_comes_back(kinds: PublicPlane, store: Store) -> None:
    """After a restore the same release is read again."""
    assert kinds.get("/v1/videos/gone/likes").status_code == 410
    Publisher(store.publisher).publish_targets([target("gone", revision=2)])
    with public_plane(store, now_ms=POSTED_MS + 26 * MS_PER_HOUR) as later:
        assert later.number("/v1/videos/gone/likes")["value"] == 900


def test_the_schema_of_a_problem_knows_its_reason(kinds: PublicPlane) -> None:
    """Other problems have no reason at all."""
    problem = msgspec.json.decode(kinds.get("/v1/videos/nobody").content)
    assert "reason" not in problem
