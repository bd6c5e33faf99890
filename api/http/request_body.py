"""Reads a request body within its operation's bounds, and refuses one where none belongs."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from threading import BoundedSemaphore, Thread
from typing import Any

from werkzeug.exceptions import (
    LengthRequired,
    RequestEntityTooLarge,
    RequestTimeout,
    ServiceUnavailable,
    UnsupportedMediaType,
)
from werkzeug.http import parse_options_header

from api.http.operation import Body
from privacy.errors import InvalidInputError

_GZIP_WINDOW_BITS = 16 + zlib.MAX_WBITS
GZIP_RULE = "one complete gzip member (RFC 1952) and nothing after it"


def inflate(raw: bytes, max_bytes: int) -> bytes:
    """Return what one gzip member holds.

    Raises:
        InvalidInputError: it is not one complete gzip member.
        RequestEntityTooLarge: it inflates to more than `max_bytes`; inflation stops there.
    """
    inflater = zlib.decompressobj(_GZIP_WINDOW_BITS)
    try:
        inflated = inflater.decompress(raw, max_bytes + 1)
    except zlib.error as error:
        raise InvalidInputError("body", "is not gzip", GZIP_RULE) from error
    if len(inflated) > max_bytes:
        raise RequestEntityTooLarge(f"The body inflates to more than {max_bytes} bytes.")
    if not inflater.eof or inflater.unused_data:
        raise InvalidInputError("body", "ends early or goes on after its end", GZIP_RULE)
    return inflated


_MAX_DIGITS = 15


class BodyReader:
    """Reads bodies; one that never arrives costs a waiting thread, not one of the server's.

    Args:
        timeout_seconds: how long a body may take to arrive.
        at_once: most bodies that are waited for at a time.
    """

    def __init__(self, timeout_seconds: float = 30.0, at_once: int = 64) -> None:
        self._timeout_seconds = timeout_seconds
        self._slots = BoundedSemaphore(at_once)

    def read(self, environ: Mapping[str, Any], body: Body | None) -> bytes:
        """Return the body as sent; empty where the operation takes none.

        Args:
            environ: the WSGI environment.
            body: what the operation takes.

        Raises:
            InvalidInputError: a body where none belongs, or one shorter than it says.
            LengthRequired: no Content-Length (411): a length that is not known cannot be bounded.
            RequestEntityTooLarge: more than the operation takes (413).
            RequestTimeout: it did not arrive in time (408).
            ServiceUnavailable: too many bodies are waited for already (503).
            UnsupportedMediaType: another Content-Type or Content-Encoding than the operation takes (415).
        """
        if body is None:
            if environ.get("CONTENT_LENGTH") not in (None, "", "0") or "HTTP_TRANSFER_ENCODING" in environ:
                raise InvalidInputError("body", "is there", "no body with this operation")
            return b""
        _check_type(environ, body)
        length = _length(environ, body)
        raw = self._arrive(environ["wsgi.input"], length)
        if len(raw) < length:
            fault = f"ends {length - len(raw)} bytes early"
            raise InvalidInputError("body", fault, f"the {length} bytes of Content-Length")
        return raw

    def _arrive(self, stream: Any, length: int) -> bytes:
        """Wait for a body in a thread of its own: a server's read has no time limit."""
        if not self._slots.acquire(blocking=False):
            raise ServiceUnavailable("Too many bodies are arriving slowly; try again.", retry_after=1)
        arrived: list[bytes] = []

        def wait() -> None:
            try:
                arrived.append(stream.read(length))
            except OSError:  # the connection broke: what came of the body is no body
                arrived.append(b"")
            finally:
                self._slots.release()

        thread = Thread(target=wait, daemon=True)
        thread.start()
        thread.join(self._timeout_seconds)
        if not arrived:
            raise RequestTimeout("The body took too long to arrive.")
        return arrived[0]


def _check_type(environ: Mapping[str, Any], body: Body) -> None:
    media_type, _ = parse_options_header(environ.get("CONTENT_TYPE"))
    if media_type.lower() not in body.media_types:
        raise UnsupportedMediaType(f"Content-Type must be {' or '.join(body.media_types)}.")
    encodings = ("identity", *body.encodings)
    if environ.get("HTTP_CONTENT_ENCODING", "identity").lower() not in encodings:
        raise UnsupportedMediaType(f"Content-Encoding must be {' or '.join(encodings)}.")


def _length(environ: Mapping[str, Any], body: Body) -> int:
    stated: str = environ.get("CONTENT_LENGTH", "")
    if not stated:
        raise LengthRequired("State the body's size in Content-Length.")
    if not (stated.isascii() and stated.isdigit()):
        raise InvalidInputError("Content-Length", f"is {stated[:20]!r}", "a number of bytes")
    if len(stated) > _MAX_DIGITS or int(stated) > body.max_bytes:
        raise RequestEntityTooLarge(f"At most {body.max_bytes} bytes.")
    return int(stated)
