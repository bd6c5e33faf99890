"""`accuracy`: verifies the stated accuracy of releases over the whole histories of simulated targets."""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import reduce
from multiprocessing import get_context
from operator import add
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from bench.error_factor import error_factors
from bench.figure import Bar, Figure, Measure, ProgressCallback, Reference
from bench.simulated import Errors, History, simulate
from privacy.mechanism.accounting import Calibration, calibrate
from privacy.model.engagement import Kind
from privacy.policy.file import load_policy

TOLERANCE: Final = 0.03
MIN_COVERAGE: Final = 0.94
MAX_COVERAGE: Final = 0.96
_VARIED_PER_GROUP: Final = 250
_VARIED_GROUPS: Final = 8
"""2,000 targets with likes in every cell: enough for the deviation of a cell, because each target has 86."""
_UNDISCLOSED_PER_GROUP: Final = 1_000
_UNDISCLOSED_GROUPS: Final = 12
"""For the deviation of the total, 2,000 are too few; 12,000 targets with few streams are added."""
_INTERVALS: Final = ("totals", "cells, reconciled with their total", "changes of a total")


def accuracy(progress: ProgressCallback) -> Iterator[Figure]:
    """Measures deviations and intervals at every epoch of the default policy, and the error factor."""
    calibration = calibrate(load_policy(), Kind.LIKE)
    progress(
        f"{_VARIED_PER_GROUP * _VARIED_GROUPS:,} targets with likes in every cell and "
        f"{_UNDISCLOSED_PER_GROUP * _UNDISCLOSED_GROUPS:,} with undisclosed likes, "
        f"{calibration.schedule.epochs} epochs each"
    )
    context = get_context("spawn")
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), context) as processes:
        jobs = [processes.submit(_simulate_varied, seed) for seed in range(_VARIED_GROUPS)]
        more_jobs = [processes.submit(_simulate_undisclosed) for _ in range(_UNDISCLOSED_GROUPS)]
        full = reduce(add, [job.result() for job in jobs])
        every = full + reduce(add, [job.result() for job in more_jobs])
    cells = slice(1, calibration.policy.layout.removals.start)
    streams = full.targets * (cells.stop - cells.start)
    yield _deviation("total", every.squares[:, 0], every.targets, calibration, 0)
    yield _deviation("one cell", full.squares[:, cells].sum(axis=1), streams, calibration, cells.start)
    for index, name in enumerate(_INTERVALS):
        yield _coverage(name, every.covered[:, index], every.published[:, index])
    yield from error_factors(calibration)


def _simulate_varied(seed: int) -> Errors:
    calibration = calibrate(load_policy(), Kind.LIKE)
    return simulate(
        calibration, History.varied(calibration.policy, np.random.default_rng(seed)), _VARIED_PER_GROUP
    )


def _simulate_undisclosed() -> Errors:
    calibration = calibrate(load_policy(), Kind.LIKE)
    return simulate(calibration, History.undisclosed(calibration.policy), _UNDISCLOSED_PER_GROUP)


def _deviation(
    name: str, squares: NDArray[np.float64], numbers: int, calibration: Calibration, stream: int
) -> Figure:
    """Returns the figure of the epoch at which measured and stated deviation differ most."""
    ratios = np.sqrt(squares / numbers)
    epoch = int(np.abs(ratios - 1).argmax())
    stated = float(calibration.deviations(np.array([epoch]))[0, stream])
    return Figure(
        f"standard deviation of {name}, worst of {len(ratios)} epochs",
        float(ratios[epoch]) * stated,
        "likes",
        Reference(f"as stated, at that epoch ({epoch})", stated),
        Bar(Measure.RATIO, low=1 - TOLERANCE, high=1 + TOLERANCE),
        note=f"{numbers:,} numbers per epoch; a false alarm has probability "
        f"{_false_alarm(numbers, len(ratios)):.0e} or less",
    )


def _false_alarm(numbers: int, epochs: int) -> float:
    """Returns the probability that not all correct deviations of this many normal numbers meet the bar."""
    low, high = numbers * (1 - TOLERANCE) ** 2, numbers * (1 + TOLERANCE) ** 2
    return epochs * float(chi2.cdf(low, numbers) + chi2.sf(high, numbers))


def _coverage(name: str, covered: NDArray[np.int64], published: NDArray[np.int64]) -> Figure:
    """Returns the share of intervals that contain the exact number, over all epochs."""
    shares = covered[published > 0] / published[published > 0]
    return Figure(
        f"coverage of 95 % intervals: {name}",
        float(covered.sum() / published.sum()),
        "",
        bar=Bar(Measure.VALUE, low=MIN_COVERAGE, high=MAX_COVERAGE),
        note=f"{published.sum():,} intervals; {shares.min():.4f} to {shares.max():.4f} by epoch",
    )
