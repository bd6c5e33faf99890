"""Looks for dependence between draws: correlations of values and magnitudes, equal draws, repetitions."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log, pi, sqrt
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf
from scipy.stats import norm, poisson

from privacy.audit.noise_statistics import FALSE_ALARM, exact_probabilities

KEPT_KEYS: Final = 16
"""One in this number of sequences is kept, by its hash: a repetition of some dozens of draws is noticed."""
CHANCE_REPETITIONS: Final = 1
"""Repetitions that may be hashes that are equal by chance: two have a probability below 1e-8."""
EQUAL_BY_CHANCE: Final = 1e-9
"""Bound on the probability that any two of `MOST_DRAWS` sequences are equal."""
MOST_DRAWS: Final = 10**9


@dataclass(frozen=True)
class CorrelationSums:
    """Sums of products of normalised noise; for independent noise the products cancel out.

    Each sum is made for values, for magnitudes, and for the value of one draw with the magnitude of another;
    the values of draws that share a magnitude under signs of their own are not correlated.

    Args:
        within: for every two measurements of one release, shape (3, measurements, measurements).
        neighbours: for the same measurement of two series of one batch, shape (4, measurements).
        repeats: for one measurement of one series that is released twice, shape (4, measurements).
        releases: number of releases in `within`.
        pairs: number of pairs in `neighbours`.
        repeated: number of pairs in `repeats`.
    """

    within: NDArray[np.float32]
    neighbours: NDArray[np.float64]
    repeats: NDArray[np.float64]
    releases: int
    pairs: int
    repeated: int

    @classmethod
    def from_noise(cls, noise: NDArray[np.float64], before: NDArray[np.float64] | None) -> Self:
        """Makes the sums for one batch, shape (releases, measurements), and the batch before it."""
        magnitudes = _normalise_magnitudes(noise)
        repeats, repeated = np.zeros((4, noise.shape[1])), 0
        if before is not None and before.shape == noise.shape:
            repeats, repeated = _sum_products(noise, magnitudes, before), len(noise)
        return cls(
            np.stack(
                [noise.T @ noise, magnitudes.T @ magnitudes, noise.T @ magnitudes],
                dtype=np.float32,
                casting="same_kind",
            ),
            _sum_products(noise[:-1], magnitudes[:-1], noise[1:]),
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
        # The product of a draw with its own magnitude has mean zero, too, but another deviation.
        different = ~np.eye(self.within.shape[1], dtype=np.bool_)
        upper = np.triu(different)
        within = np.concatenate([self.within[0][upper], self.within[1][upper], self.within[2][different]])
        return {
            "two measurements of one release": _find_largest(within.astype(np.float64), self.releases),
            "one measurement of two targets": _find_largest(self.neighbours.ravel(), self.pairs),
            "one measurement drawn twice": _find_largest(self.repeats.ravel(), self.repeated),
        }


def _normalise_magnitudes(noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the ranks of the magnitudes: uniform, with mean 0 and variance 1."""
    ranks: NDArray[np.float64] = (erf(np.abs(noise) / sqrt(2)) - 1 / 2) * sqrt(12)
    return ranks


def _sum_products(
    noise: NDArray[np.float64], magnitudes: NDArray[np.float64], other: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns the sums of the products of values, of magnitudes, and of values with magnitudes, both ways."""
    others = _normalise_magnitudes(other)
    products = (noise * other, magnitudes * others, noise * others, magnitudes * other)
    return np.stack([product.sum(axis=0) for product in products])


def _find_largest(sums: NDArray[np.float64], terms: int) -> tuple[float, float]:
    allowed = float(norm.isf(FALSE_ALARM / (2 * len(sums))))
    return float(np.abs(sums).max() / np.sqrt(max(terms, 1))), allowed


@dataclass(frozen=True)
class RepetitionCounts:
    """Equal magnitudes of neighbouring draws of one scale, and sequences of magnitudes.

    Args:
        scale: the scale of the noise.
        pairs: neighbouring draws: of two steps, two streams, or two series.
        equal: pairs with equal magnitudes.
        keys: of sequences of magnitudes in one stream, one in `KEPT_KEYS`.
    """

    scale: int
    pairs: int
    equal: int
    keys: NDArray[np.uint64]

    @classmethod
    def of_call(cls, scale: int, draws: NDArray[np.int64]) -> Self:
        """Makes the counts of one call, shape (series, streams, steps)."""
        magnitudes = np.abs(draws)
        pairs = equal = 0
        for axis in range(magnitudes.ndim):
            same = np.diff(magnitudes, axis=axis) == 0
            pairs, equal = pairs + same.size, equal + int(same.sum())
        return cls(scale, pairs, equal, _sequence_keys(magnitudes, _sequence_length(scale)))

    def __add__(self, other: RepetitionCounts) -> RepetitionCounts:
        """Returns the sum of both."""
        return RepetitionCounts(
            self.scale,
            self.pairs + other.pairs,
            self.equal + other.equal,
            np.concatenate([self.keys, other.keys]),
        )

    @property
    def expected(self) -> float:
        """Number of pairs with equal magnitudes that independent draws have."""
        values, weights = exact_probabilities(self.scale)
        magnitudes = np.bincount(np.abs(values), weights)
        return self.pairs * float((magnitudes**2).sum())

    def p_value(self) -> float:
        """Returns the p-value of the number of equal pairs, above the expected one."""
        return float(poisson.sf(self.equal - 1, self.expected))

    def count_repeated(self) -> int:
        """Returns how many kept sequences occurred before."""
        return len(self.keys) - len(np.unique(self.keys))


def _sequence_length(scale: int) -> int:
    """Returns the length at which no two sequences of independent draws are equal, but for a small chance."""
    of_equal = min(0.9, 1 / (sqrt(pi) * scale))
    return ceil(log(EQUAL_BY_CHANCE * 2 / MOST_DRAWS**2) / log(of_equal))


def _sequence_keys(magnitudes: NDArray[np.int64], length: int) -> NDArray[np.uint64]:
    """Returns a hash of every `length` successive draws of a stream; streams that are shorter have none."""
    if magnitudes.shape[-1] < length:
        return np.empty(0, np.uint64)
    factors = np.random.default_rng(length).integers(1, 2**64, length, dtype=np.uint64) | np.uint64(1)
    last = magnitudes.shape[-1] - length + 1
    keys = np.zeros((*magnitudes.shape[:-1], last), np.uint64)
    for place, factor in enumerate(factors):
        keys += magnitudes[..., place : place + last].astype(np.uint64) * factor
    # The lowest bits of a product depend on the lowest bits alone, so the highest ones decide.
    kept: NDArray[np.uint64] = keys[keys >> np.uint64(64 - KEPT_KEYS.bit_length() + 1) == 0]
    return kept
