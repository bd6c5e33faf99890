"""An operation: everything about one route, said once.

From a tuple of operations `api.http.app` builds the running app and `api.http.openapi` the OpenAPI document;
tests walk over the same tuple. Operations are static: they hold no connection, and their handlers get what
they need as arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from api.http.api_key_reader import KeyRecord

if TYPE_CHECKING:
    from marshmallow import Schema
    from werkzeug.datastructures import Headers

JSON = "application/json"
PAGE = "page"
"""The tag of pages for people: not part of the API, so not in its description."""

Services_contra = TypeVar("Services_contra", contravariant=True)
"""What the handlers of one plane work with: its readers and writers, wired together in the plane's app."""


class Request(msgspec.Struct, frozen=True):
    """One request after the edge has checked it.

    Args:
        path: checked path arguments.
        query: what the operation's query schema loaded; empty without one.
        body: the raw body, within the operation's bounds; empty without one.
        headers: request headers, looked up without regard to case.
        key: the caller's key; None where the operation is open.
        now_ms: when the request arrived, in ms since 1970 UTC.
    """

    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: bytes
    headers: Headers
    key: KeyRecord | None
    now_ms: int


class Response(msgspec.Struct, frozen=True):
    """What a handler answers.

    Args:
        body: the exact bytes.
        status: the HTTP status.
        media_type: of the body.
        max_age_seconds: how long the caller may keep it; None forbids to store it. Answers that may be kept
            carry an ETag and heed `If-None-Match`.
        headers: further headers.
    """

    body: bytes
    status: int = 200
    media_type: str = JSON
    max_age_seconds: int | None = None
    headers: Mapping[str, str] = {}


def json_answer(document: Any, *, status: int = 200, max_age_seconds: int | None = None) -> Response:
    """Answer a struct or plain document as JSON."""
    return Response(msgspec.json.encode(document), status=status, max_age_seconds=max_age_seconds)


@dataclass(frozen=True)
class Body:
    """The request body of an operation.

    Args:
        schema: what it must be.
        example: a body that the schema accepts.
        max_bytes: the largest body, as sent.
        media_types: accepted values of Content-Type; every one is documented with the same schema.
        encodings: accepted values of Content-Encoding; the handler decodes (`api.http.request_body`).
        many: an array of what the schema describes.
    """

    schema: type[Schema]
    example: Any
    max_bytes: int
    media_types: tuple[str, ...] = (JSON,)
    encodings: tuple[str, ...] = ()
    many: bool = False


@dataclass(frozen=True)
class ResponseDoc:
    """A documented response. Problem responses that the edge gives are added by `api.http.openapi`."""

    description: str
    schema: type[Schema] | None = None
    example: Any = None
    media_type: str = JSON


@dataclass(frozen=True)
class Operation(Generic[Services_contra]):
    """The single source of truth of a route.

    Args:
        method: GET, PUT, POST or DELETE.
        path: as in OpenAPI, `/v1/videos/{video_id}/likes`.
        operation_id: unique name; also the label in metrics and logs.
        summary: a few words.
        description: what a reader of the docs needs to know.
        tag: `public`, `platform`, `service` or `PAGE`.
        scope: the scope that a key must have; None opens the route to everybody.
        handler: answers a checked call.
        responses: by status.
        path_schema: fields of the path arguments.
        query_schema: fields of the query; without one any query parameter is refused.
        header_schema: headers that the handler reads, for the description alone.
        body: the request body; without one a body is refused.
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
