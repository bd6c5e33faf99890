"""What uvicorn ends connections with: lets the client end first."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import asyncio

_RESET: Final = struct.pack("ii", 1, 0)
"""As SO_LINGER: what was not sent is discarded when the socket is closed."""


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


def reset(transport: asyncio.Transport) -> None:
    """Ends a connection at once, with all that the system still holds for the client."""
    opened = transport.get_extra_info("socket")
    with suppress(OSError):  # it has ended by itself
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
