"""Measuring on a machine that others use too: turn and turn about, and medians."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median


def seconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def interleaved(contenders: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Let contenders run in turn, and return the median of what each measured.

    A disturbance that lasts longer than one turn then meets all of them, not one.
    """
    measured: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            measured[name].append(run())
    return {name: median(values) for name, values in measured.items()}
