"""The ASGI app of a process: collects bodies before a thread is taken, and calls the plane's WSGI app.

The app is called in the event loop first, where it may not wait for a store: what is known, refused, or
needs nothing is answered there, without a thread. The app says when it would have to wait, and when it wants
a body.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from werkzeug.exceptions import HTTPException, InternalServerError, RequestTimeout, ServiceUnavailable

from api.http.front.bounds import Holding
from api.http.front.connection import EXTENSION, Connection
from api.http.front.environ import build_environ
from api.http.front.reply import Reply, encode_headers, problem_reply
from api.http.request_body import RECEIVED_BODY, BodyWantedError
from privacy.store.patience import WouldWaitError, call_without_waiting

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

    from api.http.front.crowd import Crowd
    from api.http.front.handlers import Handlers

WsgiApp = Callable[..., Iterable[bytes]]
_SWEEP_SECONDS: Final = 0.5
_PATIENT_PART: Final = 0.8
_NEVER: Final = float("inf")
_WITHOUT_LENGTH: Final = frozenset({204, 304})
_SHOWN_FRAMES: Final = -8


class Gate:
    """Answers requests with a WSGI app.

    Args:
        app: raises `BodyWantedError` when it needs a body that has not arrived.
        base: variables that all requests share, from `base_environ`.
        crowd: the connections.
        handlers: the threads.
        clock: clock in seconds.
    """

    def __init__(
        self,
        app: WsgiApp,
        base: dict[str, Any],
        crowd: Crowd,
        handlers: Handlers,
        clock: Callable[[], float],
    ) -> None:
        self._app = app
        self._base = base
        self._crowd = crowd
        self._bounds = crowd.bounds
        self._handlers = handlers
        self._clock = clock
        self._collecting: set[asyncio.Timeout] = set()
        self._is_stopping = False
        self._drops_at = _NEVER
        self.swept_at = clock()

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answers one request, or lives as long as the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            connection = cast("Connection", scope["extensions"][EXTENSION])
            if connection.flow.write_paused:
                await connection.flow.drain()  # one response at most waits to be read
            if connection.has_left:
                return
            try:
                reply = await self._answer(scope, connection, receive)
            except HTTPException as error:
                reply = problem_reply(error)
            if reply:
                connection.respond(reply)

    def attempt(self, scope: HTTPScope) -> Reply | dict[str, Any]:
        """Answers a request without a body, or returns the environment of a call that has to wait."""
        try:
            environ = build_environ(scope, self._base)
        except HTTPException as error:
            return problem_reply(error)
        environ[RECEIVED_BODY] = b""
        outcome = _attempt(partial(_call, self._app, environ))
        return outcome if isinstance(outcome, Reply) else environ

    async def _answer(
        self, scope: HTTPScope, connection: Connection, receive: ASGIReceiveCallable
    ) -> Reply | None:
        """Returns the response; None if the client has left."""
        environ = connection.begun or build_environ(scope, self._base)
        call = partial(_call, self._app, environ)
        if connection.begun is None:
            environ[RECEIVED_BODY] = None
            if connection.has_arrived:
                environ[RECEIVED_BODY] = b"".join(connection.body.take())
        outcome = None if connection.begun or environ[RECEIVED_BODY] else _attempt(call)
        if outcome is None:
            outcome = await self._handlers.run(call)
        if isinstance(outcome, Reply):
            return outcome
        held = Holding(self._crowd.bodies, outcome.owner)
        try:
            environ[RECEIVED_BODY] = await self._collect(connection, receive, held)
            if environ[RECEIVED_BODY] is None:
                return None
            answer = await self._handlers.run(call)
        finally:
            held.give_back()
        return answer if isinstance(answer, Reply) else None

    async def _collect(
        self, connection: Connection, receive: ASGIReceiveCallable, held: Holding
    ) -> bytes | HTTPException | None:
        """Returns a body, or why it will not come; None if the client has left."""
        parts: list[bytes] = []
        size, began = 0, self._clock()
        try:
            async with asyncio.timeout(self._bounds.body_seconds(0)) as patience:
                self._collecting.add(patience)
                self._hurry(patience)
                while True:
                    message = await receive()
                    arrived = connection.body.take()
                    if message["type"] != "http.request":
                        return None
                    parts += arrived
                    size += (more := sum(map(len, arrived)))
                    if not held.take(more):
                        return ServiceUnavailable("Too many bodies are arriving; try again.", retry_after=1)
                    if not message["more_body"]:
                        return b"".join(parts)
                    left = self._bounds.body_seconds(size) - (self._clock() - began)
                    patience.reschedule(asyncio.get_running_loop().time() + left)
                    self._hurry(patience)
        except TimeoutError:
            if self._is_stopping:
                return ServiceUnavailable("The service is stopping; try again.", retry_after=1)
            return RequestTimeout("The body took too long to arrive.")
        finally:
            self._collecting.discard(patience)

    def _hurry(self, patience: asyncio.Timeout) -> None:
        if self._is_stopping:
            patience.reschedule(0)

    def stop(self) -> None:
        """Lets all bodies that are arriving be told that they come too late; from any thread.

        Connections whose clients do not read end a little before the server gives up.
        """
        self._drops_at = self._clock() + _PATIENT_PART * self._bounds.stop_seconds
        self._is_stopping = True

    async def _live(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await receive()
        sweeping = asyncio.create_task(self._sweep_repeatedly())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        sweeping.cancel()
        self._crowd.drop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _sweep_repeatedly(self) -> None:
        while True:
            self.swept_at = self._clock()
            self._crowd.expire(asyncio.get_running_loop().time())
            for patience in self._collecting:
                self._hurry(patience)
            if self.swept_at > self._drops_at:
                self._crowd.drop_unread()
            await asyncio.sleep(_SWEEP_SECONDS)


def _attempt(call: Callable[[], Reply | BodyWantedError]) -> Reply | BodyWantedError | None:
    """Calls the app in the event loop; returns None if it would have to wait for a store."""
    try:
        return call_without_waiting(call)
    except WouldWaitError:
        return None


def _call(app: WsgiApp, environ: dict[str, Any]) -> Reply | BodyWantedError:
    """Calls the app; a defect is written down and becomes a 500."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> None:
        started.append((status, headers))

    try:
        body = b"".join(app(environ, start_response))
        status, headers = started[-1]
        code, head = int(status[:3]), encode_headers(headers)
    except BodyWantedError as wanted:
        return wanted
    except Exception:  # noqa: BLE001 - whatever it is, the connection and the others go on
        with suppress(OSError):  # its disk may be full
            traceback.print_exc(file=sys.stderr, limit=_SHOWN_FRAMES)
        return problem_reply(InternalServerError())
    if code not in _WITHOUT_LENGTH and b"\r\ncontent-length:" not in b"\r\n" + head:
        head += b"content-length: %d\r\n" % len(body)
    return Reply(code, head, body)
