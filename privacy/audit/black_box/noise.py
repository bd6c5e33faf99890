"""The noise itself: what is published of numbers that the attacker planted, less what he planted.

Nobody needs to guess anything here. Too little noise stays below every ceiling of guessing until it is nearly
gone; against numbers that are known exactly it shows at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import chi2, norm

from privacy.audit.black_box.chance import FALSE_ALARM
from privacy.audit.report_model import Comparison, ComparisonPlot, Finding, Section

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROUNDING = 1.01
"""Totals are rounded, and a round may be counted an epoch later than most: both add less than this."""


def noise_section(noise: NDArray[np.float64]) -> Section:
    """What the noise of totals says of its size, and of whether a draw is used twice.

    Args:
        noise: in units of the deviation that is claimed, shape (targets, epochs), of targets whose total was
            shown throughout.
    """
    targets, epochs = noise.shape
    a_target = noise / np.sqrt(max(targets, 1))
    deviation, finding = _size(noise)
    findings = (
        finding,
        _cancels_out("one draw for several targets", a_target.sum(axis=0)),
        _cancels_out("one draw for two epochs", (a_target[:, 1:] * noise[:, :-1]).sum(axis=0)),
    )
    return Section(
        key="noise",
        title="Noise: published totals less what was planted",
        tried=f"{targets:,} targets whose likes are known exactly, {epochs} releases each. What was "
        "published less what was planted was taken back to the measurements, where the noise of each "
        "release is a draw of its own.",
        breaks="Less noise than is claimed, or more than the stated deviations say; or a draw that is used "
        "twice, whose noise would cancel out in a difference.",
        confidence=f"χ² and sums of independent draws: a system that keeps its claim fails each with a "
        f"probability of at most {FALSE_ALARM:g}. That a low total is withheld cuts off less than one draw "
        "in ten thousand.",
        findings=findings,
        plots=(
            ComparisonPlot("Deviation of the noise", "of the claimed deviation", "claimed", (deviation,)),
        ),
    )


def noise_of(
    seen: NDArray[np.float64], planted: NDArray[np.float64], encoder: Sequence[int], noise_scale: int
) -> NDArray[np.float64]:
    """The noise of each measurement, in claimed deviations, of the targets that were always shown.

    Args:
        seen: totals, shape (targets, epochs), NaN where one was withheld.
        planted: what they count, exactly.
        encoder: first column of C.
        noise_scale: deviation of a measurement.
    """
    shown = ~np.isnan(seen).any(axis=1)
    return measurements((seen - planted)[shown], encoder) / noise_scale


def measurements(totals: NDArray[np.float64], encoder: Sequence[int]) -> NDArray[np.float64]:
    """Totals are B·y for measurements y = C·x + noise: C·A⁻¹ brings the measurements back."""
    count = totals.shape[1]
    matrix = encoder_matrix(encoder, count)
    back: NDArray[np.float64] = np.diff(totals, axis=1, prepend=0.0) @ matrix.T
    return back


def encoder_matrix(encoder: Sequence[int], epochs: int) -> NDArray[np.float64]:
    """C of the first epochs."""
    steps = np.arange(epochs)
    column = np.array(encoder[:epochs], float)
    return np.tril(column[np.abs(steps[:, None] - steps[None, :])])


def _size(noise: NDArray[np.float64]) -> tuple[Comparison, Finding]:
    """The deviation of all draws together, by χ² of their squares."""
    squares, draws = float((noise**2).sum()), noise.size
    low = float(np.sqrt(squares / chi2.isf(FALSE_ALARM, draws))) if draws else 0.0
    high = float(np.sqrt(squares / chi2.ppf(FALSE_ALARM, draws))) if draws else 0.0
    measured = float(np.sqrt(squares / max(draws, 1)))
    finding = Finding(
        what=f"deviation of {draws:,} draws",
        required="the claimed one, neither more nor less",
        found=f"{measured:.4f} of it, interval {low:.4f} to {high:.4f}",
        passed=low <= _ROUNDING and high >= 1,
    )
    return Comparison("totals", low, measured, high, 1.0), finding


def _cancels_out(what: str, sums: NDArray[np.float64]) -> Finding:
    """Sums over independent targets, each of unit deviation: the largest of them."""
    allowed = float(norm.isf(FALSE_ALARM / (2 * max(sums.size, 1))))
    largest = float(np.abs(sums).max(initial=0.0))
    return Finding(
        what=what,
        required=f"sums over all targets cancel out: below {allowed:.2f} deviations",
        found=f"the largest of {sums.size} is {largest:.2f}",
        passed=largest <= allowed,
    )
