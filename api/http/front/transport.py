"""What uvicorn ends connections with: lets the client end first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio


class EndingConnection(Protocol):
    """A connection, as its transport sees it."""

    @property
    def is_ending(self) -> bool:
        """True if nothing more is answered."""

    def end(self) -> None:
        """Ends the connection after its last response."""


class GentleTransport:
    """A transport for uvicorn, whose `close` is the connection's own.

    Args:
        real: the transport of the event loop.
        connection: decides how it ends.
    """

    def __init__(self, real: asyncio.Transport, connection: EndingConnection) -> None:
        self.write = real.write
        self.pause_reading, self.resume_reading = real.pause_reading, real.resume_reading
        self.get_extra_info = real.get_extra_info
        self._connection = connection

    def close(self) -> None:
        """Ends the connection."""
        self._connection.end()

    def is_closing(self) -> bool:
        """Return whether the connection ends."""
        return self._connection.is_ending
