"""Tests the noise directly: the difference between published totals and the exactly known planted counts.

Attacks by guessing detect missing noise only when nearly all of it is missing. Compared with exactly known
counts, a small deviation is already visible.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm

from privacy.audit.black_box.guess_statistics import FALSE_ALARM
from privacy.audit.report_model import Comparison, ComparisonPlot, Finding, Section

_ROUNDING = 1.01
"""Allows for the rounding of totals, and for a round that is counted one epoch late on some targets."""


def noise_section(noise: NDArray[np.float64]) -> Section:
    """Tests the size of the noise, and whether a draw is used twice.

    Args:
        noise: in units of the claimed deviation, shape (targets, epochs), of targets whose total was always
            shown.
    """
    targets, epochs = noise.shape
    normalised = noise / np.sqrt(max(targets, 1))
    deviation, finding = _compare_deviation(noise)
    findings = (
        finding,
        _check_cancellation("one draw for several targets", normalised.sum(axis=0)),
        _check_cancellation("one draw for two epochs", (normalised[:, 1:] * noise[:, :-1]).sum(axis=0)),
    )
    return Section(
        key="noise",
        title="Noise: published totals minus planted likes",
        tried=f"{targets:,} targets whose likes are known exactly, {epochs} releases each. The measurements "
        "were recovered from the differences between published and planted totals; the noise of each "
        "measurement is an independent draw.",
        breaks="Noise with a smaller or larger deviation than claimed, or a draw that is used twice, whose "
        "noise would cancel out in a difference.",
        confidence=f"χ² and sums of independent draws: a system that keeps its claim fails each with a "
        f"probability of at most {FALSE_ALARM:g}. Withholding low totals truncates less than one draw in "
        "ten thousand.",
        findings=findings,
        plots=(ComparisonPlot("Deviation of the noise", "claimed deviations", "claimed", (deviation,)),),
    )


def extract_noise(
    observed: NDArray[np.float64], planted: NDArray[np.float64], encoder: Sequence[int], noise_scale: int
) -> NDArray[np.float64]:
    """Returns the noise of each measurement in claimed deviations, for targets that were always shown.

    Args:
        observed: totals, shape (targets, epochs), NaN where withheld.
        planted: exact counts.
        encoder: first column of C.
        noise_scale: deviation of a measurement.
    """
    shown = ~np.isnan(observed).any(axis=1)
    return recover_measurements((observed - planted)[shown], encoder) / noise_scale


def recover_measurements(totals: NDArray[np.float64], encoder: Sequence[int]) -> NDArray[np.float64]:
    """Returns the measurements y = C·x + noise, given totals B·y: multiplies by C·A⁻¹."""
    count = totals.shape[1]
    matrix = encoder_matrix(encoder, count)
    recovered: NDArray[np.float64] = np.diff(totals, axis=1, prepend=0.0) @ matrix.T
    return recovered


def encoder_matrix(encoder: Sequence[int], epochs: int) -> NDArray[np.float64]:
    """Returns C of the first epochs."""
    steps = np.arange(epochs)
    column = np.array(encoder[:epochs], float)
    return np.tril(column[np.abs(steps[:, None] - steps[None, :])])


def _compare_deviation(noise: NDArray[np.float64]) -> tuple[Comparison, Finding]:
    """Compares the deviation of all draws with the claim, by χ² of their squares."""
    squares, draws = float((noise**2).sum()), noise.size
    low = float(np.sqrt(squares / chi2.isf(FALSE_ALARM, draws))) if draws else 0.0
    high = float(np.sqrt(squares / chi2.ppf(FALSE_ALARM, draws))) if draws else 0.0
    measured = float(np.sqrt(squares / max(draws, 1)))
    finding = Finding(
        what=f"deviation of {draws:,} draws",
        required="equal to the claimed deviation",
        found=f"{measured:.4f} of the claim, interval {low:.4f} to {high:.4f}",
        passed=low <= _ROUNDING and high >= 1,
    )
    return Comparison("totals", low, measured, high, 1.0), finding


def _check_cancellation(what: str, sums: NDArray[np.float64]) -> Finding:
    """Tests that the largest of the sums over independent targets, each of unit deviation, is small."""
    allowed = float(norm.isf(FALSE_ALARM / (2 * max(sums.size, 1))))
    largest = float(np.abs(sums).max(initial=0.0))
    return Finding(
        what=what,
        required=f"all sums over targets below {allowed:.2f} deviations",
        found=f"the largest of {sums.size} sums is {largest:.2f}",
        passed=largest <= allowed,
    )
