"""Complete responses, and the bytes of those that no app gives."""

from email.utils import formatdate
from functools import lru_cache
from typing import Final, NamedTuple

from werkzeug.exceptions import HTTPException

from api.http.problems import REASON_PHRASES, problem_response

_MAX_JOINED_BYTES: Final = 65_536
Headers = list[tuple[bytes, bytes]]


class Reply(NamedTuple):
    """A response.

    Args:
        status: its code.
        headers: names in lower case, and values.
        body: its bytes; empty for HEAD.
        ends: whether the connection ends with it.
    """

    status: int
    headers: Headers
    body: bytes
    ends: bool = False


def problem_reply(error: Exception) -> Reply:
    """Returns a problem document, after which the connection ends."""
    response = problem_response(error)
    headers = {
        "content-type": response.media_type,
        "cache-control": "no-store",
        **response.headers,
        "content-length": str(len(response.body)),
    }
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return Reply(response.status, encoded, response.body, ends=True)


def write_reply(reply: Reply, status_line: bytes, more: Headers) -> list[bytes]:
    """Returns the bytes of a response of HTTP/1.1, in one part or two: a large body is not copied.

    Args:
        reply: the response.
        status_line: its first line, with its end.
        more: headers of the server.

    Raises:
        ValueError: a header holds a line break.
    """
    lines = [status_line, *(b"%b: %b\r\n" % header for header in (*more, *reply.headers))]
    if reply.ends:
        lines.append(b"connection: close\r\n")
    head = b"".join(lines)
    if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
        raise ValueError("a header holds a line break")
    if len(reply.body) <= _MAX_JOINED_BYTES:
        return [b"%b\r\n%b" % (head, reply.body)]
    return [head + b"\r\n", reply.body]


def write_problem(error: HTTPException, now_seconds: float) -> list[bytes]:
    """Returns the bytes of a problem document, for what is no request."""
    reply = problem_reply(error)
    status_line = f"HTTP/1.1 {reply.status} {REASON_PHRASES.get(reply.status, '')}\r\n"
    return write_reply(reply, status_line.encode(), [date_header(now_seconds)])


def date_header(now_seconds: float) -> tuple[bytes, bytes]:
    """Returns the header with the time of a response: a reader takes what it shows for known by then."""
    return b"date", _write_date(int(now_seconds))


@lru_cache(1)
def _write_date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()
