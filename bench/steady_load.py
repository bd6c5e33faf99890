"""A load that runs concurrently with other work and records the time of each answer."""

import selectors
import time
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Final

from bench.http_load import connect, read_answer

_TIMEOUT_SECONDS: Final = 120


@dataclass
class SteadyLoad:
    """The result, once the block of `run_steady_load` has ended."""

    answered_at: Sequence[float] = field(default=(), init=False)
    """`time.perf_counter` at each answer."""

    def rate(self, start: float, stop: float) -> float:
        """Returns answers per second within a window."""
        return (bisect(self.answered_at, stop) - bisect(self.answered_at, start)) / (stop - start)


@contextmanager
def run_steady_load(
    port: int, connections: int, make_requests: Callable[[], Iterable[bytes]]
) -> Iterator[SteadyLoad]:
    """Sends requests during the block, from a separate process, one at a time on each connection.

    Args:
        port: of the server.
        connections: number of keep-alive connections.
        make_requests: called in that process before the block begins; a picklable function. What it returns
            should be endless, since nobody knows how long the block takes.

    Raises:
        RuntimeError: an answer is not 200, or there were too few requests.
    """
    context = get_context("spawn")
    parent_end, child_end = context.Pipe()
    process = context.Process(target=_send, args=(child_end, port, connections, make_requests))
    process.start()
    child_end.close()
    try:
        parent_end.recv()
        load = SteadyLoad()
        parent_end.send("begin")
        yield load
        parent_end.send("stop")
        load.answered_at = parent_end.recv()
    except EOFError as error:
        raise RuntimeError("the load ended early; see its error above") from error
    finally:
        parent_end.close()
        process.join()


def _send(
    parent: Connection, port: int, connections: int, make_requests: Callable[[], Iterable[bytes]]
) -> None:
    waiting = iter(make_requests())
    stopped = False
    answered_at = []
    parent.send("ready")
    parent.recv()
    with selectors.DefaultSelector() as selector:
        selector.register(parent, selectors.EVENT_READ)
        for _ in range(connections):
            opened = connect(port)
            selector.register(opened, selectors.EVENT_READ, opened)
            opened.sendall(next(waiting))
        busy = connections
        while busy:
            for key, _ in selector.select(_TIMEOUT_SECONDS):
                if key.data is None:
                    parent.recv()
                    selector.unregister(parent)
                    stopped = True
                    continue
                read_answer(key.data)
                answered_at.append(time.perf_counter())
                if stopped:
                    busy -= 1
                    continue
                following = next(waiting, None)
                if following is None:
                    raise RuntimeError(f"{len(answered_at):,} requests are too few for the block")
                key.data.sendall(following)
        for key in list(selector.get_map().values()):
            key.data.close()
    parent.send(answered_at)
