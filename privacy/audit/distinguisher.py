"""Finds output sets that distinguish two datasets on some releases; the best one is tested on others."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from privacy.audit.confidence import Hits, epsilon_lower_bound

QUANTILES = (0.002, 0.02, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.98, 0.998)
RIDGE = 1e-6
WITHHELD = -1e30
"""Replaces a withheld number; below every threshold."""


@dataclass(frozen=True)
class Direction:
    """A weighted sum of all observations, including which numbers are withheld.

    Args:
        fill: replaces withheld numbers, shape (numbers,).
        weights: of the numbers, then of the indicators that they are withheld, shape (2·numbers,).
    """

    fill: NDArray[np.float32]
    weights: NDArray[np.float64]

    def score(self, seen: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns the weighted sum of each release."""
        return _features(seen, self.fill) @ self.weights


@dataclass(frozen=True)
class OutputSet:
    """All releases in which one number, or the score, is above a threshold, or is not.

    Args:
        number: column of the number; the last column is the score.
        threshold: `WITHHELD` gives the set in which the number is shown.
        above: false for the complement.
    """

    number: int
    threshold: float
    above: bool

    def hits(self, columns: NDArray[np.float64]) -> Hits:
        """Counts the releases in the set."""
        count = int((columns[:, self.number] > self.threshold).sum())
        return Hits(count if self.above else len(columns) - count, len(columns))


@dataclass(frozen=True)
class Distinguisher:
    """A test that was trained on some releases of two datasets.

    Args:
        first: observations of one dataset, shape (releases, numbers).
        second: observations of the other one.
    """

    first: NDArray[np.float32]
    second: NDArray[np.float32]

    @cached_property
    def direction(self) -> Direction:
        """Fisher's linear discriminant; for Gaussians of equal covariance, the likelihood ratio."""
        both = np.concatenate([self.first, self.second])
        shown = ~np.isnan(both)
        sums = np.where(shown, both, 0).sum(axis=0, dtype=np.float64)
        fill = (sums / np.maximum(shown.sum(axis=0), 1)).astype(np.float32)
        one, other = _features(self.first, fill), _features(self.second, fill)
        covariance = (np.cov(one, rowvar=False) + np.cov(other, rowvar=False)) / 2
        spread = np.sqrt(np.diag(covariance))
        # A feature that is constant in both datasets distinguishes by its mean alone.
        safe = np.where(spread > 0, spread, 1.0)
        gap = (other.mean(axis=0) - one.mean(axis=0)) / safe
        correlation = covariance / np.outer(safe, safe) + RIDGE * np.eye(len(safe))
        return Direction(fill, np.linalg.solve(correlation, gap) / safe)

    def columns(self, seen: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns the columns that output sets refer to: every number, and the score."""
        return np.concatenate(
            [np.nan_to_num(seen, nan=WITHHELD), self.direction.score(seen)[:, None]], axis=1, dtype=np.float64
        )

    @cached_property
    def _candidates(self) -> list[tuple[OutputSet, Hits, Hits]]:
        one, other = self.columns(self.first), self.columns(self.second)
        return [
            (output_set, output_set.hits(one), output_set.hits(other))
            for output_set in _candidate_sets(one, other)
        ]

    def best(self, delta: float, *, likely_in_second: bool) -> OutputSet:
        """Returns the output set with the largest lower bound on ε."""

        def bound(candidate: tuple[OutputSet, Hits, Hits]) -> float:
            _, rare, likely = candidate if likely_in_second else (candidate[0], candidate[2], candidate[1])
            return epsilon_lower_bound(likely, rare, delta)

        return max(self._candidates, key=bound)[0]


def _candidate_sets(one: NDArray[np.float64], other: NDArray[np.float64]) -> Iterator[OutputSet]:
    score = one.shape[1] - 1
    for number in range(score + 1):
        yield from _impossible_sets(number, one[:, number])
        yield from _impossible_sets(number, other[:, number])
    for threshold in np.quantile(np.concatenate([one[:, score], other[:, score]]), QUANTILES).tolist():
        yield OutputSet(score, threshold, above=True)
        yield OutputSet(score, threshold, above=False)
    for number in range(score):
        shown = other[other[:, number] > WITHHELD, number]
        middle = float(np.median(shown)) if shown.size else 0.0
        for threshold in (WITHHELD, middle, middle - 0.5):
            yield OutputSet(number, threshold, above=True)
            yield OutputSet(number, threshold, above=False)


def _impossible_sets(number: int, column: NDArray[np.float64]) -> Iterator[OutputSet]:
    """Yields what is above and below everything that these releases show: is it impossible there?"""
    yield OutputSet(number, float(column.max()), above=True)
    yield OutputSet(number, float(np.nextafter(column.min(), -np.inf)), above=False)


def _features(seen: NDArray[np.float32], fill: NDArray[np.float32]) -> NDArray[np.float64]:
    withheld = np.isnan(seen)
    return np.concatenate([np.where(withheld, fill, seen), withheld], axis=1).astype(np.float64)
