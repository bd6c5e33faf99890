"""Serves an app with the planes' own server, in this process, on a free port."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from api.http.front.bounds import FrontBounds
from api.http.front.server import Front

HOST = "127.0.0.1"
_READ_BYTES = 65_536


@dataclass(frozen=True)
class Answer:
    """A response as it was received.

    Args:
        status: its code.
        headers: by name, in lower case.
        body: its bytes.
        closed: whether the server has closed the connection after it.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    closed: bool


@dataclass(frozen=True)
class Served:
    """A running server.

    Args:
        front: the server.
        port: where it listens.
    """

    front: Front
    port: int

    def connect(self, timeout_seconds: float = 10.0, receive_buffer: int = 0) -> socket.socket:
        """Opens a connection; a small buffer lets little be sent that is not read."""
        opened = socket.socket()
        if receive_buffer:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        opened.settimeout(timeout_seconds)
        opened.connect((HOST, self.port))
        return opened

    def ask(self, data: bytes, timeout_seconds: float = 10.0) -> Answer:
        """Sends bytes and reads one response; the connection ends."""
        with self.connect(timeout_seconds) as opened:
            opened.sendall(data)
            return read_answer(opened)


@contextmanager
def served(
    app: Callable[..., Iterable[bytes]], bounds: FrontBounds | None = None, handlers: int = 2
) -> Iterator[Served]:
    """Serves an app, with the bounds of a deployment if none are given."""
    with socket.create_server((HOST, 0), backlog=1024) as listener:
        front = Front(app, listener, handlers, bounds)
        front.start()
        try:
            yield Served(front, listener.getsockname()[1])
        finally:
            front.stop()


def read_answer(opened: socket.socket) -> Answer:
    """Reads one response of a connection."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _read(opened)
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += _read(opened)
    return Answer(int(status.split(" ")[1]), headers, body, headers.get("connection") == "close")


def _read(opened: socket.socket) -> bytes:
    read = opened.recv(_READ_BYTES)
    if not read:
        raise ConnectionError("the server closed the connection without a response")
    return read


def request(method: str, path: str, body: bytes | None = None, **headers: str | Any) -> bytes:
    """Returns the bytes of a request; underscores in names of headers become hyphens."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")
