"""Answers the requests of a connection with a WSGI app."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from werkzeug.exceptions import HTTPException, ServiceUnavailable

from api.http.front.connection import Connection
from api.http.front.environ import build_environ
from api.http.front.parser import ReceivedRequest
from api.http.front.wire import CONTINUE, call_app, write_problem, write_response
from api.http.request_body import RECEIVED_BODY, BodyWantedError

_HTTP_10: Final = "1.0"


class Exchange:
    """Calls the app: once for a request that has arrived, or twice for one whose body arrives later.

    Args:
        app: the WSGI app. It raises `BodyWantedError` when it needs a body that has not arrived.
        base: variables that all requests share, from `base_environ`.
        clock: for the bounds of connections.
    """

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        base: dict[str, Any],
        clock: Callable[[], float],
    ) -> None:
        self._app = app
        self._base = base
        self._clock = clock
        self.is_stopping = False

    def prepare(self, connection: Connection, request: ReceivedRequest) -> dict[str, Any] | None:
        """Returns the environment of the next call of the app; None if the request is refused without one."""
        if request.variables is None:
            try:
                request.variables = build_environ(request, self._base)
            except HTTPException as error:
                self.refuse(connection, error)
                return None
        if request.failure:
            request.variables[RECEIVED_BODY] = request.failure
        elif request.is_complete and request.variables[RECEIVED_BODY] is None:
            request.variables[RECEIVED_BODY] = bytes(request.body)
            request.body = bytearray()  # one copy is enough
        return request.variables

    def answer(self, connection: Connection, request: ReceivedRequest, environ: dict[str, Any]) -> bool:
        """Calls the app and sends its response, or notes that the app wants the body.

        Returns:
            False if more responses wait to be read than may.

        Raises:
            OSError: the connection is broken.
        """
        try:
            status, headers, body = call_app(self._app, environ)
        except BodyWantedError as wanted:
            request.is_wanted, request.owner, request.wanted_at = True, wanted.owner, self._clock()
            expected = environ.get("HTTP_EXPECT", "").lower() == "100-continue"
            return not expected or bool(request.body) or connection.send([CONTINUE], self._clock())
        ends = self.is_stopping or not request.keep_alive or not request.is_complete
        stays = "keep-alive" if request.version == _HTTP_10 else None
        parts = write_response(status, headers, body, "close" if ends else stays, time.time())
        connection.ends_after_response = ends
        connection.finish_request()
        return connection.send(parts, self._clock())

    def refuse(self, connection: Connection, error: HTTPException) -> None:
        """Answers bytes that are no request, and ends the connection.

        Raises:
            OSError: the connection is broken.
        """
        connection.ends_after_response = True
        connection.send([write_problem(error, time.time())], self._clock())

    def awaits_body(self, connection: Connection, request: ReceivedRequest) -> bool:
        """Counts what has arrived of a body that is wanted; returns whether more must."""
        if not request.failure and not connection.count_body(request):
            request.failure = ServiceUnavailable("Too many bodies are arriving; try again.", retry_after=1)
        return not request.failure and not request.is_complete
