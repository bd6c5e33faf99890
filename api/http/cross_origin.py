"""Lets pages in a browser read a plane, from the origins that an operator has listed (Fetch, CORS protocol).

Without a list nothing is sent, and browsers keep pages out. A listed page still needs an API key: cookies and
other credentials of a browser are never asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from api.http.caller import ORIGIN_RULE, is_origin, split_list
from api.http.middleware import context_of
from privacy.errors import StoreError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

PREFLIGHT = "preflight"
"""The operation id of the question that a browser asks before it reads."""
PREFLIGHT_SECONDS = 600
_EXPOSED = (
    "Content-Encoding, ETag, Likewise-Signature, Link, Location, Next-Cursor, RateLimit, RateLimit-Policy, "
    "Retry-After, WWW-Authenticate"
)
_PREFLIGHT_HEADERS = (
    ("Access-Control-Allow-Methods", "GET, HEAD, POST"),
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, If-None-Match"),
    ("Access-Control-Max-Age", str(PREFLIGHT_SECONDS)),
    ("Cache-Control", "no-store"),
    ("Content-Length", "0"),
)


def parse_origins(name: str, text: str) -> frozenset[str]:
    """Returns the origins of a list that is separated by commas.

    Args:
        name: of the setting, for the message.
        text: the list; an empty one allows none.

    Raises:
        StoreError: a part of it is no origin.
    """
    origins = split_list(text)
    for origin in origins:
        if not is_origin(origin):
            raise StoreError(f"{name} lists {origin!r}, which is no origin: write {ORIGIN_RULE}")
    return frozenset(origins)


class CrossOriginMiddleware:
    """Wraps a WSGI app.

    Args:
        app: the app to wrap.
        origins: the origins whose pages may read it.
    """

    def __init__(self, app: WSGIApplication, origins: frozenset[str]) -> None:
        self._app = app
        self._origins = origins

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Handle a request."""
        # A cache must not hand the response for one origin, or for none, to another.
        headers = [("Vary", "Origin")]
        origin = environ.get("HTTP_ORIGIN")
        if origin in self._origins:
            headers += (
                ("Access-Control-Allow-Origin", origin),
                ("Access-Control-Expose-Headers", _EXPOSED),
            )
            if environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
                context_of(environ).operation_id = PREFLIGHT
                start_response("204 No Content", [*headers, *_PREFLIGHT_HEADERS])
                return []

        def start(status: str, own: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(status, own + headers, exc_info)

        return self._app(environ, start)
