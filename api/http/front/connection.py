"""One connection of a client: uvicorn's, with bounds on what a client may leave open, send, and not read."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    RequestHeaderFieldsTooLarge,
    RequestTimeout,
    ServiceUnavailable,
)

from api.http.front.arriving import ArrivingBody
from api.http.front.environ import origin_form
from api.http.front.reply import Reply, write_problem, write_reply
from api.http.front.transport import GentleTransport, reset

if TYPE_CHECKING:
    import asyncio

    from uvicorn._types import ASGI3Application, HTTPScope

    from api.http.front.crowd import Crowd

Attempt = Callable[["HTTPScope"], Reply | dict[str, Any]]
EXTENSION: Final = "likewise.connection"
"""Names the connection among the extensions of an ASGI scope."""
_NEVER: Final = float("inf")
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})
_MAX_HEADERS: Final = 100
_MAX_PARSED_AHEAD: Final = 16
_HEAD_SLICE_BYTES: Final = 2_048
_BODY_SLICE_BYTES: Final = 16_384
"""A slice can hold many small requests, and all are parsed; one of a known body can be larger."""
_UNREAD_BYTES: Final = 16_384  # more than this of a response that waits to be read is counted


class Connection(HttpToolsProtocol):
    """A connection. All of it happens in the event loop.

    Args:
        crowd: all connections of the process.
        attempt: answers a request that has no body, or returns the environment of a call that has to wait.
        given: what uvicorn gives its protocols.
    """

    def __init__(self, crowd: Crowd, attempt: Attempt, **given: Any) -> None:
        super().__init__(**given)
        self.silent_since: float | None = None
        self.unread_since: float | None = None
        self.unread_bytes = 0
        self.begun: dict[str, Any] | None = None
        self._attempt = attempt
        self._crowd = crowd
        self._bounds = crowd.bounds
        self.body = ArrivingBody(crowd.bodies)
        self._deadline = _NEVER
        self._unread_left = 0
        self._running: RequestResponseCycle | None = None
        self._fault: HTTPException | None = None
        self._unparsed = b""
        self._head_bytes = self._lingered_bytes = 0
        self._in_head = self._began = self._ended = self._is_lingering = False
        self._expects_body = self._is_turn_free = self._may_answer_now = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begins; a connection that is one too many is told so."""
        self._real = transport
        transport.set_write_buffer_limits(high=_UNREAD_BYTES)
        super().connection_made(cast("asyncio.Transport", GentleTransport(transport, self)))
        self.silent_since = self.loop.time()
        self._deadline = self.silent_since + self._bounds.head_seconds
        if not self._crowd.admit(self):
            self._refuse(ServiceUnavailable("Too many connections are open; try again.", retry_after=1))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets everything."""
        self._crowd.remove(self)
        self.body.take()
        self._note_read()
        self._leave()
        super().connection_lost(exc)

    def _leave(self) -> None:
        """Lets nothing more be answered: uvicorn tells that to the latest request alone."""
        self._ended, self._unparsed = True, b""
        self.pipeline.clear()
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()

    @property
    def has_left(self) -> bool:
        """True if no one waits for the answer any more."""
        return self._running is None or self._running.disconnected

    @property
    def has_arrived(self) -> bool:
        """True if the request that is being answered has arrived whole."""
        return self._running is not None and not self._running.more_body

    def data_received(self, data: bytes) -> None:
        """Takes bytes, and parses them as far as there is room for requests."""
        if self._is_lingering:
            self._lingered_bytes += len(data)
            if self._lingered_bytes > self._bounds.linger_bytes:
                self.drop()
            return
        if self.silent_since is not None:
            self._deadline = min(self._deadline, self.loop.time() + self._bounds.head_seconds)
        self._unparsed = self._unparsed + data if self._unparsed else data
        self._is_turn_free = True  # for one answer: others come between the rest of what was sent together
        self._parse()

    def _parse(self) -> None:
        unparsed, at = self._unparsed, 0
        self._unparsed = b""
        while at < len(unparsed) and not self._ended and len(self.pipeline) < _MAX_PARSED_AHEAD:
            in_body = len(unparsed) > _HEAD_SLICE_BYTES and not self._in_head and self._has_unfinished_body
            size = max(_BODY_SLICE_BYTES, self.body.left_bytes) if in_body else _HEAD_SLICE_BYTES
            piece = unparsed[at : at + size]
            at += len(piece)
            super().data_received(piece)
            if self._in_head:
                self._count_head(len(piece))
        if at < len(unparsed) and not self._ended:
            self._unparsed = unparsed[at:]
            self.flow.pause_reading()

    @property
    def _has_unfinished_body(self) -> bool:
        return self._running is not None and self.cycle.more_body

    def _count_head(self, size: int) -> None:
        if self._began:
            self._began = False  # how much of these bytes belongs to the head is not known; it is not much
        elif not self._ended:
            self._head_bytes += size
            if self._head_bytes > self._bounds.head_bytes:
                self._refuse(self._too_large())

    def _too_large(self) -> RequestHeaderFieldsTooLarge:
        rule = f"at most {_MAX_HEADERS} headers, and {self._bounds.head_bytes} bytes before its body"
        return RequestHeaderFieldsTooLarge(f"A request has {rule}.")

    def _fail(self, fault: HTTPException) -> NoReturn:
        """Ends the parser, which then calls `send_400_response`."""
        self._fault = fault
        raise fault

    def on_message_begin(self) -> None:
        """Notes that a request begins."""
        super().on_message_begin()
        self._in_head = self._began = True
        self._expects_body, self._head_bytes = False, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Notes a header, but no trailer, and none that could pose as another: WSGI knows no underscore."""
        if self._in_head and b"_" not in name:
            if len(self.headers) == _MAX_HEADERS:
                self._fail(self._too_large())
            name = name.lower()
            if name in _FRAMING:
                self._expects_body = True
                self.body.begin(value)
            elif name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Begins to answer a request, whose body may follow."""
        self._in_head = self._began = False
        self.silent_since, self._deadline = None, _NEVER
        if not self.url.startswith(b"/"):
            self.url = origin_form(self.url)
        if b"#" in self.url or not self.url:
            self._fail(BadRequest("The target of a request is a path."))
        self._may_answer_now = self._is_turn_free and not (self._expects_body or self.parser.should_upgrade())
        super().on_headers_complete()
        self._is_turn_free = self._may_answer_now = False

    def on_body(self, body: bytes) -> None:
        """Notes a part of a body; what no one has asked for yet is bounded, too."""
        if self.cycle is not self._running:
            self.cycle.body += body  # of a request that waits for its turn
        elif self.cycle.response_complete:
            return
        else:
            self.body.keep(body)
        if not self.body.count(len(body)):
            self._fail(ServiceUnavailable("Too many bodies are arriving; try again.", retry_after=1))
        if self.body.held_bytes > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        self.cycle.message_event.set()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        self.begun = None
        if cycle.body:
            self.body.keep(bytes(cycle.body))
        if self._may_answer_now and not self.flow.write_paused:
            cycle.more_body = False  # nothing follows
            outcome = self._attempt(cycle.scope)
            if isinstance(outcome, Reply):
                self.respond(outcome)
                return
            self.begun = outcome
        cycle.scope["extensions"] = {EXTENSION: cast("dict[object, object]", self)}
        super()._start_asgi_task(cycle, app)

    def respond(self, reply: Reply) -> None:
        """Sends a response with one call, and goes on with the next request."""
        cycle = self._running
        if cycle is None or cycle.disconnected:
            return
        ends = reply.ends or cycle.more_body or not cycle.keep_alive
        cycle.keep_alive, cycle.response_started = not ends, True
        now = time.time()  # uvicorn's date may be more than a second old
        self._real.writelines(write_reply(reply, STATUS_LINE[reply.status], now, ends=ends))
        cycle.response_complete = True
        if ends:
            self.end()
        self.on_response_complete()

    def on_response_complete(self) -> None:
        """Goes on with the next request; uvicorn would start and stop a timer each time."""
        self.body.take()
        if self.is_ending:
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        if self._real.is_closing() or self._is_lingering:
            return
        if self._running is not None and self._running.response_complete:
            self.silent_since = now = self.loop.time()
            self._deadline = now + (self._bounds.head_seconds if self._in_head else self._bounds.idle_seconds)
        if self._unparsed:
            self._parse()

    def _unsupported_upgrade_warning(self) -> None:
        """Answers in this protocol, once, although the client would like another one (h2c, websocket)."""
        self._ended = True
        self.cycle.keep_alive = False

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words
        """Answers bytes that cannot be parsed, or that were refused while they were."""
        self._refuse(self._fault or BadRequest("The request is not HTTP/1.1."))

    def _refuse(self, fault: HTTPException) -> None:
        """Answers bytes that are no request, and ends the connection; earlier requests are answered first."""
        self._ended = True
        running = self._running
        if running is None or running.response_complete:
            self._answer(fault)
        elif running is self.cycle and running.more_body and not running.response_started:
            self._leave()
            self._answer(fault)
        else:
            if self.pipeline and self.cycle.more_body:
                self.pipeline.popleft()
            latest = self.pipeline[0][0] if self.pipeline else running
            latest.keep_alive = False

    def _answer(self, fault: HTTPException) -> None:
        self._real.writelines(write_problem(fault, time.time()))
        self.end()

    def end(self) -> None:
        """Ends the connection after its last response; what the client still sends is received first.

        A client that sends everything before it reads would else find no response.
        """
        if self._is_lingering or self._real.is_closing():
            return
        is_settled = not (self._ended or self._in_head or self._unparsed or self._has_unfinished_body)
        self._ended = True
        if is_settled:
            self._real.close()
            return
        self._is_lingering, self._unparsed, self.silent_since = True, b"", None
        self._deadline = self.loop.time() + self._bounds.linger_seconds
        self._real.write_eof()
        self.flow.resume_reading()

    @property
    def is_ending(self) -> bool:
        """True if nothing more is answered."""
        return self._is_lingering or self._real.is_closing()

    def drop(self) -> None:
        """Ends the connection at once, with all that the system still holds for the client."""
        self._note_read()
        self._leave()
        reset(self._real)

    def shutdown(self) -> None:
        """Ends, after the request that is being answered: the server is stopping."""
        if self._is_lingering or self._running is None or self._running.response_complete:
            self._real.close()
        else:
            super().shutdown()

    def eof_received(self) -> bool | None:  # type: ignore[override] # uvicorn's ends the connection
        """Answers the request that has arrived, if the client has said that nothing follows."""
        if self._running is None or self._running.response_complete or self._running.more_body:
            return None
        self.cycle.keep_alive = False
        return True

    def pause_writing(self) -> None:
        """Counts a response that is not read."""
        super().pause_writing()
        self.unread_since = self.loop.time()
        self.unread_bytes = self._unread_left = self._real.get_write_buffer_size()
        self._unread_deadline = self.unread_since + self._bounds.grace_seconds
        self._crowd.count_unread(self)

    def resume_writing(self) -> None:
        """Notes that the response was read."""
        self._note_read()
        super().resume_writing()

    def _note_read(self) -> None:
        self._crowd.responses.give_back("", self.unread_bytes)
        self.unread_since, self.unread_bytes = None, 0

    def expire(self, now: float) -> None:
        """Ends what takes too long: a head with a response, the rest without."""
        if self.unread_since is not None:
            left = self._real.get_write_buffer_size()
            if left < self._unread_left:
                latest = self.unread_since + self._bounds.transfer_seconds
                self._unread_left, self._unread_deadline = left, min(latest, now + self._bounds.grace_seconds)
            elif now > self._unread_deadline:
                self.drop()
        elif now <= self._deadline:
            return
        elif self._is_lingering:
            self.drop()
        elif self._in_head:
            self._refuse(RequestTimeout("The request took too long to arrive."))
        else:
            self._real.close()
