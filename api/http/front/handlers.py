"""Runs handlers in a few threads; the other requests wait in order, without one."""

import asyncio
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

Result = TypeVar("Result")
_Task = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class Handlers:
    """A number of threads. All but the calls themselves happens in the event loop.

    An executor of the standard library costs half of a short read more: each call has a lock and a condition
    of its own. And it would keep a process whose handlers hang from ending.

    Args:
        count: number of threads.
        clock: clock in seconds.
    """

    def __init__(self, count: int, clock: Callable[[], float]) -> None:
        self._count = count
        self._clock = clock
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._given = 0
        self._moved_at = clock()
        for _ in range(count):
            Thread(target=self._run_repeatedly, daemon=True).start()

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
        """Runs a call in a thread; returns what it returns, or raises what it raises."""
        if self._given <= self._count:
            self._moved_at = self._clock()
        self._given += 1
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._tasks.put((call, done))
        try:
            return await done
        finally:
            self._given -= 1
            self._moved_at = self._clock()

    def close(self) -> None:
        """Ends the threads, each after its call."""
        for _ in range(self._count):
            self._tasks.put(None)

    def _run_repeatedly(self) -> None:
        while task := self._tasks.get():
            call, done = task
            loop = done.get_loop()
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                loop.call_soon_threadsafe(_settle, done, done.set_exception, error)
            else:
                loop.call_soon_threadsafe(_settle, done, done.set_result, result)


def _settle(done: asyncio.Future[Any], settle: Callable[[Any], None], outcome: object) -> None:
    """Hands an outcome over, unless no one waits for it any more."""
    if not done.cancelled():
        settle(outcome)
