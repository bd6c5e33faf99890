"""Turns measurements of audiences into publishable numbers: estimates, gate, reconciliation, intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privacy.mechanism.audience_accounting import UNIT, AudienceCalibration
from privacy.mechanism.gate import passes_gate
from privacy.release.breakdowns import Gated, reconcile_breakdowns
from privacy.release.estimates import Estimates
from privacy.release.selection import selected_half_widths


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
    if total is None:
        # Nothing is reconciled, and what is left of an unknown total is unknown.
        values = np.rint(estimates).astype(np.int64)
        shown = Estimates.from_centres(values, estimates, widths, passed).clamp(k)
        return AudienceEstimates(shown, _withhold(len(exact), len(calibration.breakdowns)))
    streams, others = reconcile_breakdowns(
        Gated(estimates, deviations, widths, passed & passed[:, total : total + 1]),
        total,
        list(calibration.breakdowns.values()),
        k=calibration.policy.k,
        z=calibration.z,
    )
    return AudienceEstimates(
        Estimates.from_consistent(streams).clamp(k), Estimates.from_consistent(others).clamp(0)
    )


def _withhold(audiences: int, numbers: int) -> Estimates:
    nothing = np.zeros((audiences, numbers), np.int64)
    return Estimates(nothing, nothing, nothing, nothing.astype(np.bool_))
