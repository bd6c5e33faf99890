"""Finishes responses: validators, freshness, security headers, and the bytes that are sent."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

from werkzeug.http import parse_etags

from api.http.compression import GZIP, accepts_gzip, compress, is_compressible
from api.http.operation import Response
from api.http.problems import REASON_PHRASES

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CONTENT_SECURITY_POLICY = "Content-Security-Policy"
MAX_AGE_CAP_SECONDS = 300
Headers = list[tuple[str, str]]

_STATUS_LINES = {status: f"{status} {phrase}" for status, phrase in REASON_PHRASES.items()}
_CODING_SUFFIX = re.compile(
    "(?:[-;:+._/]{1,3}(?:x-)?(?:gzip|gz|br|brotli|zstd|zst|deflate|df))?", re.IGNORECASE
)
"""What servers in front append to the tag of a response that they compress: Apache, Jetty, LiteSpeed."""
_SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_DATA_ONLY = (*_SECURITY_HEADERS, (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"))


def security_headers(present: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the headers to add; a page that is more than data brings its own Content-Security-Policy."""
    return _SECURITY_HEADERS if CONTENT_SECURITY_POLICY in present else _DATA_ONLY


def etag_of(body: bytes) -> str:
    """Return the strong ETag of a body, quotes included."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def matches_etag(if_none_match: str | None, etag: str) -> bool:
    """Return whether If-None-Match contains the ETag, by weak comparison (RFC 9110, 13.1.2).

    A tag that a compressing proxy has marked is the same: it was made of the same bytes.
    """
    if not if_none_match:
        return False
    known = parse_etags(if_none_match)
    tag = etag.strip('"')
    return known.star_tag or any(
        each.startswith(tag) and _CODING_SUFFIX.fullmatch(each, len(tag))
        for each in known.as_set(include_weak=True)
    )


def max_age_seconds(next_release_at_ms: int | None, now_ms: int) -> int:
    """Return how long a release may be cached: until the next one, capped; 0 when that is overdue."""
    if next_release_at_ms is None:
        return MAX_AGE_CAP_SECONDS
    return max(0, min(MAX_AGE_CAP_SECONDS, (next_release_at_ms - now_ms) // 1000))


class RawResponse:
    """A finished response, which Flask calls to send it.

    Its headers are complete, so it does without werkzeug's response class, which would parse and rebuild
    them at the cost of a fifth of a read's whole time.

    Args:
        status: the HTTP status.
        headers: all headers.
        body: the exact bytes.
    """

    __slots__ = ("_body", "_headers", "_status")

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self._status = _STATUS_LINES[status]
        self._headers = headers
        self._body = body

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Send the response; the response to HEAD has no body."""
        start_response(self._status, self._headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [self._body]


def finish_response(
    response: Response, environ: WSGIEnvironment, settle: Callable[[int], Headers]
) -> RawResponse:
    """Add validators, freshness and security headers; make it a 304 if the caller has the current version.

    Args:
        response: the response of a handler, or a problem.
        environ: the request.
        settle: takes the final status, and returns headers to add.
    """
    headers = [*response.headers.items(), *security_headers(response.headers)]
    body, suffix = response.body, ""
    if is_compressible(response.media_type, len(body)):
        headers.append(("Vary", "Accept-Encoding"))
        if accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")):
            headers.append(("Content-Encoding", GZIP))
            suffix = f"-{GZIP}"  # other bytes: a strong tag of their own
    if response.max_age_seconds is None:
        headers.append(("Cache-Control", "no-store"))
    else:
        etag = response.etag or etag_of(body)
        headers += (
            ("ETag", f'{etag[:-1]}{suffix}"'),
            ("Cache-Control", f"private, max-age={response.max_age_seconds}"),
            ("Vary", "Authorization"),
        )
        if matches_etag(environ.get("HTTP_IF_NONE_MATCH"), etag):
            status = HTTPStatus.NOT_MODIFIED
            return RawResponse(status, [*headers, *settle(status)], b"")
    if suffix:
        body = compress(body, is_kept=response.etag is not None)
    headers += settle(response.status)
    headers += (("Content-Type", response.media_type), ("Content-Length", str(len(body))))
    return RawResponse(response.status, headers, body)
