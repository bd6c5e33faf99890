"""Servers that are not what was asked for."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread


@contextmanager
def answering(answer: bytes, *, drip: bytes = b"", reads: bool = True) -> Iterator[str]:
    """Runs a server that gives one answer to one connection, whatever is sent; yields its address.

    Args:
        answer: the bytes.
        drip: sent again and again after them, until the client leaves; the server closes if empty.
        reads: whether it reads the head of the request first.
    """
    ended = Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.recv(65_536 if reads else 1)
                connection.sendall(answer)
                while drip and not ended.wait(0.02):
                    connection.sendall(drip)
                if not reads:
                    connection.shutdown(socket.SHUT_WR)
                    ended.wait(0.5)

        thread = Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            thread.join()
