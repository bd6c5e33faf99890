"""The last step of an answer: from a value to bytes on the wire."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from api.http.etag import etag_of, is_known
from api.http.security_headers import security_headers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from api.http.operation import Answer

Headers = list[tuple[str, str]]


class WireResponse:
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


def wire_response(answer: Answer, environ: WSGIEnvironment, more_headers: Headers) -> WireResponse:
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
            return WireResponse(HTTPStatus.NOT_MODIFIED, headers, b"")
    headers += (("Content-Type", answer.media_type), ("Content-Length", str(len(answer.body))))
    return WireResponse(answer.status, headers, answer.body)
