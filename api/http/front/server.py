"""Serves a WSGI app over HTTP/1.1 with uvicorn: a request takes a thread only when it has arrived whole."""

from __future__ import annotations

import resource
import time
from dataclasses import replace
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Final, cast

from uvicorn import Config, Server

from api.http.front.bounds import FrontBounds
from api.http.front.connection import Connection
from api.http.front.crowd import Crowd
from api.http.front.environ import base_environ
from api.http.front.gate import Gate, WsgiApp
from api.http.front.handlers import Handlers

if TYPE_CHECKING:
    import asyncio
    import socket

_BACKLOG: Final = 4_096
"""Connections that wait to be accepted; where there are more, the next one comes a second later."""
_OTHER_FILES: Final = 128
"""Open files that are no connections of clients, and a few connections that come at once."""
_HANGING_SECONDS: Final = 10.0
_HANDLING_SECONDS: Final = 120.0
"""Requests wait, and no handler has ended for this time: far more than all timeouts of a request together."""


class Front:
    """Serves an app, in a thread of its own.

    Args:
        app: the WSGI app. It raises `BodyWantedError` when it needs a body that has not arrived.
        listener: a bound socket; other processes may share it.
        handlers: how many requests are handled at once, if they wait for a store or have a body.
        bounds: what clients can make the process hold.
    """

    def __init__(
        self, app: WsgiApp, listener: socket.socket, handlers: int, bounds: FrontBounds | None = None
    ) -> None:
        self._listener = listener
        self._bounds = _within_limits(bounds or FrontBounds())
        self._crowd = Crowd(self._bounds)
        self._handlers = Handlers(handlers, time.monotonic)
        base = base_environ(*listener.getsockname()[:2])
        self._gate = Gate(app, base, self._crowd, self._handlers, time.monotonic)
        self._server = Server(self._configure())
        self._thread = Thread(target=self._server.run, args=([listener],), daemon=True)

    def _configure(self) -> Config:
        return Config(
            self._gate,
            loop="uvloop",
            http=cast("type[asyncio.Protocol]", partial(Connection, self._crowd, self._gate.attempt)),
            ws="none",
            interface="asgi3",
            lifespan="on",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=_BACKLOG,
            timeout_graceful_shutdown=cast("int", self._bounds.stop_seconds),
        )

    def start(self) -> None:
        """Listens, and starts the thread."""
        self._listener.listen(_BACKLOG)
        self._thread.start()

    def is_serving(self) -> bool:
        """Returns whether the event loop turns, and handlers end."""
        now = time.monotonic()
        turns = self._server.started and now - self._gate.swept_at < _HANGING_SECONDS
        return turns and self._handlers.stuck_seconds(now) < _HANDLING_SECONDS

    def waiting_count(self) -> int:
        """Returns how many requests wait for a handler."""
        return self._handlers.waiting_count

    def handled_count(self) -> int:
        """Returns how many requests are being handled."""
        return self._handlers.handled_count

    def arriving_bytes(self) -> int:
        """Returns how many bytes of bodies have arrived and wait for the rest."""
        return self._crowd.bodies.held_bytes

    def unread_bytes(self) -> int:
        """Returns how many bytes of responses wait to be read."""
        return self._crowd.responses.held_bytes

    def stop(self) -> None:
        """Accepts nothing more, lets requests end within their time, and ends the thread."""
        self._gate.stop()
        self._server.should_exit = True
        self._thread.join()
        self._handlers.close()


def _within_limits(bounds: FrontBounds) -> FrontBounds:
    """Returns the bounds with as many connections as the limit of open files allows."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return bounds
    return replace(bounds, connections=max(1, min(bounds.connections, files - _OTHER_FILES)))
