"""Builds the OpenAPI 3.1 document of a tuple of operations; apispec turns the schemas into JSON Schema."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, fields

from api.http.arguments import IdentifierList, NameList
from api.http.operation import JSON, LOCATION, NDJSON, PAGE, Body, Operation, ResponseDoc
from api.http.problems import PROBLEM_JSON, REASON_PHRASES
from api.http.representation import CSV, PARQUET

TAGS = {
    "public": "The public plane: reads of releases and public metadata.",
    "platform": "The platform plane: writes by the platform's own services and staff.",
    "service": "For operators: liveness, readiness and metrics.",
}
_PROBLEMS = {
    400: "The request breaks a rule: `field`, `message` and `expected` say which.",
    401: "The API key is missing, or is not a live key of this plane; an access token is refused.",
    403: "The API key lacks the required scope, or is limited to other creators or web pages.",
    404: "Not found.",
    408: "The body took too long to arrive.",
    411: "The request does not state the size of its body.",
    413: "The body is too large.",
    415: "The Content-Type or Content-Encoding of the body is not accepted.",
    429: "Too many requests with this API key in this minute; see `Retry-After`.",
    500: "The server failed; the error has been logged.",
    503: "A store does not respond, clocks contradict each other, or other limits are in force; try again.",
}
_LIMIT = ("RateLimit", "RateLimit-Policy")
HEADERS = {
    "ETag": ("Of the response's bytes, for `If-None-Match`; absent if it must not be stored.", '"5e0e2ae7"'),
    "Idempotency-Replayed": ("`true` if this is the stored response of an earlier request.", "true"),
    LOCATION: ("Path of what the request has started.", "/v1/jobs/1"),
    "Likewise-Signature": (
        "Detached JWS (RFC 7515, appendix F) over the body.",
        "eyJ9..c2ln",
    ),
    "RateLimit": ("Requests left in this minute, and its rest in seconds.", '"minute";r=599;t=42'),
    "RateLimit-Policy": ("Requests that the API key allows per minute.", '"minute";q=600;w=60'),
    "Retry-After": ("Seconds after which a request may succeed.", "1"),
    "WWW-Authenticate": ("Names the scheme of API keys (RFC 6750).", 'Bearer realm="Likewise API"'),
}
"""Response headers by name, with a description and an example. All are optional: proxies may drop them."""
_OF_PROBLEM = {401: ("WWW-Authenticate",)} | dict.fromkeys((409, 429, 503), (*_LIMIT, "Retry-After"))
_MEMBERS = ("openapi", "info", "servers", "tags", "paths", "components")
"""The members of the document, in their order."""
_FROM_EVERY_OPERATION = (400, 500, 503)
_WITH_KEY = (401, 403, 429)
_WITH_BODY = (408, 411, 413, 415)
_WITH_PATH = (404,)


class ProblemSchema(Schema):
    """A problem document (RFC 9457)."""

    type = fields.String(required=True, metadata={"description": "URI of the kind of problem."})
    title = fields.String(required=True, metadata={"description": "Short name of the kind of problem."})
    status = fields.Integer(required=True, metadata={"description": "The HTTP status."})
    detail = fields.String(
        required=True, metadata={"description": "Describes this occurrence in a sentence."}
    )
    field = fields.String(metadata={"description": "Invalid input: the offending field."})
    message = fields.String(metadata={"description": "Invalid input: what is wrong with the field."})
    expected = fields.String(metadata={"description": "Invalid input: describes a valid value."})
    reason = fields.String(metadata={"description": "Gone: why the target was taken down."})


def problem_doc(description: str) -> ResponseDoc:
    """Return the documentation of a problem that one operation adds to the usual ones."""
    return ResponseDoc(description, ProblemSchema, media_type=PROBLEM_JSON)


def openapi_document(
    operations: Iterable[Operation[Any]], servers: Mapping[str, list[str]]
) -> dict[str, Any]:
    """Describe operations.

    Args:
        operations: the operations of one plane or several; pages for people are omitted.
        servers: the URLs that serve the operations of each tag.
    """
    described = [operation for operation in operations if operation.tag != PAGE]
    tags = {operation.tag for operation in described}
    plugin = MarshmallowPlugin()
    spec = APISpec(
        title="Likewise",
        version="1",
        openapi_version="3.1.0",
        info={
            "description": "Count the likes, never the likers.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        tags=[
            {"name": name, "description": description} for name, description in TAGS.items() if name in tags
        ],
        plugins=[plugin],
    )
    if plugin.converter is None:  # APISpec has just created it
        raise TypeError("apispec's marshmallow plugin has no converter")
    plugin.converter.add_parameter_attribute_function(_comma_separated)
    spec.components.security_scheme(
        "key",
        {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key, lw_<plane>_<key id>_<secret>. The public plane also takes the key of "
            "a share link, and an access token (RFC 9068) of the platform's authorization server.",
        },
    )
    for name, (description, example) in HEADERS.items():
        spec.components.header(
            name, {"description": description, "schema": {"type": "string"}, "example": example}
        )
    for status, description in _PROBLEMS.items():
        content = {PROBLEM_JSON: {"schema": ProblemSchema}}
        headers = _refer_to(_OF_PROBLEM.get(status, _LIMIT))
        spec.components.response(
            _component_name(status), {"description": description, "content": content, "headers": headers}
        )
    for operation in described:
        document = _describe(operation, [{"url": url} for url in servers[operation.tag]])
        spec.path(path=operation.path, operations={operation.method.lower(): document})
    document = {**spec.to_dict(), "servers": _servers(servers)}
    return {name: document[name] for name in _MEMBERS}


def _servers(by_tag: Mapping[str, list[str]]) -> list[dict[str, str]]:
    described: dict[str, str] = {}
    for tag, urls in by_tag.items():
        for url in urls:
            described.setdefault(url, TAGS[tag])
    return [{"url": url, "description": text} for url, text in described.items()]


def _describe(operation: Operation[Any], servers: list[dict[str, str]]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "operationId": operation.operation_id,
        "summary": operation.summary,
        "description": operation.description,
        "tags": [operation.tag],
        "servers": servers,
        "parameters": [
            {"in": location, "schema": schema}
            for location, schema in (
                ("path", operation.path_schema),
                ("query", operation.query_schema),
                ("header", operation.header_schema),
            )
            if schema
        ],
        "responses": _responses(operation),
        "security": [{"key": [operation.scope]}] if operation.scope else [],
    }
    if operation.body:
        document["requestBody"] = _body(operation.body)
    return document


def _body(body: Body) -> dict[str, Any]:
    schema: Any = {"type": "array", "items": body.schema} if body.many else body.schema
    content = {"schema": schema, "example": body.example}
    return {"required": True, "content": {media_type: dict(content) for media_type in body.media_types}}


def _responses(operation: Operation[Any]) -> dict[str, Any]:
    problems = (
        *_FROM_EVERY_OPERATION,
        *(_WITH_KEY if operation.scope else ()),
        *(_WITH_BODY if operation.body else ()),
        *(_WITH_PATH if operation.path_schema else ()),
    )
    responses: dict[str, Any] = {str(status): _component_name(status) for status in problems}
    if operation.method == "GET" and operation.scope:
        responses["304"] = {
            "description": "Not modified: the version in `If-None-Match` is current.",
            "headers": _refer_to(("ETag", *_LIMIT)),
        }
    responses |= {
        str(status): _response(response, _headers(operation, status), operation.rows)
        for status, response in operation.responses.items()
    }
    return dict(sorted(responses.items()))


def _headers(operation: Operation[Any], status: int) -> tuple[str, ...]:
    """Returns the headers that the HTTP edge adds to the responses of an operation."""
    if status in _OF_PROBLEM:
        return _OF_PROBLEM[status]
    is_success = status < HTTPStatus.BAD_REQUEST
    return (
        *(("ETag",) if is_success and operation.method == "GET" and operation.scope else ()),
        *(("Idempotency-Replayed",) if is_success and operation.header_schema else ()),
        *(_LIMIT if operation.scope else ()),
    )


def _refer_to(names: Iterable[str]) -> dict[str, str]:
    """Returns references to described headers; apispec turns the names of components into them."""
    return {name: name for name in names}


def _response(response: ResponseDoc, headers: Iterable[str], rows: str | None) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if response.schema:
        content["schema"] = response.schema
    if response.example is not None:
        content["example"] = response.example
    by_type = {response.media_type: content}
    if response.line:
        by_type[NDJSON] = {"schema": response.line}
    if rows and response.media_type == JSON:
        by_type |= {CSV: {"schema": {"type": "string"}}, NDJSON: {"schema": {"type": "object"}}}
        by_type[PARQUET] = {"schema": {"type": "string", "contentMediaType": PARQUET}}
    document = {"description": response.description, "content": by_type}
    named = _refer_to((*response.headers, *headers))
    return document | ({"headers": named} if named else {})


def _component_name(status: int) -> str:
    return REASON_PHRASES[status].title().replace(" ", "").replace("-", "")


def _comma_separated(_converter: Any, field: fields.Field[Any], **_options: Any) -> dict[str, Any]:
    return {"explode": False} if isinstance(field, IdentifierList | NameList) else {}
