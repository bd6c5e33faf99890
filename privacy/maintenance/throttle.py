"""Lets events go first: while they arrive, long work rests half as long as it works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from privacy.store.connect import translated
from privacy.store.keys import outbox_key
from privacy.store.script import Script, ScriptCall

if TYPE_CHECKING:
    from redis import Redis

_ARRIVALS = Script.packaged("privacy.maintenance", "arrivals.lua")


@dataclass(frozen=True)
class ActivityCounter:
    """Counts what was ever written to the outboxes.

    Args:
        client: of a user that may ask.
        account_shards: of this store.
    """

    client: Redis
    account_shards: int

    def __call__(self) -> int:
        """How many entries there have been. Events that change no count leave none.

        Raises:
            StoreBusyError: the store did not answer.
        """
        calls = [ScriptCall([outbox_key(shard)], []) for shard in range(self.account_shards)]
        with translated():
            return sum(map(int, _ARRIVALS.run_all(self.client, calls)))


WORK_SLICE_SECONDS = 0.25
"""So much work is done at a stretch, in steps that are much shorter."""
REST_RATIO = 0.5
"""How long a rest is, in lengths of the spell before it. A spell that had to wait is long itself."""
MAX_REST_SECONDS = 1.0
IDLE_PROBE_SECONDS = 0.005
"""The rest while no events arrive: long enough to see them come, and no more than a twentieth of the time."""


@dataclass
class Throttle:
    """One for each process that does long work.

    Args:
        arrived: a number that grows when anybody changes what this work changes; see `ActivityCounter`.
        clock: seconds since some moment, never stepping back.
        rest: rests so many seconds, or less if the process is told to stop.
    """

    arrived: Callable[[], int]
    clock: Callable[[], float]
    rest: Callable[[float], object]
    _worked_seconds: float = field(default=0.0, init=False)
    _expects_events: bool = field(default=False, init=False)

    @classmethod
    def disabled(cls) -> Throttle:
        """For work that has its store to itself."""
        return cls(lambda: 0, lambda: 0.0, lambda _seconds: None)

    @classmethod
    def to_all(cls, clock: Callable[[], float], rest: Callable[[float], object]) -> Throttle:
        """For work that nobody waits for, of a user that may not see whether events arrive."""
        return cls(count().__next__, clock, rest)

    @contextmanager
    def step(self) -> Iterator[None]:
        """Do one step of the work in the block. It is followed by a rest if it ends a spell.

        Raises:
            StoreBusyError: the store did not say whether events arrive.
        """
        began = self.clock()
        yield
        self._worked_seconds += self.clock() - began
        if self._worked_seconds >= WORK_SLICE_SECONDS:
            self._rest()

    def _rest(self) -> None:
        """Rest, and see whether events arrive meanwhile: all that changes now is somebody else's work."""
        fair_seconds = min(REST_RATIO * self._worked_seconds, MAX_REST_SECONDS)
        self._worked_seconds = 0.0
        before = self.arrived()
        self.rest(fair_seconds if self._expects_events else IDLE_PROBE_SECONDS)
        self._expects_events = self.arrived() != before
