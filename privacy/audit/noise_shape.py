"""Compares noise with its exact probabilities: body, tails, remainders, and each call of the engine alone.

χ² over bins of equal probability sees the body, but merges the tails into two of its bins. So each tail has
events of its own, compared with their exact probabilities: they show a support that ends, and weight that
moved outwards. Remainders modulo a number with many divisors show values that occur too often, never, or only
as multiples: rounding, constants, noise that was left out. What happens in a few calls of the engine only is
lost in the sum over all of them, so each call is tested alone as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from privacy.audit.noise_statistics import Bins, exact_bins, exact_probabilities, fit_p_value

TAILS: Final = (2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0)
"""Starts of the tails, in scales; the probability beyond the last one is 2e-9."""
PRIMORIALS: Final = (1, 2, 6, 30, 210, 2_310, 30_030)
"""Products of the first primes; each divides the next."""
LEAST_EXPECTED: Final = 10.0
"""Fewest draws that are expected of each remainder."""
CALL_BINS: Final = 20
"""Bins of a single call, which are groups of bins of all calls."""


@dataclass(frozen=True)
class ExactShape:
    """Exact probabilities of what draws of one scale are sorted into.

    Args:
        bins: of about equal probabilities.
        tail_edges: first integer beyond each start of a tail.
        tails: probability of one side beyond each start.
        remainders: probability of each remainder.
    """

    bins: Bins
    tail_edges: NDArray[np.int64]
    tails: NDArray[np.float64]
    remainders: NDArray[np.float64]

    @property
    def modulus(self) -> int:
        """The number that draws are divided by."""
        return len(self.remainders)


@cache
def exact_shape(scale: int) -> ExactShape:
    """Returns the probabilities for a scale, calculated from the definition."""
    values, weights = exact_probabilities(scale)
    edges = np.floor(np.array(TAILS) * scale).astype(np.int64) + 1
    beyond = np.cumsum(weights)[np.searchsorted(values, -edges)]
    modulus = max(primorial for primorial in PRIMORIALS if primorial <= scale)
    remainders = np.asarray(np.bincount(values % modulus, weights, modulus), np.float64)
    return ExactShape(exact_bins(scale), edges, beyond, remainders)


@dataclass(frozen=True)
class ShapeCounts:
    """The cells into which draws of one scale were sorted.

    Args:
        scale: the scale of the noise.
        bins: draws in each bin.
        tails: draws beyond each start of a tail, below and above, shape (2, len(TAILS)).
        remainders: draws with each remainder.
        calls: calls of the engine.
        least_p_value: the smallest p-value of a single call.
    """

    scale: int
    bins: NDArray[np.int64]
    tails: NDArray[np.int64]
    remainders: NDArray[np.int64]
    calls: int
    least_p_value: float

    @classmethod
    def of_call(cls, scale: int, draws: NDArray[np.int64]) -> Self:
        """Sorts the draws of one call."""
        exact, drawn = exact_shape(scale), draws.ravel()
        bins = exact.bins.counts(drawn)
        far = np.sort(drawn[np.abs(drawn) >= exact.tail_edges[0]])
        above = far.size - np.searchsorted(far, exact.tail_edges)
        below = np.searchsorted(far, -exact.tail_edges, side="right")
        remainders = np.bincount(drawn % exact.modulus, minlength=exact.modulus)
        tails = np.stack([below, above]).astype(np.int64)
        return cls(scale, bins, tails, remainders, 1, _call_p_value(exact, bins, tails))

    def __add__(self, other: ShapeCounts) -> ShapeCounts:
        """Returns the sum of both."""
        return ShapeCounts(
            self.scale,
            self.bins + other.bins,
            self.tails + other.tails,
            self.remainders + other.remainders,
            self.calls + other.calls,
            min(self.least_p_value, other.least_p_value),
        )

    @property
    def draws(self) -> int:
        """Number of draws."""
        return int(self.bins.sum())

    def p_values(self) -> dict[str, float]:
        """Returns the p-value of each test, corrected for the number of its events."""
        exact = exact_shape(self.scale)
        return {
            "bins": fit_p_value(self.bins, exact.bins.probabilities),
            "tails": _tails_p_value(exact, self.tails, self.draws),
            "remainders": _remainders_p_value(exact, self.remainders),
            "single calls": min(1.0, self.least_p_value * self.calls),
        }


def binomial_p_values(
    counts: NDArray[np.int64], draws: int, probabilities: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns the exact two-sided p-value of each number of hits."""
    few, many = binom.cdf(counts, draws, probabilities), binom.sf(counts - 1, draws, probabilities)
    p_values: NDArray[np.float64] = np.minimum(1.0, 2 * np.minimum(few, many))
    return p_values


def _tails_p_value(exact: ExactShape, tails: NDArray[np.int64], draws: int) -> float:
    return min(1.0, tails.size * float(binomial_p_values(tails, draws, exact.tails).min()))


def _call_p_value(exact: ExactShape, bins: NDArray[np.int64], tails: NDArray[np.int64]) -> float:
    starts = np.unique(np.linspace(0, len(bins), CALL_BINS, endpoint=False).astype(np.intp))
    counts, probabilities = (
        np.add.reduceat(bins, starts),
        np.add.reduceat(exact.bins.probabilities, starts),
    )
    body = fit_p_value(counts, probabilities)
    return min(1.0, 2 * min(body, _tails_p_value(exact, tails, int(bins.sum()))))


def _remainders_p_value(exact: ExactShape, counts: NDArray[np.int64]) -> float:
    """Tests all remainders together by χ², and each alone; with few draws modulo a smaller number."""
    draws = int(counts.sum())
    for modulus in sorted((one for one in PRIMORIALS if one <= exact.modulus), reverse=True):
        probabilities = exact.remainders.reshape(-1, modulus).sum(axis=0)
        if draws * float(probabilities.min()) >= LEAST_EXPECTED:
            folded = counts.reshape(-1, modulus).sum(axis=0)
            single = modulus * float(binomial_p_values(folded, draws, probabilities).min())
            return min(1.0, 2 * min(fit_p_value(folded, probabilities), single)) if modulus > 1 else 1.0
    return 1.0
