"""What counts of right guesses and ranks of times prove, with the probability of a false alarm."""

from __future__ import annotations

from math import erfc, exp, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.stats import beta, binom, t

if TYPE_CHECKING:
    from numpy.typing import NDArray

FALSE_ALARM: Final = 1e-6
"""Probability that a sound system fails one comparison."""
ONE_RUN_ALARM: Final = 0.05
"""The one-run bound is stated at 95 %."""


def least_rate(hits: int, trials: int, alpha: float = FALSE_ALARM) -> float:
    """Clopper and Pearson: the rate is at least this, but with probability alpha."""
    return float(beta.ppf(alpha, hits, trials - hits + 1)) if hits else 0.0


def most_rate(hits: int, trials: int, alpha: float = FALSE_ALARM) -> float:
    """Clopper and Pearson: the rate is at most this, but with probability alpha."""
    return float(beta.isf(alpha, hits + 1, trials - hits)) if hits < trials else 1.0


def mean_between(shares: NDArray[np.float64], alpha: float = FALSE_ALARM) -> tuple[float, float]:
    """Student's t over independent targets: the mean is in between, but with probability alpha at each end.

    Args:
        shares: the share of right guesses of each target, at least two.
        alpha: probability of a wrong bound, at each end.
    """
    spread = float(t.isf(alpha, len(shares) - 1)) * float(shares.std(ddof=1)) / sqrt(len(shares))
    mean = float(shares.mean())
    return max(0.0, mean - spread), min(1.0, mean + spread)


def one_run_epsilon(canaries: int, guesses: int, right: int, delta: float, alpha: float) -> float:
    """A lower bound on epsilon from one run with many canaries, each in or out by a fair coin.

    Steinke, Nasr and Jagielski, "Privacy auditing with one (1) training run" (2023), theorem 5.2. It may be
    wrong with probability alpha, however the canaries' fates hang together through the noise.

    Args:
        canaries: coins that were thrown.
        guesses: how many of them were guessed; the others were passed over.
        right: how many of the guesses were right.
        delta: at which epsilon is bounded.
        alpha: probability that the bound is wrong.
    """
    low, high = 0.0, 30.0
    if _one_run_p_value(canaries, guesses, right, low, delta) > alpha:
        return 0.0
    for _ in range(40):
        middle = (low + high) / 2
        if _one_run_p_value(canaries, guesses, right, middle, delta) <= alpha:
            low = middle
        else:
            high = middle
    return low


def _one_run_p_value(canaries: int, guesses: int, right: int, epsilon: float, delta: float) -> float:
    """How likely so many right guesses are at most, if the system is (epsilon, delta)-private."""
    rate = 1 / (1 + exp(-epsilon))
    fewer = binom.pmf(np.arange(right - 1, -1, -1), guesses, rate)
    slope = float(np.max(np.cumsum(fewer) / np.arange(1, right + 1), initial=0.0))
    return min(1.0, float(binom.sf(right - 1, guesses, rate)) + 2 * canaries * delta * slope)


def same_times_p_value(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Whether two kinds of answers take equally long: how likely such ranks are if they do.

    The two stand in blocks, one of each in random order, so whatever else the machine does meets both alike:
    under that order alone the sign of each difference is a fair coin, and so is its rank's (Wilcoxon).

    Args:
        first: seconds, one a block.
        second: seconds of the other kind, in the same blocks.
    """
    differences = first - second
    differences = differences[differences != 0]
    if not len(differences):
        return 1.0
    order = np.argsort(np.abs(differences), kind="stable")
    ranks = np.empty(len(differences))
    ranks[order] = np.arange(1, len(differences) + 1)
    score = float((np.sign(differences) * ranks).sum()) / float(np.sqrt((ranks**2).sum()))
    return erfc(abs(score) / sqrt(2))
