"""Turns guesses into findings that compare the share of correct ones with what the claim allows."""

import numpy as np
from numpy.typing import NDArray

from privacy.audit.black_box.claim import Bound
from privacy.audit.black_box.guess_statistics import FALSE_ALARM, equal_ranks_p_value, mean_interval
from privacy.audit.confidence import Hits
from privacy.audit.report_model import Comparison, ComparisonPlot, Finding

_SHARE = "share of correct guesses"


def guesses_of_coins(what: str, right: NDArray[np.bool_], bound: Bound) -> tuple[Finding, ComparisonPlot]:
    """Makes a finding of one guess of a fair coin per target.

    Args:
        what: was guessed.
        right: which guesses were correct.
        bound: on the share of correct guesses.
    """
    hits = Hits(int(right.sum()), len(right))
    row = (hits.lower_bound(FALSE_ALARM), hits.rate, hits.upper_bound(FALSE_ALARM))
    return _make_finding(what, f"{hits.hits:,} of {hits.samples:,} correct", row, bound)


def shares_of_targets(what: str, right: NDArray[np.bool_], bound: Bound) -> tuple[Finding, ComparisonPlot]:
    """Makes a finding of several guesses of fair coins per target.

    Args:
        what: was guessed.
        right: which guesses were correct, shape (targets, guesses).
        bound: on the share of correct guesses.
    """
    shares = right.mean(axis=1)
    low, high = mean_interval(shares)
    counted = f"{int(right.sum()):,} of {right.size:,} correct on {len(right):,} targets"
    return _make_finding(what, counted, (low, float(np.mean(shares)), high), bound)


def guesses_from_scores(
    what: str, scores: NDArray[np.float64], coins: NDArray[np.bool_], bound: Bound
) -> tuple[tuple[Finding, Finding], ComparisonPlot]:
    """Compares the scores of both sides of the coin, and guesses the coins of the second half of the targets.

    The attacker knows the coins of the first half, as if its own accounts decided them.

    Args:
        what: the score.
        scores: one per target.
        coins: whether the victim joined, one per target.
        bound: on the share of correct guesses.
    """
    joined, absent = scores[coins], scores[~coins]
    p_value = equal_ranks_p_value(joined, absent)
    medians = ", ".join(f"{np.median(side):.3f}" for side in (joined, absent) if side.size)
    equal = Finding(
        what=f"{what}: with the victim and without",
        required=f"one distribution is not rejected (p ≥ {FALSE_ALARM:g})",
        found=f"p = {p_value:.3g}; medians {medians} over {len(joined):,} and {len(absent):,} targets",
        passed=p_value >= FALSE_ALARM,
    )
    known = len(scores) // 2
    guesses = _guess_by_middle(scores[known:], scores[:known], coins[:known])
    guessed, plot = guesses_of_coins(f"the victim, from the {what}", guesses == coins[known:], bound)
    return (equal, guessed), plot


def _guess_by_middle(
    scores: NDArray[np.float64], known: NDArray[np.float64], coins: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Guesses on which side of the middle between the medians of known targets each score is."""
    if coins.all() or not coins.any():
        return np.full(scores.shape, bool(coins.all()))
    joined, absent = float(np.median(known[coins])), float(np.median(known[~coins]))
    above: NDArray[np.bool_] = scores > (joined + absent) / 2
    return above if joined >= absent else ~above


def _make_finding(
    what: str, counted: str, row: tuple[float, float, float], bound: Bound
) -> tuple[Finding, ComparisonPlot]:
    low, share, high = row
    ceiling = bound.accuracy_ceiling
    finding = Finding(
        what=what,
        required=f"at most {ceiling:.1%} correct (rho {bound.rho:g}); chance gives 50 %",
        found=f"{counted}: {share:.1%}, interval {low:.1%} to {high:.1%}",
        passed=low <= ceiling,
    )
    plot = ComparisonPlot(what, _SHARE, "theoretical ceiling", (Comparison(what, *row, ceiling),))
    return finding, plot
