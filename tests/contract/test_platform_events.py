"""`POST /v1/events` on a real Redis: every event has its verdict, and no account id is stored."""

import gzip
import zlib
from io import BytesIO
from typing import Any, cast

import msgspec
import pytest

from privacy.model.timestamp import MS_PER_HOUR, format_timestamp
from tests.support.platform_plane import (
    JSON,
    NDJSON,
    NOW_MS,
    POLICY,
    PROFILE,
    PSEUDONYMISER,
    PlatformPlane,
    ago,
    array,
    event,
    keys,
    lines,
    plane_on,
    value,
    written_keys,
)
from tests.support.redis_server import Store


@pytest.fixture
def plane(store: Store) -> PlatformPlane:
    """The app, with two registered videos."""
    plane = plane_on(store)
    plane.register("v-1", "v-2")
    return plane


def contents(store: Store) -> bytes:
    """Return everything in the store: keys, dumped values, and responses kept for repeated requests."""
    store.root.config_set("rdbcompression", "no")
    names = keys(store)
    dumps = [cast("bytes", store.root.dump(name)) for name in names]
    records = [msgspec.msgpack.decode(value(store, name)) for name in names if b":idem:" in name]
    return b"\n".join([*names, *dumps, *(zlib.decompress(record[-1]) for record in records)])


def counted(answer: Any) -> dict[str, int]:
    """Return the verdicts that occurred."""
    return {verdict: count for verdict, count in answer["verdicts"].items() if count}


@pytest.mark.parametrize(("media_type", "spell"), [(JSON, array), (NDJSON, lines)])
@pytest.mark.parametrize("compressed", [False, True])
def test_every_event_has_its_verdict(
    plane: PlatformPlane, media_type: str, spell: Any, compressed: bool
) -> None:
    """Arrays and lines, plain and compressed, get the same report: counts, and the events not counted."""
    batch = spell(
        event(),
        event(account_id="account-2", visibility="private", profile=None),
        event(),
        event(type="unlike", occurred_at=ago(30)),
        event(occurred_at=ago(50)),
        event(video_id="v-none"),
        event(account_id="child", profile={"age_band": "under-13"}),
        event(profile=PROFILE | {"region": "Atlantis"}),
        event(color="red"),
    )
    headers = {"Content_Encoding": "gzip"} if compressed else {}
    answer = plane.events(gzip.compress(batch) if compressed else batch, media_type, **headers)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    regions = next(d for d in POLICY.domain.dimensions if d.name == "region").values
    assert answer.json == {
        "received": 9,
        "verdicts": {
            "counted": 2,
            "uncounted": 1,
            "duplicate": 1,
            "late": 1,
            "over_cap": 0,
            "dropped_child": 1,
            "account_closed": 0,
            "unknown_target": 1,
            "invalid": 2,
        },
        "not_counted": [
            {"index": 2, "verdict": "duplicate"},
            {"index": 4, "verdict": "late"},
            {"index": 5, "verdict": "unknown_target"},
            {"index": 6, "verdict": "dropped_child"},
            {
                "index": 7,
                "verdict": "invalid",
                "problem": {
                    "field": "profile.region",
                    "message": "is 'Atlantis'",
                    "expected": f"one of {', '.join(regions)}, or absent",
                },
            },
            {
                "index": 8,
                "verdict": "invalid",
                "problem": {
                    "field": "color",
                    "message": "is not a known field",
                    "expected": "a field that openapi.yaml names",
                },
            },
        ],
    }


def test_the_same_batch_twice_is_all_duplicates(plane: PlatformPlane) -> None:
    """A batch sent again after its response was lost changes nothing, and the report says so."""
    batch = lines(*(event(account_id=f"account-{number}") for number in range(500)))
    assert counted(plane.events(batch).json) == {"counted": 500}
    again = plane.events(batch).json
    assert counted(again) == {"duplicate": 500}
    assert [item["index"] for item in again["not_counted"]] == list(range(500))


@pytest.mark.parametrize(("media_type", "spell"), [(JSON, array), (NDJSON, lines)])
def test_one_bad_event_among_ten_thousand_is_the_only_one_refused(
    plane: PlatformPlane, media_type: str, spell: Any
) -> None:
    """The others are counted; the invalid one is named by its index."""
    batch = [event(account_id=f"account-{number}", profile=None) for number in range(10_000)]
    batch[7_654]["occurred_at"] = "yesterday"
    answer = plane.events(spell(*batch), media_type).json
    assert counted(answer) == {"counted": 9_999, "invalid": 1}
    (refused,) = answer["not_counted"]
    assert (refused["index"], refused["problem"]["field"]) == (7_654, "occurred_at")


def test_a_truncated_line_is_invalid_alone(plane: PlatformPlane) -> None:
    """The complete lines before it are stored."""
    answer = plane.events(lines(event(), event(account_id="account-2"))[:-20]).json
    assert counted(answer) == {"counted": 1, "invalid": 1}
    assert answer["not_counted"][0]["problem"]["field"] == "event"


def test_a_truncated_array_is_refused_as_a_whole(plane: PlatformPlane, store: Store) -> None:
    """Nothing of an array that is not JSON is stored."""
    before = written_keys(store)
    assert plane.events(array(event(), event(account_id="account-2"))[:-20], JSON).status_code == 400
    assert written_keys(store) == before == []


def test_blank_lines_have_no_index(plane: PlatformPlane) -> None:
    """Blank lines and carriage returns are skipped."""
    batch = b"\r\n\n" + lines(event()).replace(b"\n", b"\r\n") + b"  \n" + lines(event(video_id="v-none"))
    answer = plane.events(batch).json
    assert (answer["received"], answer["not_counted"]) == (2, [{"index": 1, "verdict": "unknown_target"}])


def test_events_take_effect_in_the_order_of_the_batch(plane: PlatformPlane) -> None:
    """A like and an unlike of it in one batch leave nothing; the daily cap lets the first ones in."""
    turns = [
        event(type=kind, occurred_at=ago(60 - turn)) for turn, kind in enumerate(["like", "unlike", "like"])
    ]
    assert counted(plane.events(lines(*turns)).json) == {"counted": 2, "uncounted": 1}
    names = [f"w-{number}" for number in range(POLICY.daily_cap + 5)]
    plane.register(*names)
    likes = [
        event(account_id="busy", video_id=name, occurred_at=ago(60 * place))
        for place, name in enumerate(names)
    ]
    answer = plane.events(lines(*likes)).json
    assert counted(answer) == {"counted": POLICY.daily_cap, "over_cap": 5}
    assert [item["index"] for item in answer["not_counted"]] == list(
        range(POLICY.daily_cap, POLICY.daily_cap + 5)
    )


def test_no_account_is_named_in_the_store(plane: PlatformPlane, store: Store) -> None:
    """After accepted, refused and repeated batches no account id is in any key or value."""
    person = "account-of-a-certain-person"
    batch = lines(
        event(account_id=person),
        event(account_id=f"{person} {person}"),
        event(account_id=f"{person}{{}}"),
        event(account_id=person, video_id="v-none"),
    )
    answer = plane.events(batch, Idempotency_Key=person)
    assert answer.json["received"] == 4
    assert person not in answer.data.decode()
    plane.events(batch, Idempotency_Key=person)
    assert person.encode() not in contents(store)


def test_a_child_leaves_nothing_in_the_store(plane: PlatformPlane, store: Store) -> None:
    """Not the id, not the pseudonym, not a register, not an outbox entry."""
    child = event(account_id="child", profile={"age_band": "under-13"})
    assert counted(plane.events(lines(child)).json) == {"dropped_child": 1}
    assert written_keys(store) == []
    pseudonym = PSEUDONYMISER.pseudonymise("child").pseudonym
    assert pseudonym not in contents(store)
    assert pseudonym.hex().encode() not in contents(store)


def test_a_sealed_video_takes_no_events(plane: PlatformPlane, store: Store) -> None:
    """After a video's last epoch its events are late, and nothing of them is stored."""
    plane.clock.now_ms += 1000 * POLICY.schedule.due_ages_seconds[-1]
    assert counted(plane.events(lines(event())).json) == {"late": 1}
    assert written_keys(store) == []


def test_a_true_like_is_not_of_the_future_if_the_plane_stood_still(plane: PlatformPlane) -> None:
    """The process is stopped after it has asked the time and before the body arrives."""
    body = lines(event(occurred_at=format_timestamp(NOW_MS + MS_PER_HOUR)))

    class LateBody(BytesIO):
        """Arrives an hour later."""

        def read(self, size: int | None = -1) -> bytes:
            plane.clock.now_ms = NOW_MS + MS_PER_HOUR + 1_000
            return super().read(size)

    reply = plane.client.post(
        "/v1/events",
        input_stream=LateBody(body),
        content_type=NDJSON,
        headers={"Authorization": f"Bearer {plane.token}", "Content-Length": str(len(body))},
    )
    assert counted(reply.get_json()) == {"counted": 1}
