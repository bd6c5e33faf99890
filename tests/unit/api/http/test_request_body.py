"""Bodies within bounds."""

import gzip
import io
import tracemalloc
from typing import Any

import pytest
from marshmallow import Schema
from werkzeug.exceptions import (
    HTTPException,
    LengthRequired,
    RequestEntityTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
)

from api.http.operation import Body
from api.http.request_body import (
    MAX_GZIP_MEMBERS,
    RECEIVED_BODY,
    BodyWantedError,
    inflate,
    parse_json,
    read_body,
)
from privacy.errors import InvalidInputError

BODY = Body(Schema, None, max_bytes=10, encodings=("gzip",))


def environ(sent: bytes = b"0123456789", **changes: Any) -> dict[str, Any]:
    """A request with a JSON body; a change to None leaves a variable out."""
    whole = {
        "CONTENT_TYPE": "application/json; charset=utf-8",
        "CONTENT_LENGTH": str(len(sent)),
        "wsgi.input": io.BytesIO(sent),
    } | {name.replace("__", "."): value for name, value in changes.items()}
    return {name: value for name, value in whole.items() if value is not None}


@pytest.mark.parametrize("sent", [b"", b"a", b"0123456789"])
def test_a_body_within_its_bounds(sent: bytes) -> None:
    """A body of up to the largest size is read as it was sent, and no byte after it."""
    assert read_body(environ(sent, wsgi__input=io.BytesIO(sent + b"next")), BODY) == sent


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"CONTENT_LENGTH": "11"}, RequestEntityTooLarge),
        ({"CONTENT_LENGTH": "9" * 5000}, RequestEntityTooLarge),
        ({"CONTENT_LENGTH": None}, LengthRequired),
        ({"CONTENT_LENGTH": ""}, LengthRequired),
        ({"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked"}, LengthRequired),
        ({"CONTENT_TYPE": None}, UnsupportedMediaType),
        ({"CONTENT_TYPE": "text/plain"}, UnsupportedMediaType),
        ({"CONTENT_TYPE": "application/json+x"}, UnsupportedMediaType),
        ({"HTTP_CONTENT_ENCODING": "br"}, UnsupportedMediaType),
        ({"HTTP_CONTENT_ENCODING": "gzip, gzip"}, UnsupportedMediaType),
    ],
)
def test_bodies_that_are_refused_unread(changes: dict[str, Any], error: type[HTTPException]) -> None:
    """Too large, without a length, or of another type: refused before a byte of it is read."""
    given = environ(**changes)
    with pytest.raises(error):
        read_body(given, BODY)
    assert given["wsgi.input"].tell() == 0


@pytest.mark.parametrize("length", ["-1", "+1", "1e1", "0x1", " 1", "1_0", "\u0661"])
def test_invalid_lengths(length: str) -> None:
    """A length in any spelling but plain digits is refused."""
    with pytest.raises(InvalidInputError):
        read_body(environ(CONTENT_LENGTH=length), BODY)


def test_a_body_that_ends_early() -> None:
    """A body that is shorter than announced is refused."""
    with pytest.raises(InvalidInputError, match=r"ends 5 bytes early"):
        read_body(environ(wsgi__input=io.BytesIO(b"01234")), BODY)


def test_a_body_that_has_not_arrived_is_wanted() -> None:
    """The server learns whose body is wanted, and that only once its type and length are right."""
    with pytest.raises(BodyWantedError) as wanted:
        read_body({**environ(), RECEIVED_BODY: None}, BODY, "key-1")
    assert wanted.value.owner == "key-1"
    with pytest.raises(RequestEntityTooLarge):
        read_body({**environ(CONTENT_LENGTH="11"), RECEIVED_BODY: None}, BODY)
    assert read_body({**environ(), RECEIVED_BODY: b"9876543210"}, BODY) == b"9876543210"


def test_a_body_that_will_not_come() -> None:
    """The reason that the server gives is the response."""
    with pytest.raises(RequestTimeout):
        read_body({**environ(), RECEIVED_BODY: RequestTimeout()}, BODY)


@pytest.mark.parametrize("changes", [{}, {"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked"}])
def test_a_body_where_none_belongs(changes: dict[str, Any]) -> None:
    """An operation without a body refuses one, with or without a length."""
    with pytest.raises(InvalidInputError, match="`body` is present"):
        read_body(environ(**changes), None)
    assert read_body(environ(b"", CONTENT_LENGTH="0"), None) == b""


@pytest.mark.parametrize("body", [b"", b"a", b"x" * 100_000])
def test_round_trip(body: bytes) -> None:
    """One gzip member is inflated to its content, up to and including the limit."""
    assert inflate(gzip.compress(body), len(body)) == body


def test_gzip_members_are_read_one_after_the_other() -> None:
    """As `cat` and `bgzip` write them; up to the largest number, and with one limit over all."""
    members = [gzip.compress(bytes([index]) * 70_000) for index in range(3)] + [gzip.compress(b"")]
    whole = b"".join(bytes([index]) * 70_000 for index in range(3))
    assert inflate(b"".join(members), len(whole)) == whole
    with pytest.raises(RequestEntityTooLarge):
        inflate(b"".join(members), len(whole) - 1)
    assert inflate(gzip.compress(b"x") * MAX_GZIP_MEMBERS, MAX_GZIP_MEMBERS) == b"x" * MAX_GZIP_MEMBERS


def test_a_byte_order_mark_is_passed_over() -> None:
    """RFC 8259 lets a parser ignore one at the beginning."""
    assert parse_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_an_exploding_body_is_cut_off() -> None:
    """A body that would inflate to 200 MB is refused without using more memory than the limit."""
    bomb = gzip.compress(bytes(200_000_000))
    tracemalloc.start()
    with pytest.raises(RequestEntityTooLarge):
        inflate(bomb, 1_000_000)
    assert tracemalloc.get_traced_memory()[1] < 4_000_000
    tracemalloc.stop()


NO_MEMBER = {
    "nothing": b"",
    "plain": b"plain",
    "cut short": gzip.compress(b"body")[:-1],
    "wrong checksum": gzip.compress(b"body")[:-8] + bytes(8),
    "more behind it": gzip.compress(b"body") + b"more",
    "more behind two": gzip.compress(b"body") * 2 + b"more",
    "the second cut short": (gzip.compress(b"body") * 2)[:-1],
    "too many members": gzip.compress(b"") * (MAX_GZIP_MEMBERS + 1),
}


@pytest.mark.parametrize("case", NO_MEMBER)
def test_not_a_gzip_member(case: str) -> None:
    """Bytes that are not exactly one complete, undamaged gzip member are refused."""
    with pytest.raises(InvalidInputError, match=r"^`body` "):
        inflate(NO_MEMBER[case], 100)


REFUSED = {
    b"": "is not JSON",
    b"{": "is not JSON",
    b'{"a": 1,}': "is not JSON",
    b"{'a': 1}": "is not JSON",
    b"1 2": "is not JSON",
    b'"\x01"': "is not JSON",
    b"1\xef\xbb\xbf": "is not JSON",
    b"\xef\xbb\xbf\xef\xbb\xbf1": "is not JSON",
    b'"\xff"': "is not UTF-8 at byte 1",
    '"a"'.encode("utf-16"): "is not UTF-8",
    b'{"a": 1, "a": 1}': "names 'a' twice",
    b'{"b": [{"a": 1, "a": 2}]}': "names 'a' twice",
    b'{"a": 1, "\\u0061": 2}': "names 'a' twice",
    b"NaN": "holds NaN",
    b'{"a": -Infinity}': "holds -Infinity",
    b"1e999": "holds 1e999",
    b"1" * 20: "holds an integer of 20 digits",
    b"-" + b"1" * 5000: "holds an integer of 5001 digits",
    b"[" * 17 + b"]" * 17: "is nested deeper than 16 levels",
    b'{"a":' * 17 + b"1" + b"}" * 17: "is nested deeper than 16 levels",
    b"[" * 100_000: "is nested too deeply",
    b'"\\ud800"': "holds half a surrogate pair",
    b'{"\\udc00": 1}': "holds half a surrogate pair",
}


@pytest.mark.parametrize(("raw", "message"), REFUSED.items(), ids=lambda case: repr(case)[:40])
def test_ambiguous_json_is_refused(raw: bytes, message: str) -> None:
    """Anything but plain, unambiguous JSON is refused, and the message is named."""
    with pytest.raises(InvalidInputError, match=f"^`body` {message}") as caught:
        parse_json(raw)
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a": [1, -2.5, true, null, "\\ud83d\\ude00"]}', {"a": [1, -2.5, True, None, "\U0001f600"]}),
        (b" 9223372036854775807 ", 2**63 - 1),
        (b"[" * 16 + b"]" * 16, [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]),
        ('{"é": "\u2028"}'.encode(), {"é": "\u2028"}),
    ],
)
def test_plain_json(raw: bytes, value: object) -> None:
    """Plain JSON is read as it is."""
    assert parse_json(raw) == value
