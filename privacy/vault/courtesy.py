"""Lets events go first: while they arrive, long work rests after each of its steps."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RESTS_A_STEP = 1.0
"""How long a rest is, in lengths of the step before it. A step that had to wait for others is long itself."""
LONGEST_REST_SECONDS = 0.5
LINGERS_SECONDS = 0.5
"""Events come in batches: for so long after the last one, more are expected."""


@dataclass
class Courtesy:
    """One for each process that does long work.

    Args:
        arrived: a number that grows when somebody else changes what the work changes; see `Arrivals`.
        clock: seconds since any moment, never stepping back.
        rest: rests so many seconds, or less if the process is told to stop.
    """

    arrived: Callable[[], int]
    clock: Callable[[], float]
    rest: Callable[[float], object]
    _known: int | None = field(default=None, init=False)
    _expects_until: float = field(default=0.0, init=False)

    @classmethod
    def to_nobody(cls) -> Courtesy:
        """For work that has its store to itself."""
        return cls(lambda: 0, lambda: 0.0, lambda _seconds: None)

    @contextmanager
    def step(self) -> Iterator[None]:
        """Do one step of the work in the block, and rest after it if events arrive.

        What is written in the block is the work's own; what is written between two blocks is taken for events.

        Raises:
            StoreBusyError: the store did not say whether events arrive.
        """
        began = self.clock()
        if self._known is not None and self.arrived() != self._known:
            self._expects_until = began + LINGERS_SECONDS
        yield
        self._known = self.arrived()
        took_seconds = self.clock() - began
        if began < self._expects_until:
            self.rest(min(RESTS_A_STEP * took_seconds, LONGEST_REST_SECONDS))
