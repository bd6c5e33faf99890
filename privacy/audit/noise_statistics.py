"""Exact probabilities of the discrete Gaussian, and the χ² test against them."""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chisquare

FALSE_ALARM: Final = 1e-6
"""A smaller p-value fails; each test of a program without mistakes has one with this probability."""
TAIL_SCALES: Final = 12
"""The probability beyond is below 1e-31."""
BINS: Final = 400


@dataclass(frozen=True)
class Bins:
    """Intervals of integers with about equal probabilities.

    Args:
        edges: first integer of each bin except the first, ascending.
        probabilities: exact probability of each bin.
    """

    edges: NDArray[np.int64]
    probabilities: NDArray[np.float64]

    def counts(self, draws: NDArray[np.int64]) -> NDArray[np.int64]:
        """Counts the draws in each bin."""
        indices = np.searchsorted(self.edges, draws.ravel(), side="right")
        return np.bincount(indices, minlength=len(self.probabilities))

    def probabilities_at(self, scale: float) -> NDArray[np.float64]:
        """Returns the probability of each bin for noise of another scale."""
        values, weights = exact_probabilities(scale)
        indices = np.searchsorted(self.edges, values, side="right")
        return np.asarray(np.bincount(indices, weights, len(self.probabilities)), np.float64)


def exact_probabilities(scale: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Returns the integers within 12 scales of 0, ascending, and their probabilities, by definition."""
    reach = int(np.ceil(TAIL_SCALES * scale))
    values = np.arange(-reach, reach + 1, dtype=np.int64)
    weights = np.exp(-((values / scale) ** 2) / 2)
    return values, weights / weights.sum()


@cache
def exact_bins(scale: int) -> Bins:
    """Returns bins of the discrete Gaussian of this scale."""
    values, weights = exact_probabilities(scale)
    below = np.cumsum(weights) - weights / 2
    _, starts = np.unique(np.floor(below * BINS), return_index=True)
    return Bins(values[starts[1:]], np.add.reduceat(weights, starts))


def fit_p_value(counts: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float:
    """Returns the p-value of Pearson's χ² test; it is uniform for correct draws."""
    return float(chisquare(counts, probabilities * counts.sum()).pvalue)
