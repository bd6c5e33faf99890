"""What is left of loads while something is done beside them: windows with it and without it, in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from bench.steady_load import steadily

WINDOW_SECONDS: Final = 2.0
"""Of a window without, and the least of one with something."""
_WARM_UP_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Load:
    """Requests that are sent one after the other.

    Args:
        port: of the server.
        connections: each waits for its answers.
        make_requests: more than can be answered meanwhile; a picklable function.
    """

    port: int
    connections: int
    make_requests: Callable[[], Sequence[bytes]]


@dataclass(frozen=True)
class Pair:
    """Answers a second.

    Args:
        beside: while it was done.
        without: mean of the windows before and after it.
    """

    beside: float
    without: float


def beside(deeds: Sequence[Callable[[], None]], loads: Mapping[str, Load]) -> list[dict[str, Pair]]:
    """Do one deed after the other while all loads go on.

    Args:
        deeds: each has a window from its begin on, which lasts at least as long as it.
        loads: by name.

    Returns:
        For each deed what the loads did, by name.
    """
    with ExitStack() as stack:
        running = {
            name: stack.enter_context(steadily(load.port, load.connections, load.make_requests))
            for name, load in loads.items()
        }
        time.sleep(_WARM_UP_SECONDS)  # the first answers come from cold caches
        edges = [time.perf_counter(), _window()]
        for deed in deeds:
            edges += [_window(deed), _window()]
    rates = {
        name: [load.rate(start, stop) for start, stop in pairwise(edges)] for name, load in running.items()
    }
    return [
        {name: Pair(rate[place], (rate[place - 1] + rate[place + 1]) / 2) for name, rate in rates.items()}
        for place in range(1, 2 * len(deeds), 2)
    ]


def _window(deed: Callable[[], None] = lambda: None) -> float:
    """Let a window pass; when it ended."""
    stop = time.perf_counter() + WINDOW_SECONDS
    deed()
    time.sleep(max(0.0, stop - time.perf_counter()))  # the window is what is measured
    return time.perf_counter()
