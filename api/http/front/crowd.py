"""All connections of a process, and what they hold together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from api.http.front.bounds import ByteBudget, FrontBounds

if TYPE_CHECKING:
    from api.http.front.connection import Connection

_EVICTED_AT_ONCE: Final = 32


class Crowd:
    """Keeps the connections of a process within its bounds. All of it happens in the event loop.

    Args:
        bounds: what clients can make the process hold.
    """

    def __init__(self, bounds: FrontBounds) -> None:
        self.bounds = bounds
        self.bodies = ByteBudget(bounds.body_bytes, bounds.body_bytes_per_key)
        self.responses = ByteBudget(bounds.response_bytes, bounds.response_bytes)
        self._open: set[Connection] = set()

    def admit(self, connection: Connection) -> bool:
        """Adds a connection, for which silent ones may give way; returns False if there are none."""
        self._open.add(connection)
        if len(self._open) > self.bounds.connections:
            self._make_room(connection)
        return len(self._open) <= self.bounds.connections

    def _make_room(self, newcomer: Connection) -> None:
        """Ends the connections that have been silent longest."""
        silent = [(it.silent_since, it) for it in self._open if it.silent_since is not None]
        silent.sort(key=lambda entry: entry[0])
        for _, connection in silent[:_EVICTED_AT_ONCE]:
            if connection is not newcomer:
                self._open.discard(connection)
                connection.drop()

    def remove(self, connection: Connection) -> None:
        """Forgets a connection that has ended."""
        self._open.discard(connection)

    def count_unread(self, connection: Connection) -> None:
        """Counts a response that waits to be read; beyond the bound, the slowest reader is dropped."""
        if not self.responses.take("", connection.unread_bytes):
            unread = [(it.unread_since, it) for it in self._open if it.unread_since is not None]
            _, slowest = min(unread, key=lambda entry: entry[0], default=(0.0, connection))
            slowest.drop()

    def expire(self, now: float) -> None:
        """Ends what takes too long."""
        for connection in list(self._open):
            connection.expire(now)

    def drop(self) -> None:
        """Ends all connections at once."""
        for connection in list(self._open):
            connection.drop()
