"""Turns measurements into publishable numbers: estimates, gate, reconciliation, intervals."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from privacy.mechanism.accounting import Calibration
from privacy.mechanism.gate import passes_gate
from privacy.mechanism.reconcile import reconcile
from privacy.release.measure import Measured

Z95 = NormalDist().inv_cdf(0.975)


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
        deviations: NDArray[np.float64],
        shown: NDArray[np.bool_],
    ) -> Estimates:
        """Return integer 95 % intervals around the centres, with ends rounded outwards."""
        low = np.floor(centres - Z95 * deviations).astype(np.int64)
        high = np.ceil(centres + Z95 * deviations).astype(np.int64)
        return cls(values, low, high, shown)

    def clamp_at_zero(self) -> Estimates:
        """Return the same numbers with everything below zero raised to zero."""
        return Estimates(
            np.maximum(self.values, 0), np.maximum(self.low, 0), np.maximum(self.high, 0), self.shown
        )


@dataclass(frozen=True)
class PublishedEstimates:
    """Everything that releases publish about several series.

    Args:
        streams: one number per stream, in the policy's layout.
        others: the `other` cell of each breakdown, in the order of the dimensions.
        changes: changes of the total and of the removals by reason, since `since_step`.
        since_step: step that the changes refer to, shape (series,); −1 for the start, `NO_STEP` for none.
    """

    streams: Estimates
    others: Estimates
    changes: Estimates
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
    layout, k = calibration.policy.layout, calibration.policy.k
    margins = calibration.margins(steps)
    estimates = _decode(measured.values, steps, calibration)
    deviations = calibration.deviations(steps)
    passed = measured.known & passes_gate(exact, estimates, margins, calibration.min_counts)
    passed &= passed[:, layout.total : layout.total + 1]
    centres, spread, shown = estimates.copy(), deviations.copy(), passed.copy()
    values = np.rint(estimates).astype(np.int64)
    others = []
    for cells in layout.breakdowns:
        part = reconcile(
            estimates[:, layout.total],
            deviations[:, layout.total],
            estimates[:, cells],
            deviations[:, cells.start],
            passed[:, cells],
        )
        values[:, cells], centres[:, cells] = part.values, part.centres
        spread[:, cells], shown[:, cells] = part.deviations, part.shown
        clears = part.other >= k + calibration.z * part.other_deviations
        others.append((part.other, part.other_deviations, clears & passed[:, layout.total]))
    return PublishedEstimates(
        streams=Estimates.from_centres(values, centres, spread, shown).clamp_at_zero(),
        others=_stack_others(others),
        changes=_estimate_changes(steps, since_step, measured, calibration, shown),
        since_step=since_step,
    )


def _stack_others(
    others: list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]],
) -> Estimates:
    values = np.stack([value for value, _, _ in others], axis=1)
    deviations = np.stack([deviation for _, deviation, _ in others], axis=1)
    shown = np.stack([clears for _, _, clears in others], axis=1)
    return Estimates.from_centres(values, values.astype(np.float64), deviations, shown).clamp_at_zero()


def _estimate_changes(
    steps: NDArray[np.intp],
    since_step: NDArray[np.intp],
    measured: Measured,
    calibration: Calibration,
    shown_now: NDArray[np.bool_],
) -> Estimates:
    """Estimate changes of the total and of the removals between two releases.

    Each change is shown where its number is shown now. A stream passes the gate with all its measurements so
    far: an estimate of an earlier step from them is post-processing, whether or not it was shown then.
    """
    layout = calibration.policy.layout
    streams = np.array([layout.total, *range(layout.count)[layout.removals]])
    shown = shown_now[:, streams] & (since_step != NO_STEP)[:, None]
    values, then_at = measured.values[:, streams], np.maximum(since_step, 0)
    from_start = since_step < 0
    now = _decode(values, steps, calibration)
    then = np.where(from_start[:, None], 0.0, _decode(values, then_at, calibration))
    decoder = calibration.factorisation.decoder
    spread = decoder[steps] - np.where(from_start[:, None], 0.0, decoder[then_at])
    numbers = np.rint(now).astype(np.int64) - np.rint(then).astype(np.int64)
    deviations = np.linalg.norm(spread, axis=1)[:, None] * calibration.stream_scales[streams]
    return Estimates.from_centres(numbers, now - then, deviations, shown)


def _decode(
    values: NDArray[np.int64], steps: NDArray[np.intp], calibration: Calibration
) -> NDArray[np.float64]:
    """Return the estimates of each series at its own step, shape (series, streams)."""
    series, streams, width = values.shape
    decoded = calibration.factorisation.decode(values.reshape(-1, width), np.repeat(steps, streams))
    return decoded.reshape(series, streams)
