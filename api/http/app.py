"""Builds a plane's Flask app from its operations: everything a request passes on its way, in order.

Route, key and scope, rate limit, arguments, body, handler, conditional GET; every failure is a problem
document, and every answer is counted and logged by the operation's name.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Flask, Response, request
from werkzeug.datastructures import EnvironHeaders
from werkzeug.exceptions import RequestURITooLarge

from api.http.arguments import load_path, load_query
from api.http.edge import Edge, HasEdge
from api.http.etag import etag_of, is_known
from api.http.exchange import exchange_of
from api.http.observation import Observation
from api.http.operation import Answer, Call, Operation
from api.http.problems import problem_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from _typeshed.wsgi import WSGIEnvironment
    from marshmallow import Schema

    from privacy.gallery.documents import KeyRecord

MOST_QUERY_BYTES = 16_384
"""Enough for a hundred ids of the longest sort."""

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
    app.register_error_handler(Exception, lambda error: _failure(edge, error))
    app.wsgi_app = Observation(app.wsgi_app, edge.metrics, edge.log)  # type: ignore[method-assign] # Flask's own way
    return app


def _view(operation: Operation[Services], services: Services) -> Callable[..., Response]:
    path_fields = operation.path_schema().fields if operation.path_schema else {}
    query_schema = operation.query_schema() if operation.query_schema else None
    edge = services.edge

    def view(**arguments: str) -> Response:
        environ = request.environ
        exchange = exchange_of(environ)
        exchange.operation_id = operation.operation_id
        now_ms = edge.clock()
        key = _admit(edge, operation.scope, environ, now_ms) if operation.scope else None
        call = Call(
            path=load_path(path_fields, arguments),
            query=_query(query_schema),
            body=edge.bodies.read(environ, operation.body),
            headers=EnvironHeaders(environ),
            key=key,
            now_ms=now_ms,
        )
        return _respond(operation.handler(services, call), environ)

    return view


def _query(schema: Schema | None) -> Mapping[str, Any]:
    size = len(request.query_string)
    if size > MOST_QUERY_BYTES:
        raise RequestURITooLarge(f"At most {MOST_QUERY_BYTES} bytes of query.")
    return load_query(schema, request.args) if schema or size else {}


def _admit(edge: Edge, scope: str, environ: WSGIEnvironment, now_ms: int) -> KeyRecord:
    key = edge.authenticator.check(environ.get("HTTP_AUTHORIZATION"), scope, now_ms)
    allowance = edge.limiter.hit(key, now_ms)
    exchange_of(environ).headers += allowance.headers()
    if allowance.exceeded:
        raise allowance.refusal()
    return key


def _respond(answer: Answer, environ: WSGIEnvironment) -> Response:
    added = exchange_of(environ).headers
    added += answer.headers.items()
    if answer.max_age_seconds is None:
        added.append(("Cache-Control", "no-store"))
    else:
        etag = etag_of(answer.body)
        added += (
            ("ETag", etag),
            ("Cache-Control", f"private, max-age={answer.max_age_seconds}"),
            ("Vary", "Authorization"),
        )
        if is_known(environ.get("HTTP_IF_NONE_MATCH"), etag):
            response = Response(status=HTTPStatus.NOT_MODIFIED)
            del response.headers["Content-Type"]
            return response
    return Response(answer.body, answer.status, content_type=answer.media_type)


def _failure(edge: Edge, error: Exception) -> Response:
    environ = request.environ
    answer = problem_answer(error)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        edge.log.failed(exchange_of(environ).operation_id, error)
    return _respond(answer, environ)
