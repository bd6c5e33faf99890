"""Runs several actors in a chosen order of their store calls: one call a turn, never two at once."""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from tests.support.stepped_redis import Hook

Result = TypeVar("Result")

_PATIENCE_SECONDS = 60.0


class _Actor(Generic[Result]):
    """A thread that waits before each store call until it is resumed."""

    def __init__(self, work: Callable[[Hook], Result]) -> None:
        self.finished = False
        self.results: list[Result] = []
        self.error: BaseException | None = None
        self._work = work
        self._go = threading.Semaphore(0)
        self._still = threading.Semaphore(0)
        threading.Thread(target=self._run, daemon=True).start()

    def advance(self) -> None:
        """Let it make the store call it waits for, and run up to the next one."""
        self._go.release()
        if not self._still.acquire(timeout=_PATIENCE_SECONDS):
            raise TimeoutError("an actor does not come to its next store call")

    def _run(self) -> None:
        self._go.acquire()
        try:
            self.results.append(self._work(self._hook))
        except BaseException as error:  # noqa: BLE001 - raised again by `take_turns`
            self.error = error
        self.finished = True
        self._still.release()

    def _hook(self, send: Callable[[], Any]) -> Any:
        self._still.release()
        self._go.acquire()
        return send()


def take_turns(works: Sequence[Callable[[Hook], Result]], turns: Iterable[int]) -> list[Result]:
    """Run all works to their ends.

    Args:
        works: each gets the hook for its `SteppedRedis` clients.
        turns: whose store call is next, by position; a turn of one that has finished is left out. When the
            turns are used up, the works finish one after the other.

    Returns:
        The return value of each.
    """
    actors = [_Actor(work) for work in works]
    for actor in actors:
        actor.advance()
    for turn in turns:
        if not actors[turn].finished:
            actors[turn].advance()
    for actor in actors:
        while not actor.finished:
            actor.advance()
    for actor in actors:
        if actor.error is not None:
            raise actor.error
    return [result for actor in actors for result in actor.results]
