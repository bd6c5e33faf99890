"""Robust timing on a shared machine: alternating runs and medians."""

import time
from collections.abc import Callable, Mapping
from statistics import median


def seconds(work: Callable[[], object]) -> float:
    """Returns the duration of a call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def run_interleaved(contenders: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Runs contenders in turn, and returns the median of each one's measurements.

    A disturbance that lasts longer than one turn then affects all of them.
    """
    measured: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            measured[name].append(run())
    return {name: median(values) for name, values in measured.items()}
