"""Reads request bodies: bytes within an operation's bounds, gzip, and strict JSON."""

import json
import zlib
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from werkzeug.exceptions import HTTPException, LengthRequired, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.http import parse_options_header

from api.http.operation import Body
from privacy.errors import InvalidInputError

RECEIVED_BODY = "likewise.body"
MAX_DEPTH = 16
JSON_RULE = (
    f"one JSON value in UTF-8 with distinct names, finite numbers and at most {MAX_DEPTH} levels (RFC 7493)"
)
MAX_INTEGER_DIGITS = 19
GZIP_RULE = "complete gzip members (RFC 1952) and nothing after them"
MAX_GZIP_MEMBERS = 10_000
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_GZIP_STEP = 64 * 1024
"""A member ends somewhere in such a step, and the rest of the step is copied."""
_CODING_NAMES: Final = {"x-gzip": "gzip"}
"""Names that mean the same as another one (RFC 9110, 8.4.1.3)."""
_GZIP_WINDOW_BITS = 16 + zlib.MAX_WBITS
_MAX_LENGTH_DIGITS = 15
_MAX_SHOWN_CHARACTERS = 40


def parse_json(raw: bytes, field: str = "body") -> Any:
    """Parse one JSON value and refuse what two parsers could read differently (RFC 8259, RFC 7493).

    Args:
        raw: the bytes.
        field: name of the value in an error.

    Raises:
        InvalidInputError: not UTF-8, not JSON, a repeated name, NaN or Infinity, a number out of range,
            half a surrogate pair, or nested too deeply.
    """
    try:
        # A parser may ignore a byte order mark (RFC 8259, 8.1).
        value = _DECODER.decode(raw.removeprefix(BYTE_ORDER_MARK).decode())
        _check_depth_and_text(value)
    except UnicodeDecodeError as error:
        raise InvalidInputError(field, f"is not UTF-8 at byte {error.start}", JSON_RULE) from error
    except UnicodeEncodeError as error:
        raise InvalidInputError(field, "holds half a surrogate pair", JSON_RULE) from error
    except RecursionError as error:
        raise InvalidInputError(field, "is nested too deeply", JSON_RULE) from error
    except json.JSONDecodeError as error:
        where = f"{error.msg.lower()} at character {error.pos}"
        raise InvalidInputError(field, f"is not JSON: {where}", JSON_RULE) from error
    except _RefusedError as error:
        raise InvalidInputError(field, str(error), JSON_RULE) from error
    return value


class _RefusedError(Exception):
    """The text is JSON to some parsers; refused here."""


def _distinct_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value] # add() returns None on purpose
        raise _RefusedError(f"names {twice[:_MAX_SHOWN_CHARACTERS]!r} twice in one object")
    return members


def _bounded_integer(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_INTEGER_DIGITS:
        raise _RefusedError(f"holds an integer of {len(digits)} digits")
    return int(digits)


def _finite_float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _RefusedError(f"holds {text[:_MAX_SHOWN_CHARACTERS]}, which is out of range")
    return number


def _no_constant(name: str) -> NoReturn:
    raise _RefusedError(f"holds {name}, which is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_distinct_names,
    parse_int=_bounded_integer,
    parse_float=_finite_float,
    parse_constant=_no_constant,
)


def _check_depth_and_text(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        if not level:
            return
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, str):
                item.encode()
        level = below
    raise _RefusedError(f"is nested deeper than {MAX_DEPTH} levels")


def content_coding(stated: str) -> str:
    """Return the content coding that a header names."""
    name = stated.lower()
    return _CODING_NAMES.get(name, name)


def inflate(raw: bytes, max_bytes: int) -> bytes:
    """Decompress gzip members, one after the other.

    Raises:
        InvalidInputError: they are not complete gzip members, or too many.
        RequestEntityTooLarge: they inflate to more than `max_bytes`; inflation stops there.
    """
    body, position, inflated, size = memoryview(raw), 0, [b""], 0
    for _ in range(MAX_GZIP_MEMBERS):
        inflater = zlib.decompressobj(_GZIP_WINDOW_BITS)
        while not inflater.eof:
            if position == len(body):
                raise InvalidInputError("body", "is incomplete gzip", GZIP_RULE)
            step = body[position : position + _GZIP_STEP]
            try:
                inflated.append(inflater.decompress(step, max_bytes - size + 1))
            except zlib.error as error:
                raise InvalidInputError("body", "is not gzip", GZIP_RULE) from error
            size += len(inflated[-1])
            if size > max_bytes:
                raise RequestEntityTooLarge(
                    f"The body inflates to more than {max_bytes} bytes, the limit of this operation."
                )
            position += len(step) - len(inflater.unused_data)
        if position == len(body):
            return b"".join(inflated)
    raise InvalidInputError("body", "is gzip of too many members", f"at most {MAX_GZIP_MEMBERS} members")


class BodyWantedError(BaseException):
    """A request is admitted and its body is wanted, which has not arrived.

    The server then collects the body, without a thread, and calls the app again. No handler of errors may
    catch this on the way to the server, hence the base class.

    Args:
        owner: whose body it is: the id of the API key.
    """

    def __init__(self, owner: str) -> None:
        super().__init__(owner)
        self.owner = owner


def read_body(environ: Mapping[str, Any], body: Body | None, owner: str = "") -> bytes:
    """Return the body as sent; empty if the operation takes none.

    Args:
        environ: the WSGI environment. The server puts the body, or why it will not come, under
            `RECEIVED_BODY`, and None before that; without that name the body is read from `wsgi.input`.
        body: the body that the operation takes; None if it takes none.
        owner: whose body it is: the id of the API key.

    Raises:
        BodyWantedError: the body is wanted and has not arrived.
        InvalidInputError: there is a body but the operation takes none, or it is shorter than announced.
        LengthRequired: Content-Length is missing (411); an unknown length cannot be bounded.
        RequestEntityTooLarge: the body is larger than the operation allows (413).
        RequestTimeout: the body did not arrive in time (408).
        ServiceUnavailable: too many bodies are arriving (503).
        UnsupportedMediaType: the operation does not take this Content-Type or Content-Encoding (415).
    """
    if body is None:
        if environ.get("CONTENT_LENGTH") not in (None, "", "0") or "HTTP_TRANSFER_ENCODING" in environ:
            raise InvalidInputError("body", "is present", "no body: this operation takes none")
        return b""
    _check_type(environ, body)
    length = _parse_length(environ, body)
    received = environ[RECEIVED_BODY] if RECEIVED_BODY in environ else environ["wsgi.input"].read(length)
    if received is None:
        raise BodyWantedError(owner)
    if isinstance(received, HTTPException):
        raise received
    raw: bytes = received
    if len(raw) < length:
        message = f"ends {length - len(raw)} bytes early"
        raise InvalidInputError("body", message, f"the {length} bytes announced by Content-Length")
    return raw


def _check_type(environ: Mapping[str, Any], body: Body) -> None:
    media_type, _ = parse_options_header(environ.get("CONTENT_TYPE"))
    if media_type.lower() not in body.media_types:
        raise UnsupportedMediaType(f"Content-Type must be {' or '.join(body.media_types)}.")
    encodings = ("identity", *body.encodings)
    if content_coding(environ.get("HTTP_CONTENT_ENCODING", "identity")) not in encodings:
        raise UnsupportedMediaType(f"Content-Encoding must be {' or '.join(encodings)}.")


def _parse_length(environ: Mapping[str, Any], body: Body) -> int:
    stated: str = environ.get("CONTENT_LENGTH", "")
    if not stated:
        raise LengthRequired("The Content-Length header is missing; it must state the size of the body.")
    if not (stated.isascii() and stated.isdigit()):
        raise InvalidInputError(
            "Content-Length", f"is {stated[:_MAX_SHOWN_CHARACTERS]!r}", "a number of bytes"
        )
    if len(stated) > _MAX_LENGTH_DIGITS or int(stated) > body.max_bytes:
        raise RequestEntityTooLarge(f"The body is too large; at most {body.max_bytes} bytes are accepted.")
    return int(stated)
