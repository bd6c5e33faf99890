"""Running statistics of many noise samples: histograms and cross-correlations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chisquare, norm

TAIL_SCALES = 12
"""The probability beyond is below 1e-31."""
BINS = 400


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


@cache
def exact_bins(scale: float) -> Bins:
    """Returns bins of the discrete Gaussian, calculated from its definition."""
    reach = int(np.ceil(TAIL_SCALES * scale))
    values = np.arange(-reach, reach + 1, dtype=np.int64)
    weights = np.exp(-((values / scale) ** 2) / 2)
    weights /= weights.sum()
    below = np.cumsum(weights) - weights / 2
    _, starts = np.unique(np.floor(below * BINS), return_index=True)
    return Bins(values[starts[1:]], np.add.reduceat(weights, starts))


def fit_p_value(counts: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float:
    """Returns the p-value of Pearson's χ² test; it is uniform for correct draws."""
    return float(chisquare(counts, probabilities * counts.sum()).pvalue)


@dataclass(frozen=True)
class CorrelationSums:
    """Sums of products of normalised noise; for independent noise the products cancel out.

    Args:
        within: for every two measurements of one release, shape (measurements, measurements).
        neighbours: for the same measurement of two series of one batch, shape (measurements,).
        repeats: for one measurement of one series that is released twice, shape (measurements,).
        releases: number of releases in `within`.
        pairs: number of pairs in `neighbours`.
        repeated: number of pairs in `repeats`.
    """

    within: NDArray[np.float64]
    neighbours: NDArray[np.float64]
    repeats: NDArray[np.float64]
    releases: int
    pairs: int
    repeated: int

    @classmethod
    def from_noise(cls, noise: NDArray[np.float64], before: NDArray[np.float64] | None) -> Self:
        """Makes the sums for one batch, shape (releases, measurements), and the batch before it."""
        repeats = np.zeros(noise.shape[1])
        repeated = 0
        if before is not None and before.shape == noise.shape:
            repeats, repeated = (noise * before).sum(axis=0), len(noise)
        return cls(
            noise.T @ noise,
            (noise[:-1] * noise[1:]).sum(axis=0),
            repeats,
            len(noise),
            len(noise) - 1,
            repeated,
        )

    def __add__(self, other: CorrelationSums) -> CorrelationSums:
        """Returns the sum of both."""
        return CorrelationSums(
            self.within + other.within,
            self.neighbours + other.neighbours,
            self.repeats + other.repeats,
            self.releases + other.releases,
            self.pairs + other.pairs,
            self.repeated + other.repeated,
        )

    def find_largest(self) -> dict[str, tuple[float, float]]:
        """Returns the largest of each of the three sums and its limit, in deviations."""
        pairs_within = np.triu_indices(len(self.within), 1)
        return {
            "two measurements of one release": _find_largest(self.within[pairs_within], self.releases),
            "one measurement of two targets": _find_largest(self.neighbours, self.pairs),
            "one measurement drawn twice": _find_largest(self.repeats, self.repeated),
        }


FALSE_ALARM = 1e-6


def _find_largest(sums: NDArray[np.float64], terms: int) -> tuple[float, float]:
    allowed = float(norm.isf(FALSE_ALARM / (2 * len(sums))))
    return float(np.abs(sums).max() / np.sqrt(max(terms, 1))), allowed
