"""A proxy that forwards connections and cuts some of them, at any byte of a request or of an answer."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Thread
from urllib.parse import urlsplit

_HOST = "127.0.0.1"
_READ_BYTES = 1 << 16


@dataclass
class Allowance:
    """The bytes that a connection may still carry, None for any number; it ends in the middle of a message.

    Args:
        request: from the client.
        answer: to the client.
    """

    request: int | None = None
    answer: int | None = None


@contextmanager
def cutting_proxy(connect: Callable[[], socket.socket], draw: Callable[[], Allowance]) -> Iterator[int]:
    """Runs a proxy on a port of its own.

    Args:
        connect: connects to where it forwards to.
        draw: returns the allowance of the next connection.
    """
    with socket.create_server((_HOST, 0), backlog=64) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    Thread(target=_serve, args=(client, connect, draw()), daemon=True).start()

        Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        # A thread that waits in `accept` keeps the port otherwise.
        listener.shutdown(socket.SHUT_RDWR)


def to_address(address: str) -> Callable[[], socket.socket]:
    """Returns what connects to an address of a Redis, or to a port of this machine."""
    parts = urlsplit(address)

    def connect() -> socket.socket:
        if parts.scheme != "unix":
            return socket.create_connection((parts.hostname or _HOST, parts.port or 0))
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(parts.path)
        return connection

    return connect


def _serve(client: socket.socket, connect: Callable[[], socket.socket], allowance: Allowance) -> None:
    with client, suppress(OSError), connect() as server:
        answers = Thread(target=_forward, args=(server, client, allowance.answer), daemon=True)
        answers.start()
        _forward(client, server, allowance.request)
        answers.join()


def _forward(source: socket.socket, target: socket.socket, allowed: int | None) -> None:
    """Forwards until the source ends or the allowance does; both connections end then."""
    with suppress(OSError):
        while chunk := source.recv(_READ_BYTES):
            if allowed is not None and len(chunk) > allowed:
                target.sendall(chunk[:allowed])
                break
            target.sendall(chunk)
            allowed = None if allowed is None else allowed - len(chunk)
    for connection in (source, target):
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
