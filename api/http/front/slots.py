"""Bounds how many requests are handled at once; the others wait in order, without a thread."""

from collections import deque
from collections.abc import Callable
from threading import Lock

from api.http.front.connection import Connection


class Slots:
    """A number of slots, and the connections that wait for one.

    Args:
        count: number of slots.
        clock: clock in seconds.
    """

    def __init__(self, count: int, clock: Callable[[], float]) -> None:
        self._free = count
        self._clock = clock
        self._moved_at = clock()
        self._waiting: deque[Connection] = deque()
        self._lock = Lock()

    @property
    def free_count(self) -> int:
        """Number of slots that are free."""
        return self._free

    @property
    def waiting_count(self) -> int:
        """Number of connections that wait."""
        return len(self._waiting)

    def enter(self, connection: Connection) -> bool:
        """Takes a slot; returns False if none is free: the connection then waits until `leave` returns it."""
        with self._lock:
            if self._free:
                self._free -= 1
                connection.has_slot = True
                return True
            if not self._waiting:
                self._moved_at = self._clock()
            self._waiting.append(connection)
            return False

    def stuck_seconds(self, now: float) -> float:
        """Returns for how long connections have waited while no slot was given back; 0 if none waits."""
        with self._lock:
            return now - self._moved_at if self._waiting else 0.0

    def leave(self, connection: Connection) -> Connection | None:
        """Gives the slot of a connection back, if it has one; returns the connection that has it now."""
        with self._lock:
            if not connection.has_slot:
                return None
            connection.has_slot = False
            if not self._waiting:
                self._free += 1
                return None
            self._moved_at = self._clock()
            successor = self._waiting.popleft()
            successor.has_slot = True
            return successor
