"""Gives event intake priority: while events arrive, long work sleeps half as long as it works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from redis import Redis

from privacy.store.connect import translated
from privacy.store.keys import outbox_key
from privacy.store.script import Script, ScriptCall

_ARRIVALS = Script.from_package("privacy.maintenance", "arrivals.lua")


@dataclass(frozen=True)
class ActivityCounter:
    """Counts all entries that were ever written to the outboxes.

    Args:
        client: must have the ACL user `maintenance`.
        account_shards: number of account shards of the store.
    """

    client: Redis
    account_shards: int

    def __call__(self) -> int:
        """Return the number of entries. Events that change no count leave none.

        Raises:
            StoreBusyError: the store did not answer.
        """
        calls = [ScriptCall([outbox_key(shard)], []) for shard in range(self.account_shards)]
        with translated():
            return sum(map(int, _ARRIVALS.run_all(self.client, calls)))


WORK_SLICE_SECONDS = 0.25
"""How long the work runs between rests, in steps that are much shorter."""
REST_RATIO = 0.5
"""Length of a rest as a share of the slice before it. A slice that waited for the store is longer."""
MAX_REST_SECONDS = 1.0
IDLE_PROBE_SECONDS = 0.005
"""Length of a rest while no events arrive: enough to notice them, and at most a twentieth of the time."""


@dataclass
class Throttle:
    """Paces the long work of one process.

    Args:
        arrived: returns a number that grows whenever another process writes; see `ActivityCounter`.
        clock: monotonic time in seconds.
        rest: sleeps for the given number of seconds, or less if the process is asked to stop.
    """

    arrived: Callable[[], int]
    clock: Callable[[], float]
    rest: Callable[[float], object]
    _worked_seconds: float = field(default=0.0, init=False)
    _expects_events: bool = field(default=False, init=False)

    @classmethod
    def disabled(cls) -> Throttle:
        """Return a throttle that never rests, for work that is alone on its store."""
        return cls(lambda: 0, lambda: 0.0, lambda _seconds: None)

    @classmethod
    def always(cls, clock: Callable[[], float], rest: Callable[[float], object]) -> Throttle:
        """Return a throttle that rests after every slice, for a user that cannot tell if events arrive."""
        return cls(count().__next__, clock, rest)

    @contextmanager
    def slice(self) -> Iterator[None]:
        """Run one step of the work in the block; a rest follows if it ends a slice.

        Raises:
            StoreBusyError: the store did not say whether events arrive.
        """
        began = self.clock()
        yield
        self._worked_seconds += self.clock() - began
        if self._worked_seconds >= WORK_SLICE_SECONDS:
            self._rest()

    def _rest(self) -> None:
        """Rest, and check whether events arrive meanwhile: all writes during a rest are someone else's."""
        fair_seconds = min(REST_RATIO * self._worked_seconds, MAX_REST_SECONDS)
        self._worked_seconds = 0.0
        before = self.arrived()
        self.rest(fair_seconds if self._expects_events else IDLE_PROBE_SECONDS)
        self._expects_events = self.arrived() != before
