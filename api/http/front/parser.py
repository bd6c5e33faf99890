"""Turns the bytes of a connection into requests, with httptools: the parser of Node.js (llhttp)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

import httptools
from werkzeug.exceptions import BadRequest, HTTPException, RequestHeaderFieldsTooLarge

_MAX_HEADERS: Final = 100
_MAX_PARSED_AHEAD: Final = 16
_HEAD_SLICE_BYTES: Final = 2_048
_BODY_SLICE_BYTES: Final = 16_384
"""A slice can hold many small requests, and all of them are parsed."""


@dataclass(slots=True)
class ReceivedRequest:
    """A request that has arrived, or whose body is still arriving.

    Args:
        method: as sent; methods are in upper case.
        target: path and query, as sent.
        headers: names as sent, and values.
        version: "1.1" or "1.0".
        keep_alive: whether the client expects that the connection stays open.
        body: what has arrived of the body.
        counted_bytes: how much of it is counted against the bounds of the process.
        is_complete: whether the whole request has arrived.
        variables: the WSGI environment of the call, once there was one.
        is_wanted: whether the app has asked for the body.
        owner: whose body it is: the id of the API key.
        wanted_at: when the app asked for the body.
        failure: why the body will not come.
    """

    method: str
    target: bytes
    headers: list[tuple[bytes, bytes]]
    version: str
    keep_alive: bool
    body: bytearray = field(default_factory=bytearray)
    counted_bytes: int = 0
    is_complete: bool = False
    variables: dict[str, Any] | None = None
    is_wanted: bool = False
    owner: str = ""
    wanted_at: float = 0.0
    failure: HTTPException | None = None


class RequestParser:
    """Parses the requests of one connection. They may be pipelined; a few are parsed ahead.

    Args:
        max_head_bytes: maximum size of a request's line and headers.
    """

    __slots__ = (
        "_began",
        "_ended",
        "_head_bytes",
        "_headers",
        "_is_refused",
        "_max_head_bytes",
        "_open",
        "_parser",
        "_target",
        "_unparsed",
        "requests",
    )

    def __init__(self, max_head_bytes: int) -> None:
        self.requests: deque[ReceivedRequest] = deque()
        self._max_head_bytes = max_head_bytes
        self._parser = httptools.HttpRequestParser(self)
        self._open: ReceivedRequest | None = None
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._unparsed = b""
        self._began = self._ended = self._is_refused = False

    @property
    def is_between_requests(self) -> bool:
        """True if every byte that has arrived belongs to a request that was answered."""
        return not self.requests and not self._head_bytes and not self._unparsed

    @property
    def has_unparsed(self) -> bool:
        """True if bytes have arrived that wait for earlier requests to be answered."""
        return bool(self._unparsed)

    def feed(self, data: bytes = b"") -> None:
        """Takes bytes, and adds to `requests` as far as there is room.

        Raises:
            BadRequest: they are not HTTP/1.1 or HTTP/1.0 (400).
            RequestHeaderFieldsTooLarge: the head is too large (431).
        """
        unparsed = self._unparsed + data if self._unparsed else data
        while unparsed and not self._ended and len(self.requests) < _MAX_PARSED_AHEAD:
            size = _BODY_SLICE_BYTES if self._open else _HEAD_SLICE_BYTES
            self._parse(unparsed[:size])
            unparsed = unparsed[size:]
        self._unparsed = b"" if self._ended else unparsed

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # The client would like another protocol (h2c, websocket). It is answered in this one, once.
            self._ended = True
            for request in self.requests:
                request.keep_alive = False
        except httptools.HttpParserError as error:
            self._ended = True
            if self._is_refused:
                raise self._too_large() from error
            raise BadRequest("The request is not HTTP/1.1.") from error
        if self._began:
            self._began = False  # how much of these bytes belongs to the head is not known; it is not much
        elif self._head_bytes:
            self._head_bytes += len(data)
            if self._head_bytes > self._max_head_bytes:
                self._ended = True
                raise self._too_large()

    def _too_large(self) -> RequestHeaderFieldsTooLarge:
        return RequestHeaderFieldsTooLarge(
            f"A request has at most {_MAX_HEADERS} headers, and {self._max_head_bytes} bytes before its body."
        )

    def on_message_begin(self) -> None:
        """Notes that a request begins."""
        self._target, self._headers, self._head_bytes, self._began = b"", [], 1, True

    def on_url(self, part: bytes) -> None:
        """Notes a part of the target."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Notes a header; a trailer is ignored."""
        if self._open is None:
            self._headers.append((name, value))
            if len(self._headers) > _MAX_HEADERS:
                self._is_refused = True
                raise self._too_large()

    def on_headers_complete(self) -> None:
        """Adds a request, whose body may follow."""
        self._open = ReceivedRequest(
            method=self._parser.get_method().decode("ascii"),
            target=self._target,
            headers=self._headers,
            version=self._parser.get_http_version(),
            keep_alive=self._parser.should_keep_alive(),
        )
        self._head_bytes, self._began = 0, False
        self._target, self._headers = b"", []
        self.requests.append(self._open)

    def on_body(self, chunk: bytes) -> None:
        """Notes a part of a body."""
        if self._open is not None:
            self._open.body += chunk

    def on_message_complete(self) -> None:
        """Notes that a request is complete."""
        if self._open is not None:
            self._open.is_complete = True
            self._open = None
