"""A small cache in the process's memory: bounded, and every entry says how long it lives."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class ExpiringCache(Generic[Key, Value]):
    """Least recently made entries leave first.

    Args:
        capacity: most entries held.
        monotonic_seconds: the clock by which entries age.
    """

    def __init__(self, capacity: int, monotonic_seconds: Callable[[], float]) -> None:
        self._capacity = capacity
        self._monotonic_seconds = monotonic_seconds
        self._entries: OrderedDict[Key, tuple[Value, float]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Key, make: Callable[[], tuple[Value, float]]) -> Value:
        """Return the live entry of a key, or make it: `make` answers the value and the seconds it may live.

        Two threads may make the same entry at once; both values are right, the later one stays.
        """
        now = self._monotonic_seconds()
        entry = self._entries.get(key)
        if entry is not None and now < entry[1]:
            return entry[0]
        value, lifetime_seconds = make()
        with self._lock:
            self._entries[key] = (value, now + lifetime_seconds)
            self._entries.move_to_end(key)
            while len(self._entries) > self._capacity:
                self._entries.popitem(last=False)
        return value
