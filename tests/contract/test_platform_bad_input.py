"""Invalid input to the platform plane: a clear problem document or a verdict, and never a 500."""

import gzip
import zlib
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.platform.batch import MAX_BATCH_BYTES, MAX_ITEMS
from tests.support.event_texts import ARRAYS, LINES, MIXED_LINES, damaged
from tests.support.platform_plane import (
    JSON,
    NDJSON,
    PlatformPlane,
    Reply,
    ago,
    array,
    event,
    lines,
    plane_on,
)
from tests.support.profiles import FIXED_FIXTURES, examples
from tests.support.redis_server import Store

BATCH_ROUTES = ["/v1/events", "/v1/videos"]
A = lines(event())


@pytest.fixture
def plane(store: Store) -> PlatformPlane:
    """The app, with one registered video."""
    plane = plane_on(store)
    plane.register("v-1")
    return plane


def assert_problem(response: Reply, status: int) -> Any:
    """Check that a response is a problem document with this status, and return it."""
    assert response.status_code == status, response.data
    assert response.content_type == "application/problem+json"
    problem = response.json
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem


@pytest.mark.parametrize("path", BATCH_ROUTES)
@pytest.mark.parametrize(
    "body",
    [
        *(
            b"[",
            b"[{]",
            b"[1,]",
            b"]",
            b"[}",
            b"nonsense",
            b"[] []",
            b"[NaN]",
            b"[Infinity]",
            b"[01]",
            b"['a']",
        ),
        *(
            b"{}",
            b"null",
            b"1",
            b'"text"',
            b"[]",
            b" ",
            b"\xff\xfe[\x00]\x00",
            b"\xef\xbb\xbf{}",
            b"[\x00]",
        ),
        *(b"[" * 100_000, b'[{"a":' * 50_000, b'["' + b"a" * 100_000),
    ],
    ids=lambda body: repr(body[:24]),
)
def test_a_batch_that_is_not_an_array_is_refused_as_a_whole(
    plane: PlatformPlane, path: str, body: bytes
) -> None:
    """400, with field, message and expected value."""
    problem = assert_problem(plane.send("POST", path, body, JSON), 400)
    assert problem["field"] == "body"
    assert problem["message"]
    assert problem["expected"]


@pytest.mark.parametrize("path", BATCH_ROUTES)
@pytest.mark.parametrize(
    "item",
    [
        *(
            b"{",
            b"{}",
            b"[]",
            b"null",
            b"1",
            b'"text"',
            b"NaN",
            b"nonsense",
            b"\xff",
            b"\x00",
            b'{"a":1,"a":2}',
        ),
        *(
            b'{"a":' + b"9" * 10_000 + b"}",
            b'{"a":1e999}',
            b'{"a":"\\ud800"}',
            b'{"\\ud800":1}',
            b'{"a":"\x01"}',
        ),
        *(
            b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
            b"[" * 100_000,
            b'{"' + b"a" * 100_000 + b'":1}',
            b"\xef\xbb\xbf{}",
        ),
    ],
    ids=lambda item: repr(item[:24]),
)
def test_an_unreadable_line_is_invalid_alone(plane: PlatformPlane, path: str, item: bytes) -> None:
    """It gets a verdict with field, message and expected value; the next line gets its own."""
    good = A if path == "/v1/events" else lines({"video_id": "v-1", "posted_at": ago(3600)})
    answer = plane.send("POST", path, item + b"\n" + good, NDJSON)
    assert answer.status_code == 200
    listed = answer.json.get("not_counted") or answer.json.get("not_registered")
    assert answer.json["received"] == 2
    assert answer.json["verdicts"]["invalid"] == 1
    assert [item["index"] for item in listed] == [0]
    assert all(len(text) < 500 for text in listed[0]["problem"].values())


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("type", ["repost", "Like", "", 1, None, ["like"], True]),
        (
            "account_id",
            ["", "a b", "a" * 129, "{a}", "a\n", "\u00e9", "e\u0301", "\x00", 7, 7.0, None, ["a"], {}],
        ),
        ("video_id", ["", ".", "..", "a/b", "a" * 129, "{a}", "\u00e9", 7, None, False]),
        ("occurred_at", ["2026-05-03T14:07:31", "2026-05-03", "", 1777817251, 1777817251.5, None, "now"]),
        (
            "occurred_at",
            ["2026-05-03T24:00:00Z", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "99999-01-01T00:00:00Z"],
        ),
        ("occurred_at", [ago(-301), "2999-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00"]),
        ("occurred_at", ["2016-08-31T23:59:59Z", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"]),
        (
            "profile",
            ["text", 1, [1], {"age_band": 25}],
        ),
        (
            "profile",
            [{"age_band": ["18-24"]}, {"age_band": "8-12"}, {"age_band": "x" * 60_000}],
        ),
        ("email", ["person@example.org"]),
        ("", [1]),
    ],
)
def test_a_wrong_member_makes_its_event_invalid(plane: PlatformPlane, field: str, values: list[Any]) -> None:
    """The verdict names the member; nothing is coerced, and the events around it are counted."""
    for number, value in enumerate(values):
        around = [
            event(account_id=f"before-{number}"),
            event() | {field: value},
            event(account_id=f"after-{number}"),
        ]
        for spell, media_type in ((lines, NDJSON), (array, JSON)):
            answer = plane.events(spell(*around), media_type).json
            (listed,) = [item for item in answer["not_counted"] if item["verdict"] != "duplicate"]
            assert (listed["index"], listed["verdict"]) == (1, "invalid"), value
            assert listed["problem"]["field"].split(".")[0] == (field or "body"), value


@pytest.mark.parametrize("name", ["type", "account_id", "video_id", "occurred_at"])
def test_a_missing_member_makes_its_event_invalid(plane: PlatformPlane, name: str) -> None:
    """The verdict names the missing member."""
    problem = plane.events(lines(event(**{name: None}))).json["not_counted"][0]["problem"]
    assert (problem["field"], problem["message"]) == (name, "is missing")


@pytest.mark.parametrize("path", BATCH_ROUTES)
def test_more_items_than_a_batch_holds_are_refused(plane: PlatformPlane, path: str) -> None:
    """413 for one item beyond the limit, in either form of a batch; nothing of it is stored."""
    for item in (b"{}", A.strip()):
        items = [item] * (MAX_ITEMS + 1)
        assert_problem(plane.send("POST", path, b"\n".join(items), NDJSON), 413)
        assert_problem(plane.send("POST", path, b"[" + b",".join(items) + b"]", JSON), 413)


@pytest.mark.parametrize("path", BATCH_ROUTES)
def test_a_body_beyond_its_bound_is_refused(plane: PlatformPlane, path: str) -> None:
    """413 for one byte beyond the limit, as sent or inflated; a batch of exactly the limit is read."""
    most = b" " * MAX_BATCH_BYTES
    assert_problem(plane.send("POST", path, most, NDJSON), 400)
    assert_problem(plane.send("POST", path, most + b" ", NDJSON), 413)
    packed = gzip.compress(most, 1)
    assert_problem(plane.send("POST", path, packed, NDJSON, Content_Encoding="gzip"), 400)
    assert_problem(
        plane.send("POST", path, gzip.compress(most + b" ", 1), NDJSON, Content_Encoding="gzip"), 413
    )


def test_a_gzip_bomb_is_not_inflated(plane: PlatformPlane) -> None:
    """A small body that inflates to a hundred times the limit is a 413, before its missing end is met."""
    packer = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    begin = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    part = packer.compress(bytes(MAX_BATCH_BYTES)) + packer.flush(zlib.Z_FULL_FLUSH)
    bomb = begin + 100 * part
    assert len(bomb) < MAX_BATCH_BYTES
    assert_problem(plane.events(bomb, Content_Encoding="gzip"), 413)


@pytest.mark.parametrize(
    "body",
    [
        A,
        gzip.compress(A)[:-1],
        gzip.compress(A) + b"x",
        gzip.compress(A) * 2 + b"x",
        gzip.compress(A)[:10],
        b"\x1f\x8b",
    ],
    ids=["plain", "truncated", "trailing", "trailing two", "header", "magic"],
)
def test_a_body_that_is_not_gzip_is_refused(plane: PlatformPlane, body: bytes) -> None:
    """400, and nothing of it is stored."""
    assert_problem(plane.events(body, Content_Encoding="gzip"), 400)


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "", "application/json-seq", "json"])
@pytest.mark.parametrize("path", ["/v1/events", "/v1/videos", "/v1/videos/v-1"])
def test_another_content_type_is_refused(plane: PlatformPlane, path: str, media_type: str) -> None:
    """415."""
    assert_problem(plane.send("PUT" if path.endswith("v-1") else "POST", path, A, media_type), 415)


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd", "x"])
def test_another_content_encoding_is_refused(plane: PlatformPlane, encoding: str) -> None:
    """415."""
    assert_problem(plane.events(A, Content_Encoding=encoding), 415)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP"])
def test_names_of_encodings_know_no_case(plane: PlatformPlane, encoding: str) -> None:
    """RFC 9110: content codings are compared without regard to case."""
    assert plane.events(gzip.compress(A), Content_Encoding=encoding).json["verdicts"]["counted"] == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/events", 405),
        ("DELETE", "/v1/videos/v-1", 405),
        ("POST", "/v1/videos/v-1", 405),
        ("POST", "/v1/nothing", 404),
        ("POST", "/v1/events/", 404),
        ("POST", "//v1/events", 404),
        ("POST", "/v1/events?account=1", 400),
    ],
)
def test_other_routes_and_queries_are_refused(
    plane: PlatformPlane, method: str, path: str, status: int
) -> None:
    """Input outside the contract is a problem, never a guess."""
    assert_problem(plane.send(method, path, A, NDJSON), status)


@pytest.fixture(scope="module")
def fuzzed(shared_store: Store) -> PlatformPlane:
    """The app on a store that fuzzing fills."""
    shared_store.flush()
    return plane_on(shared_store)


@settings(max_examples=examples(150, 3_000), suppress_health_check=FIXED_FIXTURES)
@given(
    body=damaged(LINES) | damaged(ARRAYS) | MIXED_LINES | st.binary(max_size=200),
    media_type=st.sampled_from([JSON, NDJSON, f"{NDJSON}; charset=utf-8"]),
    method_and_path=st.sampled_from(
        [("POST", "/v1/events"), ("POST", "/v1/videos"), ("PUT", "/v1/videos/v-1")]
    ),
)
@example(b'[{"\\udfff":1}]', JSON, ("POST", "/v1/videos"))
def test_no_bytes_cause_a_defect(
    fuzzed: PlatformPlane, body: bytes, media_type: str, method_and_path: tuple[str, str]
) -> None:
    """Any bytes on any route give a success or a 4xx problem, and no defect is logged."""
    response = fuzzed.send(*method_and_path, body, media_type)
    if response.status_code >= 400:
        assert_problem(response, response.status_code)
        assert response.status_code < 500
    else:
        answer = response.json
        assert sum(answer.get("verdicts", {"": 0}).values()) == answer.get("received", 0)
