"""Complete responses, and the bytes of those that no app gives."""

from collections.abc import Iterable
from email.utils import formatdate
from functools import lru_cache
from typing import Final, NamedTuple

from werkzeug.exceptions import HTTPException

from api.http.problems import REASON_PHRASES, problem_response

_MAX_JOINED_BYTES: Final = 65_536


class Reply(NamedTuple):
    """A response.

    Args:
        status: its code.
        head: its headers as they are sent, from `encode_headers`.
        body: its bytes; empty for HEAD.
        ends: whether the connection ends with it.
    """

    status: int
    head: bytes
    body: bytes
    ends: bool = False


def encode_headers(headers: Iterable[tuple[str, str]]) -> bytes:
    """Returns headers as they are sent, with their names in lower case.

    Raises:
        ValueError: a header holds a line break, or a character that is not of Latin-1.
    """
    lines = [f"{name.lower()}: {value}\r\n" for name, value in headers]
    head = "".join(lines).encode("latin-1")
    if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
        raise ValueError("a header holds a line break")
    return head


def problem_reply(error: Exception) -> Reply:
    """Returns a problem document, after which the connection ends."""
    response = problem_response(error)
    headers = {
        "content-type": response.media_type,
        "cache-control": "no-store",
        **response.headers,
        "content-length": str(len(response.body)),
    }
    return Reply(response.status, encode_headers(headers.items()), response.body, ends=True)


def write_reply(reply: Reply, status_line: bytes, now_seconds: float, *, ends: bool) -> list[bytes]:
    """Returns the bytes of a response of HTTP/1.1, in one part or two: a large body is not copied.

    Args:
        reply: the response.
        status_line: its first line, with its end.
        now_seconds: the time of the response: a reader takes what it shows for known by then.
        ends: whether the connection ends with it.
    """
    end = b"connection: close\r\n\r\n" if ends else b"\r\n"
    parts = (status_line, _write_date(int(now_seconds)), reply.head, end)
    if len(reply.body) <= _MAX_JOINED_BYTES:
        return [b"".join((*parts, reply.body))]
    return [b"".join(parts), reply.body]


def write_problem(error: HTTPException, now_seconds: float) -> list[bytes]:
    """Returns the bytes of a problem document, for what is no request."""
    reply = problem_reply(error)
    status_line = f"HTTP/1.1 {reply.status} {REASON_PHRASES.get(reply.status, '')}\r\n"
    return write_reply(reply, status_line.encode(), now_seconds, ends=True)


@lru_cache(1)
def _write_date(second: int) -> bytes:
    """Returns the header with a time."""
    return f"date: {formatdate(second, usegmt=True)}\r\n".encode()
