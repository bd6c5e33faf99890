"""Turns measurements of audiences into publishable numbers: estimates, gate, reconciliation, intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privacy.mechanism.audience_accounting import UNIT, AudienceCalibration
from privacy.mechanism.gate import passes_gate
from privacy.mechanism.reconcile import reconcile
from privacy.release.estimates import Estimates, estimate_other, stack
from privacy.release.selection import HalfWidths, reconciled_half_widths, selected_half_widths


@dataclass(frozen=True)
class AudienceEstimates:
    """Everything that the releases of several audiences publish.

    Args:
        streams: one number per stream.
        others: the `other` cell of each breakdown; withheld where no total is measured.
    """

    streams: Estimates
    others: Estimates


def estimate_audiences(
    exact: NDArray[np.int64], measured: NDArray[np.int64], calibration: AudienceCalibration
) -> AudienceEstimates:
    """Estimate, gate and reconcile.

    Args:
        exact: exact counts, shape (audiences, streams); read only by the gate.
        measured: noisy counts in units, the same shape.
        calibration: deviations and margins.
    """
    k, total = calibration.least_count, calibration.total
    estimates = measured / UNIT
    deviations = np.broadcast_to(calibration.deviations, exact.shape)
    margins = np.broadcast_to(calibration.margins, exact.shape)
    passed = passes_gate(exact, estimates, margins, k)
    widths = selected_half_widths(estimates, deviations, k + margins).limit_below(estimates - k)
    values = np.rint(estimates).astype(np.int64)
    if total is None:
        # Nothing is reconciled, and what is left of an unknown total is unknown.
        shown = Estimates.from_centres(values, estimates, widths, passed).clamp(k)
        return AudienceEstimates(shown, _withhold(len(exact), len(calibration.breakdowns)))
    passed = passed & passed[:, total : total + 1]
    return _reconcile_all(estimates, values, widths, passed, calibration)


def _reconcile_all(
    estimates: NDArray[np.float64],
    values: NDArray[np.int64],
    widths: HalfWidths,
    passed: NDArray[np.bool_],
    calibration: AudienceCalibration,
) -> AudienceEstimates:
    """Reconcile each breakdown with the total, and compute what is left of it."""
    total, every = calibration.total or 0, np.ones(len(estimates))
    values, centres, shown = values.copy(), estimates.copy(), passed.copy()
    below, above = widths.below.copy(), widths.above.copy()
    others: list[Estimates] = []
    for cells in calibration.breakdowns.values():
        part = reconcile(
            estimates[:, total],
            every * calibration.deviations[total],
            estimates[:, cells],
            every * calibration.deviations[cells.start],
            passed[:, cells],
        )
        values[:, cells], centres[:, cells], shown[:, cells] = part.values, part.centres, part.shown
        of_cells, rest = reconciled_half_widths(widths[:, total], widths[:, cells], part.shown, part.tied)
        below[:, cells], above[:, cells] = of_cells.below, of_cells.above
        others.append(estimate_other(part, rest, passed[:, total], calibration))
    numbers = Estimates.from_centres(values, centres, HalfWidths(below, above), shown)
    return AudienceEstimates(numbers.clamp(calibration.least_count), _stack(others, len(estimates)))


def _stack(others: Sequence[Estimates], audiences: int) -> Estimates:
    return stack(others) if others else _withhold(audiences, 0)


def _withhold(audiences: int, numbers: int) -> Estimates:
    nothing = np.zeros((audiences, numbers), np.int64)
    return Estimates(nothing, nothing, nothing, nothing.astype(np.bool_))
