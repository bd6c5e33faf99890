"""Reads a request body within its operation's bounds, and refuses one where none belongs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from werkzeug.exceptions import (
    LengthRequired,
    RequestEntityTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
)

from privacy.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Request

    from api.http.operation import Body

BODY_TIMEOUT_SECONDS = 30.0
_CHUNK_BYTES = 65_536


def read_body(
    request: Request, body: Body | None, monotonic_seconds: Callable[[], float] = time.monotonic
) -> bytes:
    """Return the body as sent; empty where the operation takes none.

    Raises:
        InvalidInputError: a body where none belongs, or one shorter than it says.
        LengthRequired: no Content-Length (411): a length that is not known cannot be bounded.
        RequestEntityTooLarge: more than the operation takes (413).
        RequestTimeout: it did not arrive in time (408).
        UnsupportedMediaType: another Content-Type or Content-Encoding than the operation takes (415).
    """
    length = request.content_length
    if body is None:
        if length or "Transfer-Encoding" in request.headers:
            raise InvalidInputError("body", "is there", "no body with this operation")
        return b""
    _check_type(request, body)
    if length is None:
        raise LengthRequired("State the body's size in Content-Length.")
    if length > body.max_bytes:
        raise RequestEntityTooLarge(f"The body has {length} bytes; at most {body.max_bytes}.")
    return _read(request, length, monotonic_seconds)


def _check_type(request: Request, body: Body) -> None:
    if request.mimetype not in body.media_types:
        raise UnsupportedMediaType(f"Content-Type must be {' or '.join(body.media_types)}.")
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding not in ("identity", *body.encodings):
        raise UnsupportedMediaType(f"Content-Encoding must be {' or '.join(('identity', *body.encodings))}.")


def _read(request: Request, length: int, monotonic_seconds: Callable[[], float]) -> bytes:
    deadline = monotonic_seconds() + BODY_TIMEOUT_SECONDS
    chunks = []
    missing = length
    while missing:
        chunk = request.environ["wsgi.input"].read(min(missing, _CHUNK_BYTES))
        if not chunk:
            raise InvalidInputError(
                "body", f"ends {missing} bytes early", f"the {length} bytes of Content-Length"
            )
        if monotonic_seconds() > deadline:
            raise RequestTimeout("The body took too long to arrive.")
        chunks.append(chunk)
        missing -= len(chunk)
    return b"".join(chunks)
