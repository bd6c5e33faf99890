"""All connections of a process, and what they hold together."""

from typing import Final, Protocol

from api.http.front.bounds import ByteBudget, FrontBounds

_EVICTED_AT_ONCE: Final = 32


class Member(Protocol):
    """A connection, as the crowd sees it.

    Args:
        silent_since: when the last request was answered; None while there is one.
        unread_since: since when a response waits to be read; None if none does.
        unread_bytes: how much of it waited then.
    """

    silent_since: float | None
    unread_since: float | None
    unread_bytes: int

    def drop(self) -> None:
        """Ends the connection at once."""

    def expire(self, now: float) -> None:
        """Ends what takes too long."""


class Crowd:
    """Keeps the connections of a process within its bounds. All of it happens in the event loop.

    Args:
        bounds: what clients can make the process hold.
    """

    def __init__(self, bounds: FrontBounds) -> None:
        self.bounds = bounds
        self.bodies = ByteBudget(bounds.body_bytes, bounds.body_bytes_per_key)
        self.responses = ByteBudget(bounds.response_bytes, bounds.response_bytes)
        self._open: set[Member] = set()

    def admit(self, connection: Member) -> bool:
        """Adds a connection, for which silent ones may give way; returns False if there are none."""
        self._open.add(connection)
        if len(self._open) > self.bounds.connections:
            self._make_room(connection)
        return len(self._open) <= self.bounds.connections

    def _make_room(self, newcomer: Member) -> None:
        """Ends the connections that have been silent longest."""
        silent = [(it.silent_since, it) for it in self._open if it.silent_since is not None]
        silent.sort(key=lambda entry: entry[0])
        for _, connection in silent[:_EVICTED_AT_ONCE]:
            if connection is not newcomer:
                self._open.discard(connection)
                connection.drop()

    def remove(self, connection: Member) -> None:
        """Forgets a connection that has ended."""
        self._open.discard(connection)

    def count_unread(self, connection: Member) -> None:
        """Counts a response that waits to be read; beyond the bound, the slowest reader is dropped."""
        if not self.responses.take("", connection.unread_bytes):
            unread = [(it.unread_since, it) for it in self._open if it.unread_since is not None]
            _, slowest = min(unread, key=lambda entry: entry[0], default=(0.0, connection))
            slowest.drop()

    def expire(self, now: float) -> None:
        """Ends what takes too long."""
        for connection in list(self._open):
            connection.expire(now)

    def drop_unread(self) -> None:
        """Ends the connections whose clients do not read."""
        for connection in list(self._open):
            if connection.unread_since is not None:
                connection.drop()

    def drop(self) -> None:
        """Ends all connections at once."""
        for connection in list(self._open):
            connection.drop()
