"""An operation: the single declaration of a route.

From a tuple of operations, `api.http.flask_app` builds the running app and `api.http.openapi` the OpenAPI
document; tests iterate over the same tuple. Operations are static: they hold no connection, and their
handlers receive what they need as arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from api.http.caller import Caller, Limited

if TYPE_CHECKING:
    from marshmallow import Schema
    from werkzeug.datastructures import Headers

JSON = "application/json"
NDJSON = "application/x-ndjson"
LOCATION = "Location"
PAGE = "page"
"""The tag of pages for people: they are not part of the API, so its description omits them."""

Services_contra = TypeVar("Services_contra", contravariant=True)
"""The dependencies of one plane's handlers: its readers and writers, wired together in the plane's app."""


class Request(msgspec.Struct, frozen=True):
    """A request that the HTTP edge has checked.

    Args:
        path: checked path arguments.
        query: the values loaded by the operation's query schema; empty without one.
        body: the raw body, within the operation's bounds; empty if the operation takes none.
        headers: request headers; lookups ignore case.
        key: who asks, whatever the credential; None where the operation is open.
        now_ms: when the request arrived, in ms since 1970 UTC; 0 for an operation without an API key.
        charge: counts this request as so many in all, before the work is done; raises TooManyRequests (429)
            if they exceed the limit. A 304 and an error of the server give all of them back.
    """

    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: bytes
    headers: Headers
    key: Caller | None
    now_ms: int
    charge: Callable[[int], None] = lambda _requests: None


class Response(msgspec.Struct, frozen=True):
    """The response of a handler.

    Args:
        body: the exact bytes.
        status: the HTTP status.
        media_type: of the body.
        max_age_seconds: how long the caller may cache it; None forbids storing it. Responses that may be
            cached carry an ETag and honour `If-None-Match`.
        headers: additional headers.
        etag: the ETag, if it is known beforehand; otherwise that of the body.
    """

    body: bytes
    status: int = 200
    media_type: str = JSON
    max_age_seconds: int | None = None
    headers: Mapping[str, str] = {}
    etag: str | None = None


def json_response(document: Any, *, status: int = 200, max_age_seconds: int | None = None) -> Response:
    """Return a struct or a plain document as a JSON response."""
    return Response(msgspec.json.encode(document), status=status, max_age_seconds=max_age_seconds)


@dataclass(frozen=True)
class Body:
    """The request body of an operation.

    Args:
        schema: describes the body, or each of its items.
        example: a body that the schema accepts.
        max_bytes: the maximum size, as sent.
        media_types: accepted values of Content-Type; each is documented with the same schema.
        encodings: accepted values of Content-Encoding; the handler decodes (`api.http.request_body`).
        many: whether the body is an array of items.
    """

    schema: type[Schema]
    example: Any
    max_bytes: int
    media_types: tuple[str, ...] = (JSON,)
    encodings: tuple[str, ...] = ()
    many: bool = False


@dataclass(frozen=True)
class ResponseDoc:
    """A documented response. `api.http.openapi` adds the problems that the HTTP edge can return.

    Args:
        description: a sentence.
        schema: of the body.
        example: of the body.
        media_type: of the body.
        headers: names of the headers that the handler sets, of `api.http.openapi.HEADERS`.
        line: of a line, where the caller may ask for NDJSON instead.
    """

    description: str
    schema: type[Schema] | None = None
    example: Any = None
    media_type: str = JSON
    headers: tuple[str, ...] = ()
    line: type[Schema] | None = None


@dataclass(frozen=True)
class Operation(Generic[Services_contra]):
    """The single source of truth for a route.

    Args:
        method: GET, PUT, POST or DELETE.
        path: as in OpenAPI, `/v1/videos/{video_id}/likes`.
        operation_id: a unique name; also the label in metrics and logs.
        summary: a few words.
        description: text for the API documentation.
        tag: `public`, `platform`, `service` or `PAGE`.
        scope: the scope that an API key must have; None opens the route to everyone.
        handler: handles a checked request.
        responses: documented responses by status.
        path_schema: fields of the path arguments.
        query_schema: fields of the query; without one, any query parameter is refused.
        header_schema: headers that the handler reads; for documentation only.
        body: the request body; without one, a body is refused.
        limited: what becomes of a reader that is limited to creators.
        rows: the list in the response whose items become rows where the caller asks for CSV, NDJSON or
            Parquet (`api.http.representation`); None for a response without such a list.
    """

    method: str
    path: str
    operation_id: str
    summary: str
    description: str
    tag: str
    scope: str | None
    handler: Callable[[Services_contra, Request], Response]
    responses: Mapping[int, ResponseDoc]
    path_schema: type[Schema] | None = None
    query_schema: type[Schema] | None = None
    header_schema: type[Schema] | None = None
    body: Body | None = None
    limited: Limited = "refused"
    rows: str | None = None
