"""Builds a plane's Flask app from its operations: everything a request passes on its way, in order.

Route, key and scope, rate limit, arguments, body, handler, conditional GET; every failure is a problem
document, and every answer is counted and logged by the operation's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Flask, request
from werkzeug.datastructures import EnvironHeaders
from werkzeug.exceptions import RequestURITooLarge

from api.http.api_key_reader import KeyRecord
from api.http.arguments import load_path, load_query
from api.http.gateway import Gateway, HasGateway
from api.http.middleware import AccessLogMiddleware, RequestContext, exchange_of
from api.http.operation import Operation, Request
from api.http.problems import problem_answer
from api.http.responses import RawResponse, wire_response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from marshmallow import Schema

MAX_QUERY_BYTES = 16_384
"""Enough for a hundred ids of the longest sort."""

Services = TypeVar("Services", bound=HasGateway)


class _App(Flask):
    """A Flask whose views answer finished responses and are plain functions."""

    response_class = RawResponse  # type: ignore[assignment] # all that Flask does with one is to call it

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function: none of them is a coroutine, so nobody needs to look."""
        return func


def build_app(name: str, operations: Iterable[Operation[Services]], services: Services) -> Flask:
    """Make the app of a plane.

    Args:
        name: of the plane.
        operations: its routes, `api.http.health.operations()` among them.
        services: what the handlers work with; carries the edge.
    """
    app = _App(name, root_path="", static_folder=None)
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
    app.wsgi_app = AccessLogMiddleware(app.wsgi_app, edge.metrics, edge.log)  # type: ignore[method-assign] # Flask's own way
    return app


def _view(operation: Operation[Services], services: Services) -> Callable[..., RawResponse]:
    path_fields = operation.path_schema().fields if operation.path_schema else {}
    query_schema = operation.query_schema() if operation.query_schema else None
    edge = services.edge

    def view(**arguments: str) -> RawResponse:
        environ = request.environ
        exchange = exchange_of(environ)
        exchange.operation_id = operation.operation_id
        now_ms = edge.clock()
        key = _admit(edge, operation.scope, environ, exchange, now_ms) if operation.scope else None
        call = Request(
            path=load_path(path_fields, arguments),
            query=_query(query_schema, environ),
            body=edge.bodies.read(environ, operation.body),
            headers=EnvironHeaders(environ),
            key=key,
            now_ms=now_ms,
        )
        return wire_response(operation.handler(services, call), environ, exchange.headers)

    return view


def _query(schema: Schema | None, environ: WSGIEnvironment) -> Mapping[str, Any]:
    size = len(environ.get("QUERY_STRING", ""))
    if size > MAX_QUERY_BYTES:
        raise RequestURITooLarge(f"At most {MAX_QUERY_BYTES} bytes of query.")
    return load_query(schema, request.args) if schema or size else {}


def _admit(
    edge: Gateway, scope: str, environ: WSGIEnvironment, exchange: RequestContext, now_ms: int
) -> KeyRecord:
    key = edge.authenticator.check(environ.get("HTTP_AUTHORIZATION"), scope, now_ms)
    allowance = edge.limiter.hit(key, now_ms)
    exchange.headers += allowance.headers()
    if allowance.exceeded:
        raise allowance.refusal()
    return key


def _failure(edge: Gateway, error: Exception) -> RawResponse:
    environ = request.environ
    exchange = exchange_of(environ)
    answer = problem_answer(error)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        edge.log.failed(exchange.operation_id, error)
    return wire_response(answer, environ, exchange.headers)
