"""`/v1/query`: the numbers of single operations, put together and added up, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import ceil, floor, hypot
from typing import Any

import pytest
import requests

from api.http.caller import ReaderLimits
from api.public.operations import operations
from privacy.model.documents import BreakdownFigures
from tests.support.gallery import CELLS, NOW_MS, POSTED_MS, publish, release, target
from tests.support.public_plane import PublicPlane, new_key, public_plane
from tests.support.redis_server import Store

SCHEMAS = {operation.operation_id: operation.responses[200].schema for operation in operations()}
EPOCHS = 26
DEVICE = {"android": (700, 640, 760), "ios": (300, 250, 350)}


def device(cells: dict[str, Any]) -> dict[str, BreakdownFigures]:
    """Breakdowns of a release in which some cells of `device` are shown."""
    shown = {name: BreakdownFigures(cells=dict.fromkeys(names), other=None) for name, names in CELLS.items()}
    return shown | {
        "device": BreakdownFigures(cells=dict.fromkeys(CELLS["device"]) | cells, other=(60, 10, 110))
    }


def publish_world(store: Store) -> None:
    """Four videos of two creators: one grows by 40 an hour, one shows late, one never, one has no release."""
    rising = [
        release(
            "rising",
            epoch,
            (40 * epoch + 60, 40 * epoch + 40, 40 * epoch + 80),
            breakdowns=device(DEVICE if epoch > 20 else {}),
            removals=dict.fromkeys(("unliked", "account", "policy", "correction"))
            | {"inauthentic": (30, 22, 40)},
            removal_changes={"inauthentic": (25, 15, 35)} if epoch > 23 else {},
            change=(960, 930, 990) if epoch > 23 else None,
        )
        for epoch in range(EPOCHS)
    ]
    late = [
        release(
            "late",
            epoch,
            (120, 60, 150) if epoch > 20 else None,
            breakdowns=device({"ios": (200, 150, 240)} if epoch > 20 else {}),
        )
        for epoch in range(EPOCHS)
    ]
    never = [release("never", epoch, None) for epoch in range(EPOCHS)]
    publish(
        store,
        [
            target("rising"),
            target("late", creator_id="c-13"),
            target("never"),
            target("none", creator_id=None),
            target("gone", taken_down="legal"),
            target("c-12", target_type="creator", creator_id=None),
            target("c-13", target_type="creator", creator_id=None),
        ],
        [*rising, *late, *never, release("c-12", 0, (5000, 4960, 5040), kind="follow")],
    )


@pytest.fixture
def plane(store: Store) -> Iterator[PublicPlane]:
    """A running public plane with this world."""
    publish_world(store)
    with public_plane(store) as running:
        yield running


def ask(plane: PublicPlane, token: str = "", **members: Any) -> requests.Response:
    """Sends a query as JSON."""
    headers = {"Authorization": f"Bearer {token or plane.token}"}
    return requests.post(f"{plane.url}/v1/query", json=members, headers=headers, timeout=10)


def answer(plane: PublicPlane, **members: Any) -> Any:
    """Returns the answer to a query, which keeps to its schema and is that to the parameters of a GET."""
    posted = ask(plane, **members)
    assert posted.status_code == 200, posted.text
    schema = SCHEMAS["post_query"]
    assert schema
    assert not schema().validate(posted.json())
    texts = {name: ",".join(value) if isinstance(value, list) else value for name, value in members.items()}
    got = plane.get("/v1/query", params=texts)
    assert got.json() == posted.json()
    return posted.json()


def values(document: Any, metric: str = "likes") -> list[int | None]:
    """The values of a metric by row."""
    return [row["metrics"][metric]["value"] for row in document["rows"]]


IDS = ["rising", "late", "never", "none"]


def test_each_video_has_its_own_number(plane: PublicPlane) -> None:
    """By id, as the operation of a single video says it; what is unknown or gone is named."""
    found = answer(plane, ids=[*IDS, "gone", "nobody"], by=["video"])
    assert [row["video_id"] for row in found["rows"]] == sorted(IDS)
    assert (found["gone"], found["unknown"], found["targets"]) == (["gone"], ["nobody"], 4)
    for row in found["rows"]:
        number = row["metrics"]["likes"]
        single = plane.number(f"/v1/videos/{row['video_id']}/likes")
        assert {name: number[name] for name in single} == single
        assert number["released"] == (row["video_id"] != "none")
        assert number["covered"] == (row["video_id"] in {"rising", "late"})
    assert found["query"]["metrics"] == ["likes"]


def test_a_sum_has_what_is_shown(plane: PublicPlane) -> None:
    """Squares add up where intervals are even, and what reaches further down is added as it is."""
    (row,) = answer(plane, ids=IDS)["rows"]
    number = row["metrics"]["likes"]
    assert (number["value"], number["covered"], number["released"]) == (1060 + 120, 2, 3)
    assert number["ci95"] == [floor(1180 - 30 - hypot(20, 30)), ceil(1180 + hypot(20, 60))]


def test_creators_of_videos_and_order(plane: PublicPlane) -> None:
    """Sums by creator, largest first; withheld ones last."""
    found = answer(plane, ids=IDS, by=["creator"], order_by="-likes")
    assert [(row["creator_id"], row["metrics"]["likes"]["value"]) for row in found["rows"]] == [
        ("c-12", 1060),
        ("c-13", 120),
        (None, None),
    ]
    upwards = answer(plane, ids=IDS, by=["creator"], order_by="likes", limit=2)
    assert [row["creator_id"] for row in upwards["rows"]] == ["c-13", "c-12"]
    assert upwards["complete"] is False


def test_a_filter_finds_its_videos(plane: PublicPlane) -> None:
    """The same videos as `GET /v1/videos`."""
    found = answer(plane, hashtag="BAKING", by=["video"], order_by="-likes")
    listed = plane.get("/v1/videos?hashtag=baking&sort=likes").json()["videos"]
    assert [row["video_id"] for row in found["rows"]][:2] == [one["video_id"] for one in listed][:2]
    assert len(found["rows"]) == len(listed)


def test_cells_add_up_over_videos(plane: PublicPlane) -> None:
    """A cell of the sum covers the videos that show it; what is left of the total is the cell null."""
    rows = answer(plane, ids=IDS, by=["device"])["rows"]
    found = {row["cell"]: row["metrics"]["likes"] for row in rows}
    assert [*found] == [*CELLS["device"], None]
    assert (found["ios"]["value"], found["ios"]["covered"], found["ios"]["released"]) == (500, 2, 3)
    assert (found["android"]["value"], found["android"]["ci95"]) == (700, [640, 760])
    assert (found["web"]["status"], found["web"]["reason"]) == ("withheld", "below_threshold")
    assert found[None]["covered"] == 2


def test_by_epoch_and_by_day(plane: PublicPlane) -> None:
    """By epoch every release; by day the last one by midnight UTC."""
    by_epoch = answer(plane, ids=["rising"], by=["video", "time:epoch"])["rows"]
    assert [row["epoch"] for row in by_epoch] == [*range(EPOCHS)]
    assert [row["metrics"]["likes"]["value"] for row in by_epoch] == [
        40 * each + 60 for each in range(EPOCHS)
    ]
    by_day = answer(plane, ids=IDS, **{"by": ["time:day"], "from": "2026-05-02", "to": "2026-05-05"})["rows"]
    assert [(row["from"], row["metrics"]["likes"]["value"]) for row in by_day] == [
        ("2026-05-02T00:00:00Z", None),
        ("2026-05-03T00:00:00Z", 40 * 11 + 60),
        ("2026-05-04T00:00:00Z", 1060 + 120),
    ]
    assert by_day[0]["metrics"]["likes"]["reason"] == "not_yet_released"
    week = answer(plane, ids=["rising"], by=["video", "time:week"])["rows"][-1]
    assert week["from"] == "2026-05-04T00:00:00Z"


def test_cells_over_time(plane: PublicPlane) -> None:
    """A breakdown by epoch is a query like any other."""
    rows = answer(plane, ids=["rising", "late"], by=["device", "time:epoch"])["rows"]
    ios = {row["epoch"]: row["metrics"]["likes"] for row in rows if row["cell"] == "ios"}
    assert (ios[20]["value"], ios[21]["value"], ios[21]["covered"]) == (None, 500, 2)
    assert len(rows) == EPOCHS * (len(CELLS["device"]) + 1)


def test_at_a_moment_and_at_equal_age(plane: PublicPlane) -> None:
    """`to` is a moment; equal age is the last epoch that all have reached."""
    assert values(answer(plane, ids=["rising"], by=["video"], to="2026-05-03T18:30:00Z")) == [40 * 5 + 60]
    found = answer(plane, ids=["rising", "late"], by=["video"], compare_to="equal_age")
    assert {row["epoch"] for row in found["rows"]} == {EPOCHS - 1}


def test_changes_since_the_start_and_by_day(plane: PublicPlane) -> None:
    """They are those of `…/changes`; of several videos since the start only, since their days differ."""
    metrics = ["likes_change", "likes_gained", "likes_lost_inauthentic", "likes_lost_unliked", "likes_lost"]
    (row,) = answer(plane, ids=["rising"], by=["video"], metrics=metrics)["rows"]
    whole = plane.get("/v1/videos/rising/likes/changes").json()["since_start"]
    assert row["metrics"]["likes_gained"]["value"] == whole["gained"]["value"] == 1090
    assert row["metrics"]["likes_lost_inauthentic"]["ci95"] == whole["lost"]["inauthentic"]["ci95"]
    assert row["metrics"]["likes_lost_unliked"]["status"] == "withheld"
    assert row["metrics"]["likes_lost"]["value"] == 30
    assert values(answer(plane, ids=IDS, metrics=["likes_gained"]), "likes_gained") == [1090 + 120]
    days = answer(plane, ids=["rising"], by=["video", "time:day"], metrics=["likes_change"])
    assert [value for value in values(days, "likes_change") if value is not None] == [100, 960]


def test_changes_of_a_period_and_the_one_before(plane: PublicPlane) -> None:
    """Whole spans within it; both periods have the same length."""
    period = {"from": "2026-05-03T13:30:00Z", "to": "2026-05-04T14:00:00Z"}
    found = answer(
        plane,
        ids=["rising"],
        by=["video"],
        metrics=["likes_change"],
        compare_to="previous_period",
        **period,
    )
    (row,) = found["rows"]
    assert (row["from"], row["to"]) == ("2026-05-03T14:00:00Z", "2026-05-04T14:00:00Z")
    assert row["metrics"]["likes_change"]["value"] == 960
    assert row["previous"]["likes_change"]["status"] == "withheld"


def test_followers_of_creators(plane: PublicPlane) -> None:
    """Creators are a subject of their own."""
    found = answer(plane, subject="creators", ids=["c-12", "c-13"], by=["creator"], metrics=["followers"])
    assert values(found, "followers") == [5000, None]


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"ids": []}, "ids"),
        ({"ids": ["a b"]}, "ids"),
        ({"ids": [7]}, "ids"),
        ({"ids": ["a"] * 1001}, "ids"),
        ({"ids": ["rising"], "hashtag": "baking"}, "hashtag"),
        ({"ids": ["rising"], "cursor": "eA"}, "cursor"),
        ({"cursor": "eA"}, "cursor"),
        ({"subject": "accounts"}, "subject"),
        ({"subject": "hashtags", "ids": ["\u2060"], "metrics": ["audience"]}, "ids"),
        ({"subject": "hashtags", "ids": ["#"], "metrics": ["audience"]}, "ids"),
        ({"subject": "creators"}, "ids"),
        ({"subject": "creators", "ids": ["c-12"], "metrics": ["likes"]}, "metrics"),
        ({"subject": "platform", "ids": ["x"], "metrics": ["audience"]}, "ids"),
        ({"metrics": ["audience"]}, "metrics"),
        ({"metrics": ["likes", "likes_change"]}, "metrics"),
        ({"metrics": ["likers"]}, "metrics"),
        ({"metrics": []}, "metrics"),
        ({"by": ["video", "creator"]}, "by"),
        ({"by": ["hashtag"]}, "by"),
        ({"by": ["device", "gender"]}, "by"),
        ({"by": ["hour_of_day"], "ids": ["rising"]}, "by"),
        ({"by": ["a b"]}, "by"),
        ({"by": ["device"], "metrics": ["likes_change"]}, "by"),
        ({"by": ["time:epoch"], "metrics": ["likes_change"]}, "by"),
        ({"by": ["time:day"], "metrics": ["likes_change"]}, "by"),
        ({"by": ["time:day"], "from": "2020-01-01"}, "from"),
        ({"from": "2026-05-03"}, "from"),
        ({"by": ["time:day"], "from": "2026-05-03", "to": "2026-05-03"}, "to"),
        ({"to": "today"}, "to"),
        ({"order_by": "-favorites"}, "order_by"),
        ({"limit": 0}, "limit"),
        ({"limit": 10_001}, "limit"),
        ({"compare_to": "yesterday"}, "compare_to"),
        ({"compare_to": "previous_period"}, "compare_to"),
        ({"compare_to": "equal_age", "by": ["time:day"]}, "compare_to"),
        ({"likers": True}, "likers"),
        ([], "body"),
    ],
)
def test_what_is_no_query(plane: PublicPlane, members: Any, field: str) -> None:
    """A 400 that names the member."""
    headers = {"Authorization": f"Bearer {plane.token}"}
    refused = requests.post(f"{plane.url}/v1/query", json=members, headers=headers, timeout=10)
    assert refused.status_code == 400, refused.text
    assert refused.json()["field"].partition(".")[0] == field


@pytest.mark.parametrize("body", [b"", b"{", b"null", b'{"ids": ["a"], "ids": ["b"]}', b"\xff"])
def test_what_is_no_json(plane: PublicPlane, body: bytes) -> None:
    """A 400, too."""
    headers = {"Authorization": f"Bearer {plane.token}", "Content-Type": "application/json"}
    assert requests.post(f"{plane.url}/v1/query", data=body, headers=headers, timeout=10).status_code == 400


def test_a_limited_reader_asks_about_its_creators(plane: PublicPlane, store: Store) -> None:
    """Videos of others are unknown; other filters and audiences are refused."""
    token, _ = new_key(store, "read", limits=ReaderLimits(creators=("c-12",)))
    found = ask(plane, token, ids=[*IDS, "gone"], by=["video"]).json()
    assert [row["video_id"] for row in found["rows"]] == ["never", "rising"]
    assert found["unknown"] == ["late", "none"]
    assert ask(plane, token, creator_id="c-12").status_code == 200
    for members in (
        {},
        {"creator_id": "c-13"},
        {"hashtag": "baking"},
        {"subject": "creators", "ids": ["c-13"], "metrics": ["audience"]},
        {"subject": "hashtags", "ids": ["baking"], "metrics": ["audience"]},
        {"subject": "platform", "metrics": ["audience"]},
    ):
        assert ask(plane, token, **members).status_code == 403
    hidden = ask(plane, token, subject="creators", ids=["c-13"], by=["creator"], metrics=["followers"]).json()
    assert (hidden["rows"], hidden["unknown"]) == ([], ["c-13"])


def test_two_queries_differ_by_what_is_published(plane: PublicPlane) -> None:
    """A sum with a video less one without it is that video's number: subtracting shows nothing else."""
    with_it = values(answer(plane, ids=["rising", "late"]))[0]
    without = values(answer(plane, ids=["rising"]))[0]
    assert (with_it or 0) - (without or 0) == plane.number("/v1/videos/late/likes")["value"]
    assert values(answer(plane, ids=["rising", "never"])) == [without]


@pytest.mark.parametrize(
    ("members", "cost"),
    [({}, 1), ({"to": "2026-05-04"}, 2), ({"metrics": ["likes_gained"]}, 2), ({"ids": IDS}, 1)],
)
def test_a_large_query_counts_as_several(plane: PublicPlane, store: Store, members: Any, cost: int) -> None:
    """One request for each 100 targets begun, or each 20 whose histories are read."""
    publish(store, [target(f"more-{number}") for number in range(30)], [])
    token, _ = new_key(store, "read", requests_per_minute=10)
    left = [
        ask(plane, token, **asked).headers["RateLimit"].partition("r=")[2].partition(";")[0]
        for asked in ({"ids": ["rising"]}, members)
    ]
    assert int(left[0]) - int(left[1]) == cost


def test_what_costs_more_than_is_left_is_refused(plane: PublicPlane, store: Store) -> None:
    """With a 429, and counts as one."""
    token, _ = new_key(store, "read", requests_per_minute=5)
    assert plane.get("/v1/videos?limit=1000", token=token).status_code == 429
    assert plane.get("/v1/videos?limit=200", token=token).status_code == 200


def test_it_can_be_cached(plane: PublicPlane) -> None:
    """A GET has a validator."""
    first = plane.get("/v1/query?ids=rising")
    again = plane.get("/v1/query?ids=rising", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


def test_a_page_of_a_filter_leads_to_the_next(plane: PublicPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more videos than one query reads, each comes once."""
    monkeypatch.setattr("api.public.query.targets.MAX_TARGETS", 2)
    found, cursor = list[str](), dict[str, str]()
    while True:
        page = ask(plane, by=["video"], **cursor).json()
        found += [row["video_id"] for row in page["rows"]]
        if page["next_cursor"] is None:
            break
        assert page["complete"] is False
        cursor = {"cursor": page["next_cursor"]}
    assert sorted(found) == sorted(IDS)
    assert json.dumps(found).count("gone") == 0
    assert NOW_MS > POSTED_MS
