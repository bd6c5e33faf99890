"""Audiences and trends as readers get them."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest
import yaml

from api.public.operations import operations
from privacy.mechanism.guarantee import guarantee
from privacy.model.audience import Scope, audience_kind, period_at, period_name, period_start_ms
from privacy.model.documents import AudienceDocument, BreakdownFigures, Figure
from privacy.model.timestamp import MS_PER_DAY, format_timestamp, parse_timestamp_ms
from privacy.publishing.publisher import Publisher
from privacy.store.keys import gallery_key
from privacy.tally.pending_release import PendingRelease
from tests.support.audience_releases import BLOCK, DAY, POLICY, WEEK
from tests.support.gallery import LEDGER_SHARDS, NOW_MS, target
from tests.support.public_plane import PublicPlane, public_plane
from tests.support.redis_server import Store

SCHEMAS = {operation.operation_id: operation.responses[200].schema for operation in operations()}
TODAY: Final = period_at(NOW_MS, DAY)
WEEKS: Final = range(period_at(NOW_MS, WEEK) - 3, period_at(NOW_MS, WEEK))
YESTERDAY_TEXT: Final = format_timestamp(period_start_ms(TODAY - 1, DAY))[:10]
HASHTAGS: Final = {"baking": 900, "bread": 880, "κηπουρική": 400, "cats": 130}


def document(
    scope: Scope,
    every: int,
    name: str,
    period: int,
    total: int | None,
    cells: dict[str, Figure] | None = None,
) -> AudienceDocument:
    """A release of an audience; `cells` are those of its devices or regions."""
    dimension = "device" if scope is Scope.CREATOR else "region"
    breakdowns = {dimension: BreakdownFigures(cells=dict(cells), other=None)} if cells else {}
    return AudienceDocument(
        target_id=name,
        kind=audience_kind(scope, every, POLICY.version),
        epoch=period,
        starts_at_ms=period_start_ms(period, every),
        as_of_ms=period_start_ms(period + 1, every),
        next_release_at_ms=period_start_ms(period + 2, every) + POLICY.public_delay_ms,
        policy_version=POLICY.version,
        total=None if total is None else (total, total - 40, total + 40),
        breakdowns=breakdowns,
    )


def publish_audiences(store: Store) -> None:
    """A creator with weeks and a block, hashtags of a day, and a creator who was taken down."""
    publisher = Publisher(store.publisher)
    publisher.publish_guarantee(POLICY.version, msgspec.to_builtins(guarantee(POLICY)), LEDGER_SHARDS)
    creator = {"target_type": "creator", "creator_id": None, "policy_version": POLICY.version}
    publisher.publish_targets(
        [
            target("maker", **creator),
            target("nobody", **creator),
            target("gone", **creator, taken_down="court_order"),
        ]
    )
    block = period_at(NOW_MS, BLOCK) - 1
    found = [document(Scope.CREATOR, WEEK, "maker", week, 300 + week % 10) for week in WEEKS]
    found += [document(Scope.CREATOR, WEEK, "nobody", week, None) for week in WEEKS]
    found += [document(Scope.CREATOR, WEEK, "gone", WEEKS[-1], 5_000)]
    found += [document(Scope.CREATOR, WEEK, "unregistered", WEEKS[-1], 200)]
    found.append(document(Scope.CREATOR, BLOCK, "maker", block, None, {"ios": (500, 460, 540)}))
    found += [
        document(Scope.HASHTAG, DAY, name, TODAY - 1, total, {"DE": (total // 2, 0, total)})
        for name, total in HASHTAGS.items()
    ]
    found.append(document(Scope.PLATFORM, DAY, "platform", TODAY - 1, 90_000))
    publisher.publish_releases(
        [
            PendingRelease.parse(0, number, msgspec.json.encode(each), b"entry %d" % number)
            for number, each in enumerate(found)
        ]
    )
    for each in found:
        store.root.hset(gallery_key("signatures", each.target_id, each.kind), str(each.epoch), "signed")


@pytest.fixture(scope="module")
def plane(shared_store: Store) -> Iterator[PublicPlane]:
    """A running public plane with audiences; these tests only read."""
    shared_store.flush()
    publish_audiences(shared_store)
    with public_plane(shared_store) as running:
        yield running


def get(plane: PublicPlane, path: str) -> dict[str, Any]:
    """A successful response."""
    answer = plane.get(path)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


@pytest.mark.parametrize(
    ("path", "operation_id"),
    [
        ("/v1/creators/maker/audience", "get_creator_audience"),
        ("/v1/creators/nobody/audience", "get_creator_audience"),
        ("/v1/hashtags/baking/audience", "get_hashtag_audience"),
        ("/v1/sounds/s-7/audience", "get_sound_audience"),
        ("/v1/platform/audience", "get_platform_audience"),
        ("/v1/trends/hashtags", "get_hashtags_trend"),
        ("/v1/trends/creators", "get_creators_trend"),
        ("/v1/trends/sounds?dimension=region&cell=DE", "get_sounds_trend"),
    ],
)
def test_answers_keep_their_schemas(plane: PublicPlane, path: str, operation_id: str) -> None:
    """Rendered structs load under the schema that describes them."""
    schema = SCHEMAS[operation_id]
    assert schema
    assert schema().load(get(plane, path))


def test_a_creator_sees_weeks_and_blocks(plane: PublicPlane) -> None:
    """Newest periods first; every declared cell is there, shown or withheld."""
    found = get(plane, "/v1/creators/maker/audience")["audiences"]
    assert [each["to"] for each in found] == sorted((each["to"] for each in found), reverse=True)
    assert {each["period"] for each in found} == {"P7D", "P28D"}
    (block,) = [each for each in found if each["period"] == "P28D"]
    assert [each["dimension"] for each in block["breakdowns"]] == [
        *("age_band", "gender", "region", "language", "device", "hour_of_day", "age_gender")
    ]
    (device,) = [each for each in block["breakdowns"] if each["dimension"] == "device"]
    assert [(each["cell"], each["accounts"]["value"]) for each in device["cells"]] == [
        ("android", None),
        ("ios", 500),
        ("web", None),
        ("other", None),
        ("undisclosed", None),
    ]
    assert block["total"] is None
    assert device["other"] is None
    assert device["cells"][1]["accounts"] == {
        "value": 500,
        "ci95": [460, 540],
        "status": "published",
        "reason": None,
        "epoch": period_at(NOW_MS, BLOCK) - 1,
        "as_of": block["to"],
        "next_release_at": None,
        "overdue": False,
    }
    (week, *_) = [each for each in found if each["period"] == "P7D"]
    assert week["breakdowns"] == []


def test_nobody_and_too_few_are_answered_alike(plane: PublicPlane) -> None:
    """A creator with withheld weeks gets the same members, all without a value."""
    found = get(plane, "/v1/creators/nobody/audience")["audiences"]
    assert [each["total"]["reason"] for each in found] == ["below_threshold"] * len(WEEKS)


def test_periods_are_selected_by_days_and_length(plane: PublicPlane) -> None:
    """`from` and `to` are UTC days; a period is in if it overlaps them."""
    monday = format_timestamp(period_start_ms(WEEKS[1], WEEK))[:10]
    path = f"/v1/creators/maker/audience?period=P7D&from={monday}&to={monday}"
    (only,) = get(plane, path)["audiences"]
    assert only["from"][:10] == monday
    sunday = format_timestamp(period_start_ms(WEEKS[1], WEEK) - MS_PER_DAY)[:10]
    early = get(plane, f"/v1/creators/maker/audience?period=P7D&to={sunday}")["audiences"]
    assert [each["from"] for each in early] == [format_timestamp(period_start_ms(WEEKS[0], WEEK))]


def test_pages_are_the_whole_list(plane: PublicPlane) -> None:
    """Page by page, in the same order."""
    path = "/v1/creators/maker/audience"
    whole, page = get(plane, path)["audiences"], get(plane, f"{path}?limit=1")
    pages = page["audiences"]
    while page["next_cursor"]:
        page = get(plane, f"{path}?limit=1&cursor={page['next_cursor']}")
        pages += page["audiences"]
    assert pages == whole
    assert len(whole) == 4


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/v1/creators/maker/audience?from=2026-05-40", 400, "from"),
        ("/v1/creators/maker/audience?from=2026-5-4", 400, "from"),
        ("/v1/creators/maker/audience?from=2026-05-04&to=2026-05-03", 400, "to"),
        ("/v1/creators/maker/audience?period=P3D", 400, "period"),
        ("/v1/creators/maker/audience?cursor=x", 400, "cursor"),
        ("/v1/creators/maker/audience?account=a", 400, "account"),
        ("/v1/creators/maker/audience?version=none", 404, None),
        ("/v1/creators/gone/audience", 410, None),
        ("/v1/hashtags/a%20b/audience", 404, None),
        ("/v1/hashtags/%C2%AF/audience", 404, None),
        ("/v1/hashtags/%E2%80%8B/audience", 404, None),
        (f"/v1/hashtags/{'a' * 500}/audience", 400, "hashtag"),
        ("/v1/trends/hashtags?dimension=region", 400, "cell"),
        ("/v1/trends/hashtags?cell=DE", 400, "cell"),
        ("/v1/trends/hashtags?dimension=region&cell=XX", 400, "cell"),
        ("/v1/trends/hashtags?dimension=gender&cell=female", 400, "dimension"),
        ("/v1/trends/hashtags?day=2126-01-01", 400, "day"),
        ("/v1/trends/hashtags?limit=0", 400, "limit"),
        ("/v1/trends/accounts", 404, None),
    ],
)
def test_what_cannot_be_meant_is_refused(
    plane: PublicPlane, path: str, status: int, field: str | None
) -> None:
    """With a problem that names the field."""
    answer = plane.get(path)
    assert answer.status_code == status, answer.text
    if field:
        assert answer.json()["field"] == field


def test_a_hashtag_is_one_whatever_its_spelling(plane: PublicPlane) -> None:
    """Case and width do not matter, in any script."""
    plain = get(plane, "/v1/hashtags/κηπουρική/audience")
    assert plain["audiences"]
    assert get(plane, "/v1/hashtags/ΚΗΠΟΥΡΙΚΉ/audience") == plain
    assert get(plane, "/v1/hashtags/\uff22aking/audience") == get(plane, "/v1/hashtags/baking/audience")


@pytest.mark.parametrize("sign", ["%23", "%EF%BC%83", "%EF%B9%9F"])
def test_a_hashtag_may_have_its_sign(plane: PublicPlane, sign: str) -> None:
    """In each of its widths, as in what the platform sends."""
    assert get(plane, f"/v1/hashtags/{sign}Baking/audience") == get(plane, "/v1/hashtags/baking/audience")


def test_a_time_of_a_response_is_taken_as_its_day(plane: PublicPlane) -> None:
    """What begins a day in UTC can be meant in one way only; a time within a day is refused."""
    newest = get(plane, "/v1/creators/maker/audience?period=P7D&limit=1")["audiences"][0]
    day = newest["from"].removesuffix("T00:00:00Z")
    by_day = get(plane, f"/v1/creators/maker/audience?period=P7D&from={day}&to={day}")
    for time in (newest["from"], f"{day}T02:00:00%2B02:00"):
        assert get(plane, f"/v1/creators/maker/audience?period=P7D&from={time}&to={time}") == by_day
    assert by_day["audiences"] == [newest]
    begin = f"{YESTERDAY_TEXT}T00:00:00Z"
    assert get(plane, f"/v1/trends/hashtags?day={begin}") == get(plane, "/v1/trends/hashtags")
    refused = plane.get(f"/v1/creators/maker/audience?from={day}T00:00:01Z")
    assert (refused.status_code, refused.json()["message"]) == (400, "is a time within a day")


def test_an_example_is_what_the_packaged_policy_measures(plane: PublicPlane) -> None:
    """Each period of an example has the total and breakdowns that are measured, and the right ends."""
    described = yaml.safe_load(plane.get("/v1/openapi.json").text)["paths"]
    measured = {
        (period["scope"], period_name(period["every_seconds"])): period
        for period in guarantee(POLICY)["audiences"]["periods"]
    }
    for scope, path in (
        ("creator", "creators/{creator_id}"),
        ("hashtag", "hashtags/{hashtag}"),
        ("sound", "sounds/{sound_id}"),
        ("platform", "platform"),
    ):
        answer = described[f"/v1/{path}/audience"]["get"]["responses"]["200"]
        example = answer["content"]["application/json"]["example"]
        for shown in example["audiences"] + example["running"]:
            period = measured[scope, shown["period"]]
            begin, end = (parse_timestamp_ms(shown[name]) for name in ("from", "to"))
            assert end - begin == 1000 * period["every_seconds"]
            assert begin == period_start_ms(
                period_at(begin, period["every_seconds"]), period["every_seconds"]
            )
        for shown in example["audiences"]:
            period = measured[scope, shown["period"]]
            has_total = any(statistic["name"] == "total" for statistic in period["statistics"])
            assert (shown["total"] is not None) == has_total
            for breakdown in shown["breakdowns"]:
                cells = [cell["cell"] for cell in breakdown["cells"]]
                assert set(cells) <= set(period["dimensions"][breakdown["dimension"]])
                assert (breakdown["other"] is not None) == has_total


def test_a_breakdown_that_audiences_alone_have_is_told_so(plane: PublicPlane) -> None:
    """Who asks for it of a target learns which there are, and where the other one is."""
    answer = plane.get("/v1/creators/maker/followers/breakdowns/hour_of_day")
    assert answer.status_code == 404
    assert answer.json()["detail"] == (
        "There is no breakdown of followers by hour_of_day; the policy has those by age_band, gender, "
        "region, language, device. By hour_of_day it has audiences only."
    )


def test_an_unknown_hashtag_looks_like_a_new_one(plane: PublicPlane) -> None:
    """No period is over, and it says when the first one will be."""
    found = get(plane, "/v1/hashtags/unheard-of/audience")
    assert found["audiences"] == []
    (running,) = found["running"]
    assert running["to"] == format_timestamp(period_start_ms(TODAY + 1, DAY))


def test_a_creator_who_is_not_registered_is_read(plane: PublicPlane) -> None:
    """Videos may name one: what is counted is shown. One of whom nothing is known looks like a new one."""
    found = get(plane, "/v1/creators/unregistered/audience")["audiences"]
    assert [each["total"]["value"] for each in found] == [200]
    unknown = get(plane, "/v1/creators/unheard-of/audience")
    assert unknown["audiences"] == []
    assert [each["period"] for each in unknown["running"]] == ["P7D", "P28D"]


def test_a_trend_has_places_and_ties(plane: PublicPlane) -> None:
    """The two first are a tie, the others have places of their own."""
    trend = get(plane, f"/v1/trends/hashtags?day={YESTERDAY_TEXT}")
    places = [(each["hashtag"], each["accounts"]["value"], each["rank"]) for each in trend["hashtags"]]
    assert [name for name, _, _ in places] == ["baking", "bread", "κηπουρική", "cats"]
    assert [rank for _, _, rank in places] == [[1, 2], [1, 2], [3, 3], [4, 4]]
    assert (trend["ranked"], trend["period"], trend["dimension"]) == (4, "P1D", None)
    assert trend == get(plane, "/v1/trends/hashtags")


def test_a_trend_of_a_cell_ranks_by_that_cell(plane: PublicPlane) -> None:
    """By region; audiences without that cell are not ranked."""
    trend = get(plane, "/v1/trends/hashtags?dimension=region&cell=DE&limit=2")
    assert [each["accounts"]["value"] for each in trend["hashtags"]] == [450, 440]
    assert trend["ranked"] == 4
    assert get(plane, "/v1/trends/hashtags?dimension=region&cell=FR")["hashtags"] == []


def test_a_trend_names_no_creator_who_was_taken_down(plane: PublicPlane) -> None:
    """Their place stays empty."""
    trend = get(plane, "/v1/trends/creators")
    assert [each["creator_id"] for each in trend["creators"]] == ["maker", "unregistered"]
    assert trend["creators"][0]["rank"] == [2, 2]
    assert trend["period"] == "P7D"


def test_a_reviewer_gets_the_bytes_of_an_audience(plane: PublicPlane) -> None:
    """With its signature, under the name that the ledger has for it."""
    kind = audience_kind(Scope.HASHTAG, DAY, POLICY.version)
    answer = plane.get(f"/v1/releases/{kind}/κηπουρική/{TODAY - 1}")
    assert answer.headers["Likewise-Signature"] == "signed"
    cells = {"DE": (200, 0, 400)}
    expected = document(Scope.HASHTAG, DAY, "κηπουρική", TODAY - 1, 400, cells)
    assert answer.content == msgspec.json.encode(expected)
    weeks = audience_kind(Scope.CREATOR, WEEK, POLICY.version)
    assert plane.get(f"/v1/releases/{weeks}/gone/{WEEKS[-1]}").status_code == 410
    assert plane.get(f"/v1/releases/{weeks}/maker/1").status_code == 404
    assert plane.get(f"/v1/releases/crowd-p7d-x/maker/{WEEKS[-1]}").status_code == 400


def test_every_reader_gets_the_same_bytes(plane: PublicPlane) -> None:
    """Nothing is drawn by a read."""
    for path in ("/v1/creators/maker/audience", "/v1/trends/hashtags"):
        answers = {plane.get(path).content for _ in range(5)}
        assert len(answers) == 1
