"""Finds events that tell two worlds apart on some releases; the best is tested on others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from privacy.audit.confidence import Hits, epsilon_at_least

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUANTILES = (0.002, 0.02, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.98, 0.998)
RIDGE = 1e-6
WITHHELD = -1e30
"""Stands for a withheld number, below every threshold."""


@dataclass(frozen=True)
class Direction:
    """A weighted sum of everything that is seen, withheld numbers included.

    Args:
        fill: what stands for a withheld number, shape (numbers,).
        weights: of the numbers, then of their being withheld, shape (2·numbers,).
    """

    fill: NDArray[np.float32]
    weights: NDArray[np.float64]

    def score(self, seen: NDArray[np.float32]) -> NDArray[np.float64]:
        """The sum, one for each release."""
        return _features(seen, self.fill) @ self.weights


@dataclass(frozen=True)
class OutputSet:
    """A number or score beyond a threshold.

    Args:
        number: its column; that of the score is the last.
        threshold: the event is what lies above; `WITHHELD` makes it "is shown".
        above: false for what does not lie above.
    """

    number: int
    threshold: float
    above: bool

    def hits(self, columns: NDArray[np.float64]) -> Hits:
        """How often it is seen."""
        count = int((columns[:, self.number] > self.threshold).sum())
        return Hits(count if self.above else len(columns) - count, len(columns))


@dataclass(frozen=True)
class Distinguisher:
    """Learned from some releases of two worlds.

    Args:
        first: what was seen in one, shape (releases, numbers).
        second: in the other.
    """

    first: NDArray[np.float32]
    second: NDArray[np.float32]

    @cached_property
    def direction(self) -> Direction:
        """Fisher's linear discriminant: for Gaussians of one covariance, the likelihood ratio."""
        both = np.concatenate([self.first, self.second])
        shown = ~np.isnan(both)
        sums = np.where(shown, both, 0).sum(axis=0, dtype=np.float64)
        fill = (sums / np.maximum(shown.sum(axis=0), 1)).astype(np.float32)
        one, other = _features(self.first, fill), _features(self.second, fill)
        covariance = (np.cov(one, rowvar=False) + np.cov(other, rowvar=False)) / 2
        spread = np.sqrt(np.diag(covariance))
        # What never varies in either world tells by its mean alone.
        safe = np.where(spread > 0, spread, 1.0)
        gap = (other.mean(axis=0) - one.mean(axis=0)) / safe
        correlation = covariance / np.outer(safe, safe) + RIDGE * np.eye(len(safe))
        return Direction(fill, np.linalg.solve(correlation, gap) / safe)

    def columns(self, seen: NDArray[np.float32]) -> NDArray[np.float64]:
        """What events look at: every number, and the score."""
        return np.concatenate(
            [np.nan_to_num(seen, nan=WITHHELD), self.direction.score(seen)[:, None]], axis=1, dtype=np.float64
        )

    @cached_property
    def _tried(self) -> list[tuple[OutputSet, Hits, Hits]]:
        one, other = self.columns(self.first), self.columns(self.second)
        return [(event, event.hits(one), event.hits(other)) for event in _events(one, other)]

    def best(self, delta: float, *, likely_in_second: bool) -> OutputSet:
        """The event with the largest lower bound on ε."""

        def bound(tried: tuple[OutputSet, Hits, Hits]) -> float:
            _, rare, likely = tried if likely_in_second else (tried[0], tried[2], tried[1])
            return epsilon_at_least(likely, rare, delta)

        return max(self._tried, key=bound)[0]


def _events(one: NDArray[np.float64], other: NDArray[np.float64]) -> Iterator[OutputSet]:
    score = one.shape[1] - 1
    for threshold in np.quantile(np.concatenate([one[:, score], other[:, score]]), QUANTILES).tolist():
        yield OutputSet(score, threshold, above=True)
        yield OutputSet(score, threshold, above=False)
    for number in range(score):
        shown = other[other[:, number] > WITHHELD, number]
        middle = float(np.median(shown)) if shown.size else 0.0
        for threshold in (WITHHELD, middle, middle - 0.5):
            yield OutputSet(number, threshold, above=True)
            yield OutputSet(number, threshold, above=False)


def _features(seen: NDArray[np.float32], fill: NDArray[np.float32]) -> NDArray[np.float64]:
    withheld = np.isnan(seen)
    return np.concatenate([np.where(withheld, fill, seen), withheld], axis=1).astype(np.float64)
