"""Builds a plane's Flask app from its operations, and defines the steps that every request passes.

They are: route, API key, rate limit, scope, arguments, body, handler, conditional GET. Every failure
becomes a problem document, and every response is counted and logged under the operation's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import msgspec
from flask import Flask
from werkzeug.datastructures import EnvironHeaders
from werkzeug.exceptions import HTTPException, NotFound, RequestURITooLarge, ServiceUnavailable
from werkzeug.wrappers import Request as WsgiRequest

from api.http.arguments import load_path, load_query
from api.http.caller import Caller, require_origin, require_scope, require_unlimited
from api.http.cross_origin import CrossOriginMiddleware
from api.http.logs import RequestLog
from api.http.middleware import AccessLogMiddleware, RequestContext, RequestMetrics, context_of
from api.http.operation import JSON, Operation, Request, Response
from api.http.problems import problem_response
from api.http.rate_limit import RateLimiter
from api.http.representation import choose_media_type, represent
from api.http.request_body import read_body
from api.http.responses import Headers, RawResponse, finish_response
from privacy.errors import InvalidInputError, StoreBusyError, StoreError, StoreLostError
from privacy.model.timestamp import Clock

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from marshmallow import Schema

MAX_QUERY_BYTES = 40_960
"""Enough for a hundred ids of the greatest length, all of whose characters are percent-encoded."""


class CredentialChecker(Protocol):
    """Checks the credential of a request."""

    def check(self, authorization: str | None, now_ms: int) -> Caller:
        """Return who asks; raises Unauthorized (401)."""


@dataclass(frozen=True)
class Gateway:
    """The services that a request passes before it reaches its handler.

    Args:
        authenticator: checks API keys, and what else the plane accepts.
        limiter: limits the requests per API key.
        clock: the time in ms since 1970 UTC.
        log: one line per request.
        readiness: checks by name; each raises when its dependency is not ready.
        require_store: makes sure that the stores are those that the process began with; None where there is
            nothing to compare.
        metrics: counts the responses of this process.
    """

    authenticator: CredentialChecker
    limiter: RateLimiter
    clock: Clock
    log: RequestLog
    readiness: Mapping[str, Callable[[], object]]
    require_store: Callable[[], object] | None = None
    metrics: RequestMetrics = field(default_factory=RequestMetrics)


class HasGateway(Protocol):
    """The services of any plane: they carry its gateway."""

    @property
    def gateway(self) -> Gateway:
        """The plane's gateway."""


Services = TypeVar("Services", bound=HasGateway)


class _App(Flask):
    """A Flask app whose views take the WSGI environment, and return finished responses.

    No view uses a session, a hook or a template. So this app does without Flask's contexts, which would cost
    more than all that a read needs.

    Args:
        name: name of the plane.
        gateway: the services that a request passes.
    """

    def __init__(self, name: str, gateway: Gateway) -> None:
        super().__init__(name, root_path="", static_folder=None)
        self.url_map.merge_slashes = False  # one resource, one path: no redirects
        self._gateway = gateway
        self._routes = self.url_map.bind("")

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle a request; every failure becomes a problem document."""
        try:
            response = self._dispatch(environ)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is answered and logged
            response = _handle_error(self._gateway, environ, error)
        return response(environ, start_response)

    def _dispatch(self, environ: WSGIEnvironment) -> RawResponse:
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")  # PEP 3333
        try:
            endpoint, arguments = self._routes.match(path, environ["REQUEST_METHOD"])
        except NotFound as error:
            raise self._name_path(path, error) from None
        return cast("RawResponse", self.view_functions[endpoint](environ, **arguments))

    def _name_path(self, path: str, error: NotFound) -> NotFound:
        """Says in the error which path was probably meant."""
        without = path.rstrip("/")
        meant = without != path and self._routes.allowed_methods(without)
        error.description = "This API has no such path" + (
            ": its paths do not end with a slash." if meant else "."
        )
        return error


def build_app(
    name: str,
    operations: Iterable[Operation[Services]],
    services: Services,
    origins: frozenset[str] = frozenset(),
) -> Flask:
    """Build the app of a plane.

    Args:
        name: name of the plane.
        operations: its routes, including `api.http.health.operations()`.
        services: what the handlers work with; carries the gateway.
        origins: whose pages may read it in a browser.
    """
    gateway = services.gateway
    app = _App(name, gateway)
    for operation in operations:
        app.add_url_rule(
            operation.path.replace("{", "<").replace("}", ">"),
            endpoint=operation.operation_id,
            view_func=_build_view(operation, services),
            methods=[operation.method],
            provide_automatic_options=False,
        )
    if origins:
        app.wsgi_app = CrossOriginMiddleware(app.wsgi_app, origins)  # type: ignore[method-assign] # Flask's own way
    app.wsgi_app = AccessLogMiddleware(app.wsgi_app, gateway.metrics, gateway.log)  # type: ignore[method-assign] # Flask's own way
    return app


def _build_view(operation: Operation[Services], services: Services) -> Callable[..., RawResponse]:
    path_fields = operation.path_schema().fields if operation.path_schema else {}
    query_schema = operation.query_schema() if operation.query_schema else None
    gateway = services.gateway

    def view(environ: WSGIEnvironment, **arguments: str) -> RawResponse:
        context = context_of(environ)
        context.operation_id = operation.operation_id
        if operation.scope and context.key is None:  # the second call, with the body, is admitted already
            context.now_ms = gateway.clock()
            context.key = _authorize(gateway, operation, operation.scope, environ)
        key = context.key
        path, query = load_path(path_fields, arguments), _load_query(query_schema, environ)
        body = read_body(environ, operation.body, key.key_id if key else "")
        if body and operation.scope:
            context.now_ms = (
                gateway.clock()
            )  # no earlier than the body, for which this process may have waited
        charge = partial(_charge, gateway, context)
        # Without a key nothing is decided by time, and liveness must not depend on a store.
        checked = Request(path, query, body, EnvironHeaders(environ), key, context.now_ms, charge)
        response = operation.handler(services, checked)
        if operation.rows:
            response = _represent_rows(response, operation.rows, checked)
        return finish_response(response, environ, partial(_settle, gateway, context))

    return view


def _represent_rows(response: Response, member: str, request: Request) -> Response:
    """Returns a list in the representation that the caller prefers."""
    media_type = choose_media_type(request.headers)
    if media_type != JSON:
        response = represent(response, member, media_type)
    return msgspec.structs.replace(response, headers={**response.headers, "Vary": "Accept"})


def _load_query(schema: Schema | None, environ: WSGIEnvironment) -> Mapping[str, Any]:
    size = len(environ.get("QUERY_STRING", ""))
    if size > MAX_QUERY_BYTES:
        raise RequestURITooLarge(f"The query is {size} bytes long; at most {MAX_QUERY_BYTES} are accepted.")
    if not schema and not size:
        return {}
    return load_query(schema, WsgiRequest(environ, populate_request=False).args)


def _authorize(gateway: Gateway, operation: Operation[Any], scope: str, environ: WSGIEnvironment) -> Caller:
    context = context_of(environ)
    key = gateway.authenticator.check(environ.get("HTTP_AUTHORIZATION"), context.now_ms)
    context.allowance = gateway.limiter.acquire(key, context.now_ms)
    if context.allowance.exceeded:
        raise context.allowance.refusal()
    # Counted before: a request that is refused costs as much as another.
    require_origin(key, environ.get("HTTP_ORIGIN"))
    require_scope(key, scope)
    require_unlimited(key, operation.limited)
    return key


def _settle(gateway: Gateway, context: RequestContext, status: int) -> Headers:
    """Returns the headers of the rate limit; what got nothing new, or failed here, was not counted."""
    if context.allowance is None:
        return []
    if context.key and (status == HTTPStatus.NOT_MODIFIED or status >= HTTPStatus.INTERNAL_SERVER_ERROR):
        context.allowance = gateway.limiter.refund(context.key, context.allowance)
    return [*context.allowance.headers()]


def _charge(gateway: Gateway, context: RequestContext, requests: int) -> None:
    """Counts a request as several in all; the second call for the same request counts nothing again."""
    counted = context.allowance
    if context.key is None or counted is None or requests <= counted.amount:
        return
    more = gateway.limiter.acquire(context.key, context.now_ms, requests - counted.amount)
    before = counted.amount if counted.window == more.window else 0
    context.allowance = msgspec.structs.replace(more, amount=before + more.amount)
    if more.exceeded:
        raise more.refusal()


def _handle_error(gateway: Gateway, environ: WSGIEnvironment, error: Exception) -> RawResponse:
    context = context_of(environ)
    if context.key:
        error = _find_cause(gateway, error)
    response = problem_response(error)
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, ServiceUnavailable):
        gateway.log.failed(context.operation_id, error)
    return finish_response(response, environ, partial(_settle, gateway, context))


def _find_cause(gateway: Gateway, error: Exception) -> Exception:
    """Returns why a request with a key failed: in a store that has lost its data, nothing seems to exist.

    What is wrong with a request by itself needs no look at a store, and a store that does not answer needs no
    second one.
    """
    is_certain = isinstance(error, HTTPException | InvalidInputError | StoreBusyError | StoreLostError)
    if gateway.require_store and not is_certain:
        try:
            gateway.require_store()
        except StoreLostError as lost:
            return lost
        except StoreError:
            return error
    return error
