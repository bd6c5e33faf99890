"""Intervals of sums of shown numbers contain the exact sum in 95 % of cases or more.

Of 2,000 sums each, at least 1,848 must: 5.3 standard errors below 95 %, so a false alarm has probability
below 2e-7 a comparison.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from api.public.query.sums import sum_dependent, sum_independent
from privacy.release.selection import selected_half_widths

THRESHOLD, DEVIATION, K = 1100.0, 150.0, 200.0
SUMS, LEAST = 2_000, 1_848
SEED = 63


def draw(counts: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """Draw estimates that are shown: those of at least the threshold."""
    below = ndtr((THRESHOLD - counts) / DEVIATION)
    uniform = generator.random(counts.shape) * (1 - 1e-12)
    return counts + DEVIATION * ndtri(below + (1 - below) * uniform)


def cover(offsets: list[float], terms: int, *, naive: bool = False) -> int:
    """Return how many sums are in their intervals.

    Args:
        offsets: how far exact counts lie above the threshold, in standard deviations; drawn for each.
        terms: how many numbers a sum has.
        naive: whether squares are added up on either side, as if nothing had been selected.
    """
    generator = np.random.default_rng(SEED)
    counts = np.maximum(THRESHOLD + DEVIATION * generator.choice(offsets, size=(SUMS, terms)), K)
    shown = draw(counts, generator)
    widths = selected_half_widths(
        shown, np.full(shown.shape, DEVIATION), np.full(shown.shape, THRESHOLD)
    ).limit_below(shown - K)
    values = np.rint(shown).astype(int)
    lows, highs = np.floor(shown - widths.below).astype(int), np.ceil(shown + widths.above).astype(int)
    covered = 0
    for exact, *of_each in zip(counts.sum(axis=1), values, lows, highs, strict=True):
        figures = [(int(value), int(low), int(high)) for value, low, high in zip(*of_each, strict=True)]
        value, low, high = sum_independent(figures)
        if naive:
            low = value - np.hypot.reduce([one - down for one, down, _ in figures])
            high = value + np.hypot.reduce([up - one for one, _, up in figures])
        covered += low <= exact <= high
    return covered


@pytest.mark.parametrize("terms", [1, 2, 10, 100])
@pytest.mark.parametrize(
    "offsets",
    [[6.0, 9.0], [3.0], [2.0], [1.0], [0.0], [-3.0], [-1.0, 0.0, 1.0], [-2.0, 5.0], [0.0, 1.0, 2.0, 3.0]],
)
def test_sums_are_as_right_as_stated(offsets: list[float], terms: int) -> None:
    """Far above the threshold, just above it, and below it, where a number is rarely shown."""
    assert cover(offsets, terms) >= LEAST


def test_squares_alone_are_not() -> None:
    """What is just above its threshold is too large on average, and that adds up."""
    assert cover([0.0, 1.0], 100, naive=True) < SUMS // 2


def test_what_shares_noise_adds_up_as_it_is() -> None:
    """No interval is narrower than that of parts whose noise is the same."""
    assert sum_dependent([(10, 4, 20), (-3, -8, 0)]) == (7, -4, 20)
