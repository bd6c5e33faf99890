"""One connection of a client: its socket, its requests, and the bytes that wait to be read by it."""

from __future__ import annotations

import socket
from collections import deque
from threading import Lock

from api.http.front.bounds import ByteBudget, FrontBounds
from api.http.front.parser import ReceivedRequest, RequestParser

NEVER = float("inf")


class Connection:
    """A connection. Who works on it holds its lock.

    Args:
        opened: the socket, which does not block.
        bounds: of the process.
        responses: counts the bytes that wait to be read.
        bodies: counts the bytes of bodies that are arriving.
        now: the time.
    """

    __slots__ = (
        "_bodies",
        "_bounds",
        "_counted",
        "_pending",
        "_responses",
        "deadline",
        "ends_after_response",
        "fd",
        "has_slot",
        "is_closed",
        "is_lingering",
        "lingered_bytes",
        "lock",
        "parser",
        "silent_since",
        "socket",
        "writing_since",
    )

    def __init__(
        self,
        opened: socket.socket,
        bounds: FrontBounds,
        responses: ByteBudget,
        bodies: ByteBudget,
        now: float,
    ) -> None:
        self.socket = opened
        self.fd = opened.fileno()
        self.lock = Lock()
        self.parser = RequestParser(bounds.head_bytes)
        self.deadline = now + bounds.head_seconds
        self.silent_since: float | None = now
        self.writing_since: float | None = None
        self.ends_after_response = False
        self.is_lingering = False
        self.is_closed = False
        self.has_slot = False
        self.lingered_bytes = 0
        self._bounds = bounds
        self._responses = responses
        self._bodies = bodies
        self._pending: deque[memoryview] = deque()
        self._counted = 0

    @property
    def request(self) -> ReceivedRequest | None:
        """The request that is next to be answered."""
        requests = self.parser.requests
        return requests[0] if requests else None

    def send(self, parts: list[bytes], now: float) -> bool:
        """Sends bytes, as far as the client reads them; the rest waits.

        Returns:
            False if more bytes wait than the bound of the process allows.

        Raises:
            OSError: the connection is broken.
        """
        was_empty = not self._pending
        self._pending.extend(memoryview(part) for part in parts)
        if was_empty:
            self.writing_since, self.deadline = now, NEVER
            if self.flush(now):
                return True
        left = sum(len(part) for part in self._pending)
        more, self._counted = left - self._counted, left
        return self._responses.take("", more)

    def flush(self, now: float) -> bool:
        """Sends what waits; returns whether nothing waits any more.

        Raises:
            OSError: the connection is broken.
        """
        while self._pending:
            part = self._pending.popleft()
            try:
                sent = self.socket.send(part)
            except BlockingIOError:
                sent = 0
            if sent < len(part):
                self._pending.appendleft(part[sent:])
                # The system's buffers take much before the client reads: what counts is that it goes on.
                latest = (self.writing_since or now) + self._bounds.transfer_seconds
                if sent or self.deadline == NEVER:
                    self.deadline = min(now + self._bounds.grace_seconds, latest)
                return False
        if self._counted:
            self._responses.give_back("", self._counted)
            self._counted = 0
        self.writing_since = None
        return True

    @property
    def has_pending(self) -> bool:
        """Whether bytes wait to be read by the client."""
        return bool(self._pending)

    def count_body(self, request: ReceivedRequest) -> bool:
        """Counts the bytes of a body that have arrived; returns False if they exceed a bound."""
        more = len(request.body) - request.counted_bytes
        request.counted_bytes = len(request.body)
        return self._bodies.take(request.owner, more)

    def finish_request(self) -> None:
        """Forgets the request that was answered; one that has not arrived whole stays, without its body."""
        request = self.parser.requests[0]
        self._forget_body(request)
        if request.is_complete:
            self.parser.requests.popleft()

    def linger(self, now: float) -> None:
        """Says that nothing follows, and receives what the client still sends; it is discarded.

        Raises:
            OSError: the connection is broken.
        """
        self.is_lingering = True
        self.deadline = now + self._bounds.linger_seconds
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Closes the socket and gives back what was counted."""
        if not self.is_closed:
            self.is_closed = True
            self.socket.close()
            if self._counted:
                self._responses.give_back("", self._counted)
            for request in self.parser.requests:
                self._forget_body(request)

    def _forget_body(self, request: ReceivedRequest) -> None:
        if request.counted_bytes:
            self._bodies.give_back(request.owner, request.counted_bytes)
            request.counted_bytes = 0
        request.body = bytearray()
        request.variables = None
