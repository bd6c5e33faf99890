"""Writes responses as the bytes of HTTP/1.1."""

from collections.abc import Callable, Iterable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from werkzeug.exceptions import HTTPException

from api.http.operation import Response
from api.http.problems import REASON_PHRASES, problem_response

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
MAX_JOINED_BYTES = 65_536
"""Head and body of a smaller response are sent with one call."""
_WITHOUT_LENGTH = ("204", "304")


def call_app(
    app: Callable[..., Iterable[bytes]], environ: dict[str, Any]
) -> tuple[str, list[tuple[str, str]], bytes]:
    """Calls a WSGI app; returns status line, headers and body."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> None:
        started.append((status, headers))

    body = b"".join(app(environ, start_response))
    status, headers = started[-1]
    return status, headers, body


def write_response(
    status: str, headers: list[tuple[str, str]], body: bytes, connection: str | None, now_seconds: float
) -> list[bytes]:
    """Returns the bytes of a response, in one part or two.

    Args:
        status: code and phrase.
        headers: of the response.
        body: of the response; empty for HEAD.
        connection: value of the Connection header; None leaves it out.
        now_seconds: the time, for the Date header.

    Raises:
        ValueError: a header holds a line break.
    """
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
    lines.append(f"Date: {_http_date(int(now_seconds))}")
    if connection:
        lines.append(f"Connection: {connection}")
    if not status.startswith(_WITHOUT_LENGTH) and not any(
        name.lower() == "content-length" for name, _ in headers
    ):
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    if head.count(b"\n") != len(lines) + 1 or head.count(b"\r") != len(lines) + 1:
        raise ValueError("a header holds a line break")
    return [head + body] if len(body) <= MAX_JOINED_BYTES else [head, body]


def write_problem(error: HTTPException, now_seconds: float) -> bytes:
    """Returns the bytes of a response to a request that no app has seen; the connection ends with it."""
    response: Response = problem_response(error)
    phrase = REASON_PHRASES.get(response.status, HTTPStatus(response.status).phrase)
    headers = [
        ("Content-Type", response.media_type),
        ("Cache-Control", "no-store"),
        *response.headers.items(),
    ]
    return b"".join(
        write_response(f"{response.status} {phrase}", headers, response.body, "close", now_seconds)
    )


@lru_cache(2)
def _http_date(now_seconds: int) -> str:
    return formatdate(now_seconds, usegmt=True)
