"""Bodies within bounds."""

from __future__ import annotations

import io
from threading import Event
from typing import Any

import pytest
from marshmallow import Schema
from werkzeug.exceptions import (
    HTTPException,
    LengthRequired,
    RequestEntityTooLarge,
    RequestTimeout,
    ServiceUnavailable,
    UnsupportedMediaType,
)

from api.http.operation import Body
from api.http.request_body import BodyReader
from privacy.errors import InvalidInputError

BODY = Body(Schema, None, max_bytes=10, encodings=("gzip",))


class Stalled:
    """A body that does not come until it is let go."""

    def __init__(self) -> None:
        self.let_go = Event()

    def read(self, _size: int) -> bytes:
        """Wait."""
        self.let_go.wait(10)
        return b""


class Broken:
    """A body whose connection breaks."""

    def read(self, _size: int) -> bytes:
        """Fail as a socket does."""
        raise ConnectionResetError


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
    assert BodyReader().read(environ(sent, wsgi__input=io.BytesIO(sent + b"next")), BODY) == sent


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
        BodyReader().read(given, BODY)
    assert given["wsgi.input"].tell() == 0


@pytest.mark.parametrize("length", ["-1", "+1", "1e1", "0x1", " 1", "1_0", "\u0661"])
def test_lengths_that_are_no_number(length: str) -> None:
    """A length in any spelling but plain digits is refused."""
    with pytest.raises(InvalidInputError):
        BodyReader().read(environ(CONTENT_LENGTH=length), BODY)


@pytest.mark.parametrize("stream", [io.BytesIO(b"01234"), Broken()])
def test_a_body_that_ends_early(stream: Any) -> None:
    """A body shorter than it says, or whose connection breaks, is no body."""
    with pytest.raises(InvalidInputError, match=r"ends \d+ bytes early"):
        BodyReader().read(environ(wsgi__input=stream), BODY)


def test_a_body_that_never_comes() -> None:
    """A stalled body is given up after its time, and only so many are waited for at once."""
    reader, stalled = BodyReader(timeout_seconds=0.01, max_waiting=2), Stalled()
    for _ in range(2):
        with pytest.raises(RequestTimeout):
            reader.read(environ(wsgi__input=stalled), BODY)
    with pytest.raises(ServiceUnavailable):
        reader.read(environ(), BODY)
    stalled.let_go.set()


def test_slots_are_given_back() -> None:
    """Bodies that came, or broke, do not count against those that are waited for."""
    reader = BodyReader(max_waiting=1)
    for _ in range(20):
        assert reader.read(environ(), BODY) == b"0123456789"
        with pytest.raises(InvalidInputError):
            reader.read(environ(wsgi__input=Broken()), BODY)


@pytest.mark.parametrize("changes", [{}, {"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked"}])
def test_a_body_where_none_belongs(changes: dict[str, Any]) -> None:
    """An operation without a body refuses one, with or without a length."""
    with pytest.raises(InvalidInputError, match="`body` is present"):
        BodyReader().read(environ(**changes), None)
    assert BodyReader().read(environ(b"", CONTENT_LENGTH="0"), None) == b""
