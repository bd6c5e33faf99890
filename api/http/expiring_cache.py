"""A bounded in-memory cache whose entries each have their own lifetime."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class ExpiringCache(Generic[Key, Value]):
    """Evicts the entries that were created least recently.

    Args:
        capacity: the maximum number of entries.
        monotonic_seconds: the clock by which entries age.
    """

    def __init__(self, capacity: int, monotonic_seconds: Callable[[], float]) -> None:
        self._capacity = capacity
        self._monotonic_seconds = monotonic_seconds
        self._entries: OrderedDict[Key, tuple[Value, float]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Key, create: Callable[[], tuple[Value, float]]) -> Value:
        """Return the live entry of a key, or create it.

        Two threads may create the same entry at once; both values are valid, and the later one stays.

        Args:
            key: of the entry.
            create: returns the value and its lifetime in seconds.
        """
        now = self._monotonic_seconds()
        entry = self._entries.get(key)
        if entry is not None and now < entry[1]:
            return entry[0]
        value, lifetime_seconds = create()
        with self._lock:
            self._entries[key] = (value, now + lifetime_seconds)
            self._entries.move_to_end(key)
            while len(self._entries) > self._capacity:
                self._entries.popitem(last=False)
        return value
