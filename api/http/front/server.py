"""Serves a WSGI app over HTTP/1.1: a request takes one of few threads only when it has arrived whole.

All threads wait for all connections (epoll). The one that is woken reads what has arrived and, if that
completes a request, handles it itself, so that no request is passed between threads. Bodies and responses
that move slowly hold memory within bounds, and no thread. There is one thread more than requests are handled
at once, so that connections are served while all handlers wait for a store.
"""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from threading import Event, Thread
from typing import Final

from werkzeug.exceptions import HTTPException, RequestTimeout, ServiceUnavailable

from api.http.front.bounds import ByteBudget, FrontBounds
from api.http.front.connection import NEVER, Connection
from api.http.front.environ import base_environ
from api.http.front.exchange import Exchange
from api.http.front.parser import ReceivedRequest
from api.http.front.slots import Slots
from api.http.front.wire import write_problem

Ready = deque[Connection]
"""Connections that have a slot now, and wait to be proceeded with."""

_BACKLOG: Final = 1_024
_RECEIVED_BYTES: Final = 65_536
_ACCEPTED_AT_ONCE: Final = 64
_EVICTED_AT_ONCE: Final = 32
_POLL_SECONDS: Final = 0.5
_SWEEP_SECONDS: Final = 0.5
_HANGING_SECONDS: Final = 10.0
_HANDLING_SECONDS: Final = 120.0
"""Requests wait, and no handler has ended for this time: far more than all timeouts of a request together."""
_INPUT: Final = select.EPOLLIN | select.EPOLLONESHOT
_OUTPUT: Final = select.EPOLLOUT | select.EPOLLONESHOT


class Front:
    """Serves an app.

    Args:
        app: the WSGI app. It raises `BodyWantedError` when it needs a body that has not arrived.
        listener: a bound socket; other processes may share it.
        handlers: how many requests are handled at once.
        bounds: what clients can make the process hold.
        at_once: paths that are answered even while all handlers are busy; they wait for nothing.
        monotonic_seconds: clock for the bounds.
    """

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        listener: socket.socket,
        handlers: int,
        bounds: FrontBounds | None = None,
        at_once: frozenset[str] = frozenset({"/healthz"}),
        monotonic_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listener = listener
        self._bounds = bounds or FrontBounds()
        self._at_once = at_once
        self._clock = monotonic_seconds
        self._handlers = handlers
        self._slots = Slots(handlers, monotonic_seconds)
        self._bodies = ByteBudget(self._bounds.body_bytes, self._bounds.body_bytes_per_key)
        self._responses = ByteBudget(self._bounds.response_bytes, self._bounds.response_bytes)
        self._connections: dict[int, Connection] = {}
        self._poller = select.epoll()
        self._exchange = Exchange(app, base_environ(*listener.getsockname()[:2]), monotonic_seconds)
        self._stopping = False
        self._ended = Event()
        self._threads: list[Thread] = []
        self._polled_at = monotonic_seconds()

    def start(self) -> None:
        """Listens, and starts the threads."""
        self._listener.setblocking(False)
        self._listener.listen(_BACKLOG)
        # Exclusive: of the processes that share the socket, one is woken.
        self._poller.register(self._listener.fileno(), select.EPOLLIN | select.EPOLLEXCLUSIVE)
        loops = [self._serve_repeatedly] * (self._handlers + 1) + [self._sweep_repeatedly]
        self._threads = [Thread(target=loop, daemon=True) for loop in loops]
        for thread in self._threads:
            thread.start()

    def is_serving(self) -> bool:
        """Returns whether threads still take turns, and handlers end."""
        now = self._clock()
        stuck = now - self._polled_at > _HANGING_SECONDS
        return not stuck and self._slots.stuck_seconds(now) < _HANDLING_SECONDS

    def waiting_count(self) -> int:
        """Returns how many requests wait for a handler."""
        return self._slots.waiting_count

    def handled_count(self) -> int:
        """Returns how many requests are being handled."""
        return self._handlers - self._slots.free_count

    def arriving_bytes(self) -> int:
        """Returns how many bytes of bodies have arrived and wait for the rest."""
        return self._bodies.held_bytes

    def stop(self) -> None:
        """Accepts nothing more, lets requests end within their time, and ends the threads. Once is enough."""
        if self._stopping:
            return
        self._stopping = self._exchange.is_stopping = True
        self._poller.unregister(self._listener.fileno())
        deadline = self._clock() + self._bounds.stop_seconds
        self._expire(lambda connection: connection.silent_since is not None)
        while self._connections and self._clock() < deadline:
            time.sleep(_SWEEP_SECONDS / 10)  # connections send no notification when they close
        self._expire(lambda _: True)
        self._ended.set()
        for thread in self._threads:
            thread.join(_POLL_SECONDS * 2)
        for connection in list(self._connections.values()):
            connection.close()
        self._poller.close()

    def _serve_repeatedly(self) -> None:
        while not self._ended.is_set():
            self._polled_at = self._clock()
            try:
                events = self._poller.poll(_POLL_SECONDS, 1)
            except (OSError, ValueError):  # closed: the process ends
                return
            for fd, _ in events:
                connection = self._connections.get(fd)
                if connection:
                    self._handle(connection)
                elif fd == self._listener.fileno():
                    self._accept()

    def _accept(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            if len(self._connections) >= self._bounds.connections:
                self._evict()
            try:
                opened, _address = self._listener.accept()
            except BlockingIOError:  # taken by another thread or process
                return
            except OSError:  # the client has left, or no descriptor is free
                self._evict()
                return
            self._add(opened)

    def _add(self, opened: socket.socket) -> None:
        now = self._clock()
        if len(self._connections) >= self._bounds.connections or self._stopping:
            with contextlib.suppress(OSError):
                refusal = ServiceUnavailable("Too many connections are open; try again.", retry_after=1)
                opened.setblocking(False)
                opened.send(write_problem(refusal, time.time()))
            opened.close()
            return
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(opened, self._bounds, self._responses, self._bodies, now)
        self._connections[connection.fd] = connection
        self._poller.register(connection.fd, _INPUT)

    def _evict(self) -> None:
        """Closes the connections that have been silent longest, to make room."""
        silent = [(it.silent_since, it.fd, it) for it in list(self._connections.values()) if it.silent_since]
        for _, _, connection in sorted(silent, key=lambda entry: entry[:2])[:_EVICTED_AT_ONCE]:
            if connection.lock.acquire(blocking=False):
                try:
                    if connection.silent_since is not None:
                        self._close(connection)
                finally:
                    connection.lock.release()

    def _handle(self, connection: Connection) -> None:
        """Reads or writes, and proceeds with what becomes possible by that."""
        ready: Ready = deque()
        with connection.lock:
            self._guard(self._transfer_and_proceed, connection, ready)
        self._proceed_with(ready)

    def _proceed_with(self, ready: Ready) -> None:
        while ready:
            connection = ready.popleft()
            with connection.lock:
                self._guard(self._proceed, connection, ready)

    def _transfer_and_proceed(self, connection: Connection, ready: Ready) -> None:
        if not connection.is_closed and self._transfer(connection):
            self._proceed(connection, ready)

    def _guard(self, step: Callable[[Connection, Ready], None], connection: Connection, ready: Ready) -> None:
        """Does a step; whatever goes wrong ends the connection and not the thread."""
        try:
            step(connection, ready)
        except OSError:
            self._close(connection)
        except Exception:  # noqa: BLE001 - a thread must survive a defect; the connection does not
            traceback.print_exc(file=sys.stderr, limit=-8)
            self._close(connection)
        finally:
            self._leave(connection, ready)

    def _leave(self, connection: Connection, ready: Ready) -> None:
        """Gives a slot back, or to the next connection."""
        if connection.has_slot:
            successor = self._slots.leave(connection)
            if successor:
                ready.append(successor)

    def _transfer(self, connection: Connection) -> bool:
        """Moves bytes; returns whether there is something to proceed with."""
        if connection.has_pending:
            if connection.flush(self._clock()):
                return True
            self._poller.modify(connection.fd, _OUTPUT)
            return False
        try:
            received = connection.socket.recv(_RECEIVED_BYTES)
        except BlockingIOError:
            self._poller.modify(connection.fd, _INPUT)
            return False
        if not received:
            self._close(connection)
        elif connection.is_lingering:
            connection.lingered_bytes += len(received)
            if connection.lingered_bytes > self._bounds.linger_bytes:
                self._close(connection)
            else:
                self._poller.modify(connection.fd, _INPUT)
        else:
            self._parse(connection, received)
            return True
        return False

    def _parse(self, connection: Connection, received: bytes) -> None:
        try:
            connection.parser.feed(received)
        except HTTPException as error:
            self._exchange.refuse(connection, error)

    def _proceed(self, connection: Connection, ready: Ready) -> None:
        """Answers requests, until the connection has to wait for its client or for a slot."""
        while not connection.is_closed:
            if connection.has_pending:
                self._poller.modify(connection.fd, _OUTPUT)
                return
            if connection.ends_after_response:
                self._end(connection)
                return
            request = connection.request
            if request is None and connection.parser.has_unparsed:
                self._parse(connection, b"")
                continue
            if request is None or (request.is_wanted and self._exchange.awaits_body(connection, request)):
                self._await_input(connection, request)
                return
            connection.silent_since, connection.deadline = None, NEVER
            environ = self._exchange.prepare(connection, request)
            if environ is None:
                continue
            waits = environ["PATH_INFO"] not in self._at_once
            if waits and not connection.has_slot and not self._slots.enter(connection):
                return
            if not self._exchange.answer(connection, request, environ):
                self._make_room(connection)
            self._leave(connection, ready)

    def _await_input(self, connection: Connection, request: ReceivedRequest | None) -> None:
        """Waits for bytes of the client, and decides how long."""
        now, bounds = self._clock(), self._bounds
        if request:
            connection.deadline = bounds.body_ends_at(request.wanted_at, len(request.body))
        elif connection.silent_since is None:
            between = connection.parser.is_between_requests
            connection.silent_since = now
            connection.deadline = now + (bounds.idle_seconds if between else bounds.head_seconds)
        elif not connection.parser.is_between_requests:
            connection.deadline = min(connection.deadline, now + bounds.head_seconds)
        if self._stopping and not request and connection.parser.is_between_requests:
            self._close(connection)
        else:
            self._poller.modify(connection.fd, _INPUT)

    def _make_room(self, connection: Connection) -> None:
        """Closes the connection that reads slowest: too much waits to be read."""
        reading = [it for it in list(self._connections.values()) if it.writing_since]
        slowest = min(reading, key=lambda it: it.writing_since or NEVER, default=connection)
        if slowest is connection:
            self._close(connection)
        elif slowest.lock.acquire(blocking=False):
            try:
                self._close(slowest)
            finally:
                slowest.lock.release()

    def _end(self, connection: Connection) -> None:
        """Ends a connection after its last response; what the client still sends is received first."""
        if connection.parser.is_between_requests:
            self._close(connection)
        else:
            connection.linger(self._clock())
            self._poller.modify(connection.fd, _INPUT)

    def _close(self, connection: Connection) -> None:
        if not connection.is_closed:
            self._connections.pop(connection.fd, None)
            connection.close()

    def _sweep_repeatedly(self) -> None:
        while not self._ended.wait(_SWEEP_SECONDS):
            now = self._clock()
            self._expire(lambda connection, now=now: connection.deadline < now)  # type: ignore[misc] # bound now

    def _expire(self, is_due: Callable[[Connection], bool]) -> None:
        """Ends what takes too long: a body with a response, the rest without."""
        ready: Ready = deque()
        for connection in list(self._connections.values()):
            if is_due(connection) and connection.lock.acquire(blocking=False):
                try:
                    if is_due(connection) and not connection.is_closed:
                        self._guard(self._give_up, connection, ready)
                finally:
                    connection.lock.release()
        self._proceed_with(ready)

    def _give_up(self, connection: Connection, ready: Ready) -> None:
        request = connection.request
        if connection.has_pending or connection.is_lingering or connection.ends_after_response:
            self._close(connection)
        elif request and request.is_wanted:
            request.failure = RequestTimeout("The body took too long to arrive.")
            if self._stopping:
                request.failure = ServiceUnavailable("The service is stopping; try again.", retry_after=1)
            self._proceed(connection, ready)
        elif request is None and not connection.parser.is_between_requests:
            self._exchange.refuse(connection, RequestTimeout("The request took too long to arrive."))
            self._proceed(connection, ready)
        elif request is None:
            self._close(connection)
