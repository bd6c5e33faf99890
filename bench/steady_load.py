"""A load that goes on beside something else: ready before, and it says when each answer came."""

from __future__ import annotations

import selectors
import time
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Final

from bench.http_load import answer_of, connected

_PATIENCE_SECONDS: Final = 120


@dataclass
class SteadyLoad:
    """What came of it, once the block of `steadily` has ended."""

    answered_at: Sequence[float] = field(default=(), init=False)
    """When each answer came, as `time.perf_counter` has it in every process."""

    def rate(self, start: float, stop: float) -> float:
        """Answers a second within a window."""
        return (bisect(self.answered_at, stop) - bisect(self.answered_at, start)) / (stop - start)


@contextmanager
def steadily(
    port: int, connections: int, make_requests: Callable[[], Sequence[bytes]]
) -> Iterator[SteadyLoad]:
    """Send requests for the length of the block, from a process of its own, one at a time on each connection.

    Args:
        port: of the server.
        connections: how many are kept alive.
        make_requests: called in that process, before the block begins; a picklable function.

    Raises:
        RuntimeError: an answer is not 200, or the requests did not last.
    """
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_send, args=(there, port, connections, make_requests))
    process.start()
    there.close()
    try:
        here.recv()
        load = SteadyLoad()
        here.send("begin")
        yield load
        here.send("stop")
        load.answered_at = here.recv()
    except EOFError as error:
        raise RuntimeError("the load ended early: see its error above") from error
    finally:
        here.close()
        process.join()


def _send(
    told: Connection, port: int, connections: int, make_requests: Callable[[], Sequence[bytes]]
) -> None:
    requests = make_requests()
    waiting = iter(requests)
    answered_at = []
    told.send("ready")
    told.recv()
    with selectors.DefaultSelector() as selector:
        selector.register(told, selectors.EVENT_READ)
        for _ in range(connections):
            opened = connected(port)
            selector.register(opened, selectors.EVENT_READ, opened)
            opened.sendall(next(waiting))
        busy = connections
        while busy:
            for key, _ in selector.select(_PATIENCE_SECONDS):
                if key.data is None:
                    told.recv()
                    selector.unregister(told)
                    waiting = iter(())
                    requests = []
                    continue
                answer_of(key.data)
                answered_at.append(time.perf_counter())
                following = next(waiting, None)
                if following is not None:
                    key.data.sendall(following)
                elif requests:
                    raise RuntimeError(f"{len(requests):,} requests did not last")
                else:
                    busy -= 1
        for key in list(selector.get_map().values()):
            key.data.close()
    told.send(answered_at)
