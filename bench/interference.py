"""Measures how tasks reduce the rate of loads, in alternating windows with and without a task."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Final

from bench.figure import Bar, Figure, Measure, Reference
from bench.steady_load import run_steady_load

WINDOW_SECONDS: Final = 2.0
"""Length of a window without a task, and minimum length of one with a task."""
_WARM_UP_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Load:
    """A load of sequential requests.

    Args:
        port: of the server.
        connections: number of connections, each with one request at a time.
        make_requests: returns endless requests, or more than can be answered; a picklable function.
    """

    port: int
    connections: int
    make_requests: Callable[[], Iterable[bytes]]


@dataclass(frozen=True)
class Rates:
    """Answers per second.

    Args:
        measure_interference: while it was done.
        without: mean of the windows before and after it.
    """

    during: float
    without: float


def measure_interference(
    tasks: Sequence[Callable[[], None]], loads: Mapping[str, Load]
) -> list[dict[str, Rates]]:
    """Runs tasks one after the other while all loads continue.

    Args:
        tasks: each gets a window from its start, at least as long as the task.
        loads: by name.

    Returns:
        For each task the rates of the loads, by name.
    """
    with ExitStack() as stack:
        run_process = {
            name: stack.enter_context(run_steady_load(load.port, load.connections, load.make_requests))
            for name, load in loads.items()
        }
        time.sleep(_WARM_UP_SECONDS)  # the first answers come from cold caches
        edges = [time.perf_counter(), _window()]
        for task in tasks:
            edges += [_window(task), _window()]
    rates = {
        name: [load.rate(start, stop) for start, stop in pairwise(edges)]
        for name, load in run_process.items()
    }
    return [
        {name: Rates(rate[index], (rate[index - 1] + rate[index + 1]) / 2) for name, rate in rates.items()}
        for index in range(1, 2 * len(tasks), 2)
    ]


def compare(what: str, unit: str, each: int, pairs: Sequence[Rates], low: float, note: str = "") -> Figure:
    """Returns the figure of what tasks leave of a load.

    Args:
        what: the load, and when it was measured.
        unit: of the rates.
        each: how many of that unit one answer stands for.
        pairs: the rates, one pair for each task.
        low: the smallest share that may be left.
        note: more about it.
    """
    return Figure(
        what,
        each * fmean(pair.during for pair in pairs),
        unit,
        Reference("the same immediately before and after", each * fmean(pair.without for pair in pairs)),
        Bar(Measure.RATIO, low=low),
        note,
    )


def _window(task: Callable[[], None] = lambda: None) -> float:
    """Runs a task in a window and returns the end of the window."""
    stop = time.perf_counter() + WINDOW_SECONDS
    task()
    time.sleep(max(0.0, stop - time.perf_counter()))  # the window is what is measured
    return time.perf_counter()
