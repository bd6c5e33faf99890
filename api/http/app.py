"""Builds a plane's Flask app from its operations: everything a request passes on its way, in order.

Route, key and scope, rate limit, arguments, body, handler, conditional GET; every failure is a problem
document, and every answer is counted and logged by the operation's name.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from api.http.arguments import load_path, load_query
from api.http.edge import Edge, HasEdge
from api.http.etag import etag_of, is_known
from api.http.metrics import UNMATCHED
from api.http.operation import Answer, Call, Operation
from api.http.problems import problem_answer
from api.http.request_size import read_body
from api.http.security_headers import SECURITY_HEADERS
from privacy.errors import LikewiseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from privacy.gallery.documents import KeyRecord

Services = TypeVar("Services", bound=HasEdge)


def build_app(name: str, operations: Iterable[Operation[Services]], services: Services) -> Flask:
    """Make the app of a plane.

    Args:
        name: of the plane.
        operations: its routes, `api.http.health.operations()` among them.
        services: what the handlers work with; carries the edge.
    """
    app = Flask(name, root_path="", static_folder=None)
    app.url_map.merge_slashes = False  # one resource, one path: no redirects
    for operation in operations:
        app.add_url_rule(
            operation.path.replace("{", "<").replace("}", ">"),
            endpoint=operation.operation_id,
            view_func=_view(operation, services),
            methods=[operation.method],
            provide_automatic_options=False,
        )
    edge = services.edge
    app.before_request(_start)
    app.register_error_handler(Exception, lambda error: _failure(edge, error))
    app.after_request(lambda response: _finish(edge, response))
    return app


def _view(operation: Operation[Services], services: Services) -> Callable[..., Response]:
    path_fields = operation.path_schema().fields if operation.path_schema else {}
    query_schema = operation.query_schema() if operation.query_schema else None
    edge = services.edge

    def view(**arguments: str) -> Response:
        now_ms = edge.clock()
        key = _admit(edge, operation.scope, now_ms) if operation.scope else None
        call = Call(
            path=load_path(path_fields, arguments),
            query=load_query(query_schema, request.args) if query_schema or request.query_string else {},
            body=read_body(request, operation.body),
            headers=request.headers,
            key=key,
            now_ms=now_ms,
        )
        return _respond(operation.handler(services, call))

    return view


def _admit(edge: Edge, scope: str, now_ms: int) -> KeyRecord:
    key = edge.authenticator.check(request.headers.get("Authorization"), scope, now_ms)
    g.allowance = allowance = edge.limiter.hit(key, now_ms)
    if allowance.exceeded:
        raise allowance.refusal()
    return key


def _respond(answer: Answer) -> Response:
    response = Response(answer.body, answer.status, content_type=answer.media_type)
    headers = response.headers
    for name, value in answer.headers.items():
        headers.set(name, value)
    if answer.max_age_seconds is None:
        headers.set("Cache-Control", "no-store")
        return response
    etag = etag_of(answer.body)
    headers.set("ETag", etag)
    headers.set("Cache-Control", f"private, max-age={answer.max_age_seconds}")
    headers.set("Vary", "Authorization")
    if_none_match = request.headers.get("If-None-Match")
    if if_none_match and is_known(if_none_match, etag):
        response.status_code = HTTPStatus.NOT_MODIFIED
        response.set_data(b"")
        del headers["Content-Type"]
        del headers["Content-Length"]
    return response


def _start() -> None:
    g.started = time.perf_counter()


def _failure(edge: Edge, error: Exception) -> Response:
    if not isinstance(error, LikewiseError | HTTPException):
        edge.log.failed(request.endpoint or UNMATCHED, error)
    return _respond(problem_answer(error))


def _finish(edge: Edge, response: Response) -> Response:
    for name, value in SECURITY_HEADERS:
        response.headers.setdefault(name, value)
    if "allowance" in g:
        response.headers.extend(g.allowance.headers())
    operation_id = request.endpoint or UNMATCHED
    seconds = time.perf_counter() - g.started
    edge.metrics.observe(operation_id, response.status_code, seconds)
    edge.log.answered(operation_id, response.status_code, seconds)
    return response
