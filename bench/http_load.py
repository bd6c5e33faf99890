"""A cheap load generator: raw keep-alive sockets, and requests that are prepared before timing starts."""

import re
import selectors
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Final

_READ_BYTES: Final = 65_536
_TIMEOUT_SECONDS: Final = 60
_LENGTH: Final = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_OK: Final = b"HTTP/1.1 200"


@dataclass(frozen=True)
class LoadResult:
    """The result of a load.

    Args:
        started_at: `time.perf_counter` when the first request was sent.
        ended_at: `time.perf_counter` when the last answer had arrived.
        bodies: of the answers.
    """

    started_at: float
    ended_at: float
    bodies: Sequence[bytes]

    @property
    def seconds(self) -> float:
        """Duration of the load."""
        return self.ended_at - self.started_at


def drive(port: int, connections: int, make_requests: Callable[[], Sequence[bytes]]) -> LoadResult:
    """Sends requests from a separate process, one at a time on each connection.

    Args:
        port: of the server.
        connections: number of keep-alive connections.
        make_requests: called in that process before timing starts; a picklable function.

    Raises:
        RuntimeError: an answer is not 200.
    """
    process = ProcessPoolExecutor(1, get_context("spawn"))
    try:
        return process.submit(_drive, port, connections, make_requests).result()
    finally:
        process.shutdown(wait=False)  # takes a third of a second, which must not delay the caller


def _drive(port: int, connections: int, make_requests: Callable[[], Sequence[bytes]]) -> LoadResult:
    requests = make_requests()
    waiting = iter(requests)
    bodies: list[bytes] = []
    with selectors.DefaultSelector() as selector:
        started_at = time.perf_counter()
        for _, request in zip(range(connections), waiting, strict=False):
            opened = connect(port)
            selector.register(opened, selectors.EVENT_READ, opened)
            opened.sendall(request)
        while len(bodies) < len(requests):
            for key, _ in selector.select(_TIMEOUT_SECONDS):
                bodies.append(read_answer(key.data))
                following = next(waiting, None)
                if following is not None:
                    key.data.sendall(following)
        ended_at = time.perf_counter()
        for key in list(selector.get_map().values()):
            key.data.close()
    return LoadResult(started_at, ended_at, bodies)


def connect(port: int) -> socket.socket:
    """Opens a connection to a server on this machine."""
    opened = socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_SECONDS)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


def read_answer(connection: socket.socket) -> bytes:
    """Reads one answer and returns its body.

    Raises:
        RuntimeError: it is not 200.
    """
    received = b""
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += _read(connection)
    length = _LENGTH.search(received, 0, end + 4)
    if not received.startswith(_OK) or length is None:
        raise RuntimeError(f"the server answered {received[:500]!r}")
    whole = end + 4 + int(length[1])
    while len(received) < whole:
        received += _read(connection)
    return received[end + 4 :]


def _read(connection: socket.socket) -> bytes:
    read = connection.recv(_READ_BYTES)
    if not read:
        raise RuntimeError("the server closed a keep-alive connection")
    return read


def build_request(method: str, path: str, key: str, body: bytes = b"", media_type: str = "") -> bytes:
    """Builds the bytes of a request."""
    headers: Iterable[str] = (
        f"{method} {path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {key}",
        *((f"Content-Type: {media_type}", f"Content-Length: {len(body)}") if body else ()),
    )
    return "\r\n".join(headers).encode() + b"\r\n\r\n" + body
