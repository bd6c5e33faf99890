"""From right and wrong guesses to a finding beside what the claim allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from privacy.audit.black_box.chance import least_rate, mean_between, most_rate
from privacy.audit.black_box.claim import Claim
from privacy.audit.report_model import Comparison, ComparisonPlot, Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHARE = "share of right guesses"


def guesses_of_coins(what: str, right: NDArray[np.bool_], claim: Claim) -> tuple[Finding, ComparisonPlot]:
    """One guess of a fair coin a target.

    Args:
        what: was guessed.
        right: which guesses were.
        claim: what bounds the share of right ones.
    """
    hits, trials = int(right.sum()), len(right)
    row = (least_rate(hits, trials), hits / trials, most_rate(hits, trials))
    return _finding(what, f"{hits:,} of {trials:,} right", row, claim)


def shares_of_targets(what: str, right: NDArray[np.bool_], claim: Claim) -> tuple[Finding, ComparisonPlot]:
    """Several guesses of fair coins a target.

    Args:
        what: was guessed.
        right: which guesses were, shape (targets, guesses).
        claim: what bounds the share of right ones.
    """
    shares = right.mean(axis=1)
    low, high = mean_between(shares)
    counted = f"{int(right.sum()):,} of {right.size:,} right on {len(right):,} targets"
    return _finding(what, counted, (low, float(np.mean(shares)), high), claim)


def _finding(
    what: str, counted: str, row: tuple[float, float, float], claim: Claim
) -> tuple[Finding, ComparisonPlot]:
    low, share, high = row
    ceiling = claim.accuracy_ceiling
    finding = Finding(
        what=what,
        required=f"right at most {ceiling:.1%} of the time (rho {claim.rho:g}); a coin is right 50 %",
        found=f"{counted}: {share:.1%}, interval {low:.1%} to {high:.1%}",
        passed=low <= ceiling,
    )
    plot = ComparisonPlot(what, _SHARE, "theoretical ceiling", (Comparison(what, *row, ceiling),))
    return finding, plot
