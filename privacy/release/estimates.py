"""Turns measurements into publishable numbers: estimates, gate, reconciliation, intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privacy.mechanism.accounting import Calibration
from privacy.mechanism.gate import passes_gate
from privacy.release.breakdowns import Consistent, Gated, reconcile_breakdowns
from privacy.release.measure import Measured
from privacy.release.selection import Z95, HalfWidths, selected_half_widths, sum_half_widths
from privacy.release.smoothing import make_smoothing_model


@dataclass(frozen=True)
class Estimates:
    """Numbers of several series with their intervals; every array has shape (series, numbers).

    Args:
        values: integers.
        low: lower end of the 95 % interval.
        high: upper end.
        shown: false where the number is withheld; the other arrays are meaningless there.
    """

    values: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    shown: NDArray[np.bool_]

    @classmethod
    def from_centres(
        cls,
        values: NDArray[np.int64],
        centres: NDArray[np.float64],
        widths: HalfWidths,
        shown: NDArray[np.bool_],
    ) -> Estimates:
        """Return integer 95 % intervals around the centres, with ends rounded outwards."""
        low = np.floor(centres - widths.below).astype(np.int64)
        high = np.ceil(centres + widths.above).astype(np.int64)
        return cls(values, low, high, shown)

    @classmethod
    def from_consistent(cls, numbers: Consistent) -> Estimates:
        """Return reconciled numbers with their intervals."""
        return cls.from_centres(numbers.values, numbers.centres, numbers.widths, numbers.shown)

    def beside(self, *more: Estimates) -> Estimates:
        """Return these numbers and more of the same series beside them."""
        return Estimates(
            *(
                np.concatenate([getattr(each, name) for each in (self, *more)], axis=1)
                for name in ("values", "low", "high", "shown")
            )
        )

    def clamp(self, least: NDArray[np.int64] | int) -> Estimates:
        """Return the same numbers, none below zero, with intervals that begin at their least counts.

        An interval contains its value, whatever the least count is.

        Args:
            least: what the exact counts of shown numbers reach with certainty, by number.
        """
        values = np.maximum(self.values, 0)
        low = np.maximum(self.low, np.minimum(least, values))
        return Estimates(values, low, np.maximum(self.high, values), self.shown)


@dataclass(frozen=True)
class PublishedEstimates:
    """Everything that releases publish about several series.

    Args:
        streams: one number per stream, in the policy's layout.
        others: the `other` cell of each breakdown, in the order of the dimensions.
        changes: changes of the total and of the removals by reason, since `since_step`.
        smoothed: the total by the model of `privacy.release.smoothing`, shape (series, 1).
        since_step: step that the changes refer to, shape (series,); −1 for the start, `NO_STEP` for none.
    """

    streams: Estimates
    others: Estimates
    changes: Estimates
    smoothed: Estimates
    since_step: NDArray[np.intp]


NO_STEP = -2


def publishable_estimates(
    exact: NDArray[np.int64],
    steps: NDArray[np.intp],
    since_step: NDArray[np.intp],
    measured: Measured,
    calibration: Calibration,
) -> PublishedEstimates:
    """Estimate, gate and reconcile.

    Args:
        exact: exact counts, shape (series, streams); read only by the gate.
        steps: the current step of each series, shape (series,).
        since_step: step that the changes refer to, as in `PublishedEstimates`.
        measured: all measurements.
        calibration: decoder and noise scales.
    """
    layout, least = calibration.policy.layout, calibration.min_counts
    estimates = _decode(measured.values, steps, calibration)
    deviations, margins = calibration.deviations(steps), calibration.margins(steps)
    passed = measured.known & passes_gate(exact, estimates, margins, least)
    passed &= passed[:, layout.total : layout.total + 1]
    widths = selected_half_widths(estimates, deviations, least + margins).limit_below(estimates - least)
    streams, others = reconcile_breakdowns(
        Gated(estimates, deviations, widths, passed),
        layout.total,
        layout.breakdowns,
        k=calibration.policy.k,
        z=calibration.z,
    )
    return PublishedEstimates(
        streams=Estimates.from_consistent(streams).clamp(least),
        others=Estimates.from_consistent(others).clamp(0),
        changes=_estimate_changes(steps, since_step, measured, calibration, widths, streams.shown),
        smoothed=_smooth_totals(steps, measured, calibration, widths, streams.shown),
        since_step=since_step,
    )


def _estimate_changes(
    steps: NDArray[np.intp],
    since_step: NDArray[np.intp],
    measured: Measured,
    calibration: Calibration,
    widths_now: HalfWidths,
    shown_now: NDArray[np.bool_],
) -> Estimates:
    """Estimate changes of the total and of the removals between two releases.

    Each change is shown where its number is shown now. A stream passes the gate with all its measurements so
    far: an estimate of an earlier step from them is post-processing, whether or not it was shown then.

    The noise of a change is a multiple of that of the number now, which was selected, and independent noise.
    """
    layout = calibration.policy.layout
    streams = np.array([layout.total, *range(layout.count)[layout.removals]])
    shown = shown_now[:, streams] & (since_step != NO_STEP)[:, None]
    values, then_at = measured.values[:, streams], np.maximum(since_step, 0)
    from_start = (since_step < 0)[:, None]
    now = _decode(values, steps, calibration)
    then = np.where(from_start, 0.0, _decode(values, then_at, calibration))
    decoder, scales = calibration.factorisation.decoder, calibration.stream_scales[streams]
    row = decoder[steps]
    spread = row - np.where(from_start, 0.0, decoder[then_at])
    share = (row * spread).sum(axis=1, keepdims=True) / (row**2).sum(axis=1, keepdims=True)
    independent = Z95 * np.linalg.norm(spread - share * row, axis=1)[:, None] * scales
    widths = sum_half_widths((share, widths_now[:, streams]), (1.0, HalfWidths(independent, independent)))
    numbers = np.rint(now).astype(np.int64) - np.rint(then).astype(np.int64)
    return Estimates.from_centres(numbers, now - then, widths, shown)


def _smooth_totals(
    steps: NDArray[np.intp],
    measured: Measured,
    calibration: Calibration,
    widths: HalfWidths,
    shown: NDArray[np.bool_],
) -> Estimates:
    """Smooth the totals; a smoothed total is shown where the total is, and the models are plausible.

    The error of a smoothed total is a multiple of the total's, which was selected, and independent.
    """
    layout = calibration.policy.layout
    total, least = layout.total, int(calibration.min_counts[layout.total])
    scale = int(calibration.stream_scales[total])
    model = make_smoothing_model(calibration.factorisation, calibration.schedule, scale)
    smoothed = model.smooth(measured.values[:, total], steps)
    variances = calibration.deviations(steps)[:, total] ** 2
    share = np.minimum(smoothed.variances / variances, 1.0)
    independent = Z95 * np.sqrt(share * (1 - share) * variances)
    spread = sum_half_widths((share, widths[:, total]), (1.0, HalfWidths(independent, independent)))
    values = np.rint(smoothed.means).astype(np.int64)
    # Integers within the interval: rounded outwards, it would contain more than it says.
    low = np.ceil(smoothed.means - spread.below).astype(np.int64)
    high = np.floor(smoothed.means + spread.above).astype(np.int64)
    is_shown = shown[:, [total]] & smoothed.is_plausible[:, None]
    return Estimates(values[:, None], low[:, None], high[:, None], is_shown).clamp(least)


def _decode(
    values: NDArray[np.int64], steps: NDArray[np.intp], calibration: Calibration
) -> NDArray[np.float64]:
    """Return the estimates of each series at its own step, shape (series, streams)."""
    series, streams, width = values.shape
    decoded = calibration.factorisation.decode(values.reshape(-1, width), np.repeat(steps, streams))
    return decoded.reshape(series, streams)
