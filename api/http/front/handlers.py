"""Runs handlers in a few threads; the other requests wait in order, without one."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


class Handlers:
    """A number of threads. All but the calls themselves happens in the event loop.

    Args:
        count: number of threads.
        clock: clock in seconds.
    """

    def __init__(self, count: int, clock: Callable[[], float]) -> None:
        self._count = count
        self._clock = clock
        self._threads = ThreadPoolExecutor(count, "handler")
        self._given = 0
        self._moved_at = clock()

    @property
    def handled_count(self) -> int:
        """Number of calls that run."""
        return min(self._given, self._count)

    @property
    def waiting_count(self) -> int:
        """Number of calls that wait for a thread."""
        return max(0, self._given - self._count)

    def stuck_seconds(self, now: float) -> float:
        """Returns for how long calls have waited while none ended; 0 if none waits."""
        return now - self._moved_at if self.waiting_count else 0.0

    async def run(self, call: Callable[[], Result]) -> Result:
        """Runs a call in a thread; returns what it returns."""
        if self._given <= self._count:
            self._moved_at = self._clock()
        self._given += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        finally:
            self._given -= 1
            self._moved_at = self._clock()

    def close(self) -> None:
        """Begins nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
