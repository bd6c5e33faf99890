"""Turns guesses into findings that compare the share of correct ones with the claim."""

import numpy as np
from numpy.typing import NDArray

from privacy.audit.black_box.claim import Claim
from privacy.audit.black_box.guess_statistics import FALSE_ALARM, mean_interval
from privacy.audit.confidence import Hits
from privacy.audit.report_model import Comparison, ComparisonPlot, Finding

_SHARE = "share of correct guesses"


def guesses_of_coins(what: str, right: NDArray[np.bool_], claim: Claim) -> tuple[Finding, ComparisonPlot]:
    """Makes a finding of one guess of a fair coin per target.

    Args:
        what: was guessed.
        right: which guesses were correct.
        claim: bounds the share of correct guesses.
    """
    hits = Hits(int(right.sum()), len(right))
    row = (hits.lower_bound(FALSE_ALARM), hits.rate, hits.upper_bound(FALSE_ALARM))
    return _make_finding(what, f"{hits.hits:,} of {hits.samples:,} correct", row, claim)


def shares_of_targets(what: str, right: NDArray[np.bool_], claim: Claim) -> tuple[Finding, ComparisonPlot]:
    """Makes a finding of several guesses of fair coins per target.

    Args:
        what: was guessed.
        right: which guesses were correct, shape (targets, guesses).
        claim: bounds the share of correct guesses.
    """
    shares = right.mean(axis=1)
    low, high = mean_interval(shares)
    counted = f"{int(right.sum()):,} of {right.size:,} correct on {len(right):,} targets"
    return _make_finding(what, counted, (low, float(np.mean(shares)), high), claim)


def _make_finding(
    what: str, counted: str, row: tuple[float, float, float], claim: Claim
) -> tuple[Finding, ComparisonPlot]:
    low, share, high = row
    ceiling = claim.accuracy_ceiling
    finding = Finding(
        what=what,
        required=f"at most {ceiling:.1%} correct (rho {claim.rho:g}); chance gives 50 %",
        found=f"{counted}: {share:.1%}, interval {low:.1%} to {high:.1%}",
        passed=low <= ceiling,
    )
    plot = ComparisonPlot(what, _SHARE, "theoretical ceiling", (Comparison(what, *row, ceiling),))
    return finding, plot
