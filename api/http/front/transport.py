"""What uvicorn writes to: joins the head and the body of a response, and ends connections gently."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio


class RespondingConnection(Protocol):
    """A connection, as its transport sees it."""

    @property
    def has_begun_response(self) -> bool:
        """Whether a part of a response was written, and more follows."""

    @property
    def is_ending(self) -> bool:
        """Whether nothing more is answered."""

    def end(self) -> None:
        """Ends the connection after its last response."""


class JoiningTransport:
    """A transport for uvicorn: sends head and body of a response at once, and lets the client end first."""

    def __init__(self, real: asyncio.Transport, connection: RespondingConnection) -> None:
        self.pause_reading, self.resume_reading = real.pause_reading, real.resume_reading
        self.get_extra_info = real.get_extra_info
        self._real = real
        self._connection = connection
        self._head = b""

    def write(self, data: bytes) -> None:
        """Sends bytes; the head of a response waits for the body, which uvicorn writes next."""
        if self._head:
            self._real.writelines((self._head, data))
            self._head = b""
        elif self._connection.has_begun_response:
            self._head = data
        else:
            self._real.write(data)

    def flush(self) -> None:
        """Sends a head that no body follows."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        """Ends the connection."""
        self.flush()
        self._connection.end()

    def is_closing(self) -> bool:
        """Return whether the connection ends."""
        return self._connection.is_ending
