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
    return b"\n".join([*names, *dumps, *(zlib.decompress(record[4]) for record in records)])


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
        event(profile=PROFILE | {"age_band": "8-12"}),
        event(color="red"),
        event(account_id="account-3", profile=PROFILE | {"region": "Atlantis", "gender": None}),
    )
    headers = {"Content_Encoding": "gzip"} if compressed else {}
    answer = plane.events(gzip.compress(batch) if compressed else batch, media_type, **headers)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    bands = next(d for d in POLICY.domain.dimensions if d.name == "age_band").values
    assert answer.json == {
        "received": 10,
        "verdicts": {
            "counted": 3,
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
                    "field": "profile.age_band",
                    "message": "is '8-12', which could be a child's",
                    "expected": f"one of {', '.join(bands)}, or absent",
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
        "taken_as": [
            {"field": "profile.region", "taken_as": "other", "items": 1},
        ],
    }


@pytest.mark.parametrize(
    ("changes", "taken"),
    [
        ({"profile": {"region": "FI"}}, ("profile.region", "other")),
        ({"profile": {"region": "UK"}}, ("profile.region", "GB")),
        ({"profile": {"language": "pt-BR"}}, ("profile.language", "pt")),
        ({"profile": {"device": "Android"}}, ("profile.device", "android")),
        ({"profile": {"gender": "non-binary"}}, ("profile.gender", "other")),
        ({"profile": {"age_band": None}}, None),
        ({"profile": {"region": "x" * 10_000}}, ("profile.region", "other")),
        ({"visibility": "friends"}, ("visibility", "private")),
        ({"visibility": "Public"}, ("visibility", "public")),
        ({"network": "n" * 65}, ("network", "absent")),
        ({"occurred_at": ago(-290)}, ("occurred_at", "the time of arrival")),
        ({"occurred_at": "2026-05-03T14:07:30.123456789Z"}, None),
        ({"occurred_at": "2026-05-03t14:07:30.1234567z"}, None),
    ],
)
@pytest.mark.parametrize("company", [0, 3])
def test_an_odd_value_costs_no_like(
    plane: PlatformPlane, changes: Any, taken: tuple[str, str] | None, company: int
) -> None:
    """It is taken as what it can only mean, or as what says least; the answer says how."""
    others = [event(account_id=f"other-{number}") for number in range(company)]
    answer = plane.events(lines(event(**changes), *others)).json
    assert counted(answer) == {"counted": 1 + company}
    rows = [{"field": taken[0], "taken_as": taken[1], "items": 1}] if taken else None
    assert answer.get("taken_as") == rows


@pytest.mark.parametrize("name", ["profile", "network", "account_created_at", "creator_id"])
def test_null_is_absent(plane: PlatformPlane, name: str) -> None:
    """Many languages write null for an optional member that they do not have."""
    assert counted(plane.events(lines({**event(), name: None})).json) == {"counted": 1}


def test_an_unlike_ends_a_like_of_a_phone_that_is_ahead(plane: PlatformPlane) -> None:
    """A like of the near future is taken as of now, so what comes after it takes effect."""
    assert counted(plane.events(lines(event(occurred_at=ago(-290)))).json) == {"counted": 1}
    unlike = event(type="unlike", occurred_at=ago(-10))
    assert counted(plane.events(lines(unlike)).json) == {"uncounted": 1}


@pytest.mark.parametrize(("media_type", "spell"), [(JSON, array), (NDJSON, lines)])
def test_half_an_emoji_among_ten_thousand_events_costs_one(
    plane: PlatformPlane, media_type: str, spell: Any
) -> None:
    """Text that was cut inside a surrogate pair is the fault of its event alone."""
    batch = [event(account_id=f"account-{number}", profile=None) for number in range(10_000)]
    batch[7_777]["network"] = "caf_"
    answer = plane.events(spell(*batch).replace(b"caf_", b"caf\\ud83d"), media_type).json
    assert counted(answer) == {"counted": 9_999, "invalid": 1}
    (refused,) = answer["not_counted"]
    assert (refused["index"], refused["problem"]["message"]) == (7_777, "holds half a surrogate pair")


@pytest.mark.parametrize(("media_type", "spell"), [(JSON, array), (NDJSON, lines)])
def test_a_byte_order_mark_costs_no_event(plane: PlatformPlane, media_type: str, spell: Any) -> None:
    """Neither at the beginning of the batch nor, where files were joined, of a later line."""
    batch = spell(*(event(account_id=f"a-{number}") for number in range(3)))
    assert counted(plane.events(b"\xef\xbb\xbf" + batch, media_type).json) == {"counted": 3}
    if media_type == NDJSON:
        assert counted(plane.events(batch + b"\xef\xbb\xbf" + batch, media_type).json) == {"duplicate": 6}


def test_two_gzip_members_are_one_batch(plane: PlatformPlane) -> None:
    """As `cat a.gz b.gz` makes them, by either name of the coding and of lines."""
    one, two = (gzip.compress(lines(event(account_id=name))) for name in ("a", "b"))
    answer = plane.events(one + two, "application/jsonl", Content_Encoding="x-gzip")
    assert counted(answer.json) == {"counted": 2}


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
