"""Of the numbers that are shown, 95 % of the intervals contain the exact one, just above the threshold too.

Ends are rounded outwards, which adds up to half a unit of width on either side. Statistical bars are 5.3
standard errors or more: a false alarm has probability below 2e-7 a comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy.mechanism.accounting import Calibration, calibrate
from privacy.model.engagement import Kind
from privacy.release.estimates import Estimates, PublishedEstimates, publishable_estimates
from privacy.release.history import StreamRecords
from privacy.release.measure import Measured
from tests.support.narrow_policy import narrow_policy

STEP, THEN = 24, 5
"""A step a day after another one."""
SERIES = 4_000
LARGE = 4_000
SEED = 14


@cache
def mechanism() -> Calibration:
    """The noise and the thresholds of a whole schedule, of few streams."""
    return calibrate(narrow_policy(), Kind.LIKE)


@dataclass(frozen=True)
class World:
    """The exact counts of a target, and what its releases state with different noise.

    Args:
        counts: after the step, by stream.
        before: at the step that changes refer to.
        shown: what is published.
    """

    counts: NDArray[np.int64]
    before: NDArray[np.int64]
    shown: PublishedEstimates

    @classmethod
    def release(cls, counts: NDArray[np.int64], before: NDArray[np.int64]) -> World:
        """Release many targets with the same counts: `before` at the earlier step, the rest in the last."""
        calibration = mechanism()
        gains = np.zeros((len(counts), STEP + 1), np.int64)
        gains[:, THEN], gains[:, STEP] = before, counts - before
        noise = np.random.default_rng(SEED).normal(size=(SERIES, *gains.shape))
        noise *= calibration.stream_scales[:, None]
        values = calibration.factorisation.encode(gains) + np.rint(noise).astype(np.int64)
        nothing = StreamRecords(*(np.zeros(0, np.int64) for _ in range(4)))
        measured = Measured(np.ones((SERIES, len(counts)), np.bool_), values, nothing)
        steps, since = np.full(SERIES, STEP), np.full(SERIES, THEN)
        exact = np.broadcast_to(counts, (SERIES, len(counts)))
        return cls(counts, before, publishable_estimates(exact, steps, since, measured, calibration))


def threshold(stream: int) -> float:
    """Return from which estimate on a stream is shown."""
    calibration = mechanism()
    return float(calibration.min_counts[stream] + calibration.margins(np.array([STEP]))[0, stream])


def deviation(stream: int) -> float:
    """Return the standard deviation of its estimate."""
    return float(mechanism().deviations(np.array([STEP]))[0, stream])


def check(estimates: Estimates, column: int, truth: int, stream: int) -> None:
    """Intervals of the shown numbers contain the truth as often as stated."""
    here = estimates.shown[:, column]
    low, high, value = (side[here, column] for side in (estimates.low, estimates.high, estimates.values))
    assert len(low) > 100
    assert ((low <= value) & (value <= high)).all()
    coverage = float(((low <= truth) & (truth <= high)).mean())
    allowed = 5.3 * sqrt(0.95 * 0.05 / len(low))
    assert 0.95 - allowed < coverage < 0.95 + 0.12 / deviation(stream) + 0.005 + allowed


def counts_of(cells: dict[str, int], dimension: str, total: int) -> NDArray[np.int64]:
    """Return the exact counts of a target, with these cells of one dimension and no removals."""
    layout = mechanism().policy.layout
    counts = np.zeros(layout.count, np.int64)
    counts[layout.total] = total
    for declared, place in zip(mechanism().policy.domain.dimensions, layout.breakdowns, strict=True):
        if declared.name == dimension:
            counts[place] = [cells.get(cell, 0) for cell in declared.cells]
    return counts


@pytest.mark.parametrize("away", [-1.5, -1.0, 0.0, 1.0, 2.0, 4.0])
def test_totals_and_their_changes_near_the_threshold(away: float) -> None:
    """Of totals below it, at it and above it, in standard deviations; and of their change over a day."""
    total = round(threshold(0) + away * deviation(0))
    counts = counts_of({}, "gender", total)
    world = World.release(counts, counts // 2)
    check(world.shown.streams, 0, total, 0)
    check(world.shown.changes, 0, total - total // 2, 0)


@pytest.mark.parametrize("away", [-1.0, 0.0, 1.0])
def test_cells_and_removals_near_the_threshold(away: float) -> None:
    """A cell that is alone near its threshold, and one that is tied to the total with all the others."""
    layout = mechanism().policy.layout
    gender, removal = layout.breakdowns[0].start, layout.removals.start
    near = round(threshold(gender) + away * deviation(gender))
    removed = round(threshold(removal) + away * deviation(removal))
    few = near // 2
    free = counts_of({"female": near, "male": LARGE, "undisclosed": few}, "gender", LARGE + near + few)
    free[removal] = removed
    world = World.release(free, free // 2)
    check(world.shown.streams, gender, near, gender)
    check(world.shown.streams, removal, removed, removal)
    check(world.shown.changes, 1, removed - removed // 2, removal)
    cells = {"female": near, "male": LARGE, "undisclosed": LARGE}
    tied = counts_of(cells, "gender", 2 * LARGE + near)
    check(World.release(tied, tied // 2).shown.streams, gender, near, gender)


@pytest.mark.parametrize("away", [-1.0, 0.0, 1.0])
def test_other_near_its_threshold(away: float) -> None:
    """`other` has a margin of its own; only the cell that is far above its threshold is shown here."""
    layout = mechanism().policy.layout
    gender = layout.breakdowns[0]
    spread = sqrt(deviation(0) ** 2 + deviation(gender.start) ** 2)
    rest = round(mechanism().policy.k + mechanism().z * spread + away * spread)
    counts = counts_of({"male": LARGE}, "gender", LARGE + rest)
    check(World.release(counts, counts // 2).shown.others, 0, rest, gender.start)
