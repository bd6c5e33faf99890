"""Bounds of what clients can make a plane hold: connections, time, and bytes."""

from collections import Counter
from dataclasses import dataclass
from threading import Lock

_KIB = 1024
_MIB = 1024 * _KIB


@dataclass(frozen=True)
class FrontBounds:
    """Bounds of one serving process. Whatever exceeds one is answered or closed; nothing waits for it.

    Args:
        connections: open at a time. At the bound, those that are silent longest are closed for new ones.
        head_bytes: of a request's line and headers.
        head_seconds: from the opening of a connection, or the first byte of a head, to the end of the head.
        idle_seconds: between two requests of a connection. A proxy in front must give up earlier.
        grace_seconds: in which a body need not keep the pace, and a client need not read any of a response.
        pace_bytes_per_second: the slowest pace of a body after that.
        transfer_seconds: the longest time of a body, or of reading a response.
        body_bytes: of all bodies that are arriving.
        body_bytes_per_key: of those that arrive with one API key; more than the largest body of an operation.
        response_bytes: of all responses that are not read yet.
        linger_seconds: how long the rest of a refused request is received and discarded: a client that sends
            everything before it reads then finds the response.
        linger_bytes: how much of it.
        stop_seconds: how long requests may take when the process is asked to end.
    """

    connections: int = 2_048
    head_bytes: int = 64 * _KIB
    head_seconds: float = 20.0
    idle_seconds: float = 75.0
    grace_seconds: float = 25.0
    pace_bytes_per_second: int = 4 * _KIB
    transfer_seconds: float = 300.0
    body_bytes: int = 384 * _MIB
    body_bytes_per_key: int = 128 * _MIB
    response_bytes: int = 128 * _MIB
    linger_seconds: float = 15.0
    linger_bytes: int = 256 * _MIB
    stop_seconds: float = 9.5

    def body_seconds(self, received_bytes: int) -> float:
        """Returns after which time a body of which these bytes have arrived is too slow."""
        return min(self.transfer_seconds, self.grace_seconds + received_bytes / self.pace_bytes_per_second)


class ByteBudget:
    """Counts bytes that are held in memory, by owner.

    Args:
        max_bytes: of all owners.
        max_bytes_per_owner: of one owner.
    """

    def __init__(self, max_bytes: int, max_bytes_per_owner: int) -> None:
        self._max_bytes = max_bytes
        self._max_bytes_per_owner = max_bytes_per_owner
        self._held = 0
        self._by_owner: Counter[str] = Counter()
        self._lock = Lock()

    @property
    def held_bytes(self) -> int:
        """Bytes of all owners."""
        return self._held

    def take(self, owner: str, amount: int) -> bool:
        """Counts bytes; returns False if that exceeds a bound. They are counted all the same."""
        with self._lock:
            self._held += amount
            self._by_owner[owner] += amount
            return self._held <= self._max_bytes and self._by_owner[owner] <= self._max_bytes_per_owner

    def give_back(self, owner: str, amount: int) -> None:
        """Forgets bytes that were counted."""
        with self._lock:
            self._held -= amount
            self._by_owner[owner] -= amount
            if not self._by_owner[owner]:
                del self._by_owner[owner]


class Holding:
    """The bytes of one body, as they are counted.

    Args:
        budget: where they are counted.
        owner: whose body it is.
    """

    def __init__(self, budget: ByteBudget, owner: str) -> None:
        self._budget = budget
        self._owner = owner
        self._held = 0

    def take(self, amount: int) -> bool:
        """Counts bytes; returns False if that exceeds a bound."""
        self._held += amount
        return self._budget.take(self._owner, amount)

    def give_back(self) -> None:
        """Forgets all of them."""
        self._budget.give_back(self._owner, self._held)
        self._held = 0
