"""Statistical tests of guesses and of response times, with their probabilities of a false alarm."""

from math import erfc, exp, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, mannwhitneyu, t

FALSE_ALARM: Final = 1e-6
"""Probability that a correct system fails one comparison."""
ONE_RUN_ALARM: Final = 0.05
"""The one-run bound is stated at 95 %."""


def mean_interval(shares: NDArray[np.float64], alpha: float = FALSE_ALARM) -> tuple[float, float]:
    """Returns Student's t interval of the mean over independent targets.

    Args:
        shares: share of correct guesses of each target, at least two targets.
        alpha: probability that a bound is wrong, at each end.
    """
    spread = float(t.isf(alpha, len(shares) - 1)) * float(shares.std(ddof=1)) / sqrt(len(shares))
    mean = float(shares.mean())
    return max(0.0, mean - spread), min(1.0, mean + spread)


def one_run_epsilon(canaries: int, guesses: int, right: int, delta: float, alpha: float) -> float:
    """Returns a lower bound on epsilon from one run with many canaries, each included by a fair coin.

    Steinke, Nasr and Jagielski, "Privacy auditing with one (1) training run" (2023), theorem 5.2. The bound
    is wrong with probability alpha at most, whatever the dependence between the canaries.

    Args:
        canaries: number of coins.
        guesses: number of coins that were guessed; the attacker abstained from the others.
        right: number of correct guesses.
        delta: δ at which epsilon is bounded.
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
    """Returns the largest probability of at least `right` correct guesses under (epsilon, delta)-DP."""
    rate = 1 / (1 + exp(-epsilon))
    fewer = binom.pmf(np.arange(right - 1, -1, -1), guesses, rate)
    slope = float(np.max(np.cumsum(fewer) / np.arange(1, right + 1), initial=0.0))
    return min(1.0, float(binom.sf(right - 1, guesses, rate)) + 2 * canaries * delta * slope)


def equal_ranks_p_value(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Returns the p-value of Wilcoxon's rank-sum test that two independent samples have one distribution.

    Coins decide which sample each value belongs to, so if the values do not depend on them, every assignment
    of ranks is as likely as any other.
    """
    if not len(first) or not len(second) or np.ptp(np.concatenate([first, second])) == 0:
        return 1.0
    return float(mannwhitneyu(first, second, method="asymptotic").pvalue)


def equal_times_p_value(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Returns the p-value of Wilcoxon's signed-rank test that two kinds of answers take equally long.

    Each block has one answer of each kind in random order, so disturbances affect both kinds alike: if the
    times are equal, the sign of each difference is a fair coin.

    Args:
        first: seconds, one per block.
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
