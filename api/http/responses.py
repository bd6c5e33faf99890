"""The last step of an answer: from a value to bytes on the wire."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

from werkzeug.http import parse_etags

from api.http.operation import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CONTENT_SECURITY_POLICY = "Content-Security-Policy"

_SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Strict-Transport-Security", "max-age=31536000"),
)
_DATA_ONLY = (*_SECURITY_HEADERS, (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"))


def security_headers(present: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The headers to add; a page that is more than data has brought its own Content-Security-Policy."""
    return _SECURITY_HEADERS if CONTENT_SECURITY_POLICY in present else _DATA_ONLY


MAX_AGE_CAP_SECONDS = 300


def etag_of(body: bytes) -> str:
    """The strong ETag of a body, quotes included."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def is_known(if_none_match: str | None, etag: str) -> bool:
    """Whether the caller's If-None-Match holds the ETag; compared weakly, as RFC 9110 asks for GET."""
    if not if_none_match:
        return False
    known = parse_etags(if_none_match)
    return known.star_tag or known.contains_weak(etag.strip('"'))


def max_age_seconds(next_release_at_ms: int | None, now_ms: int) -> int:
    """How long a release stays current: until the next one, at most the cap; 0 when that is overdue."""
    if next_release_at_ms is None:
        return MAX_AGE_CAP_SECONDS
    return max(0, min(MAX_AGE_CAP_SECONDS, (next_release_at_ms - now_ms) // 1000))


Headers = list[tuple[str, str]]


class RawResponse:
    """A finished response: what Flask calls in the end.

    Its headers are complete and right, so it goes without werkzeug's response, which would take them apart
    and put them together again for a fifth of a read's whole time.

    Args:
        status: the HTTP status.
        headers: all of them.
        body: what follows them.
    """

    __slots__ = ("_body", "_headers", "_status")

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self._status = _STATUS_LINES[status]
        self._headers = headers
        self._body = body

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a WSGI server; HEAD gets no body."""
        start_response(self._status, self._headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [self._body]


_STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


def wire_response(answer: Response, environ: WSGIEnvironment, more_headers: Headers) -> RawResponse:
    """Finish an answer: validators, freshness, security headers; 304 if the caller has it already.

    Args:
        answer: what the handler or a problem says.
        environ: the request.
        more_headers: what is to be said beside it.
    """
    headers = [*answer.headers.items(), *more_headers, *security_headers(answer.headers)]
    if answer.max_age_seconds is None:
        headers.append(("Cache-Control", "no-store"))
    else:
        etag = etag_of(answer.body)
        headers += (
            ("ETag", etag),
            ("Cache-Control", f"private, max-age={answer.max_age_seconds}"),
            ("Vary", "Authorization"),
        )
        if is_known(environ.get("HTTP_IF_NONE_MATCH"), etag):
            return RawResponse(HTTPStatus.NOT_MODIFIED, headers, b"")
    headers += (("Content-Type", answer.media_type), ("Content-Length", str(len(answer.body))))
    return RawResponse(answer.status, headers, answer.body)
