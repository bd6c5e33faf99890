"""From measurements to what may be shown: estimates, gate, reconciliation, intervals."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from privacy.mechanism.accounting import Calibration
from privacy.mechanism.gate import passes_gate
from privacy.mechanism.reconcile import reconcile
from privacy.release.measure import Measured

if TYPE_CHECKING:
    from numpy.typing import NDArray

Z95 = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Estimates:
    """Numbers of several series with their intervals; every array has the shape (series, numbers).

    Args:
        values: integers.
        low: lower end of the 95 % interval.
        high: upper end.
        shown: false where the number is withheld; the other arrays mean nothing there.
    """

    values: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    shown: NDArray[np.bool_]

    @classmethod
    def around(
        cls,
        values: NDArray[np.int64],
        centres: NDArray[np.float64],
        deviations: NDArray[np.float64],
        shown: NDArray[np.bool_],
    ) -> Estimates:
        """Intervals of integers that hold the truth with 95 %: ends are rounded outwards."""
        low = np.floor(centres - Z95 * deviations).astype(np.int64)
        high = np.ceil(centres + Z95 * deviations).astype(np.int64)
        return cls(values, low, high, shown)

    def at_least_zero(self) -> Estimates:
        """The same for what cannot be negative."""
        return Estimates(
            np.maximum(self.values, 0), np.maximum(self.low, 0), np.maximum(self.high, 0), self.shown
        )


@dataclass(frozen=True)
class PublishedEstimates:
    """Everything a release shows of several series.

    Args:
        streams: one number a stream, in the policy's layout.
        others: the `other` row of each breakdown, in the order of the dimensions.
        changes: of the total and of the removals by reason, since the step that `since` names.
        since: that step, shape (series,); −1 for the start, −2 where there is none.
    """

    streams: Estimates
    others: Estimates
    changes: Estimates
    since: NDArray[np.intp]


NO_STEP = -2


def publishable_estimates(
    exact: NDArray[np.int64],
    steps: NDArray[np.intp],
    since: NDArray[np.intp],
    measured: Measured,
    calibration: Calibration,
) -> PublishedEstimates:
    """Estimate, gate and reconcile.

    Args:
        exact: exact counts, shape (series, streams): read by the gate only.
        steps: the current step of each series, shape (series,).
        since: the step to which the changes refer, as in `PublishedEstimates`.
        measured: all measurements.
        calibration: decoder and noise scales.
    """
    layout, k = calibration.policy.layout, calibration.policy.k
    margins = calibration.margins(steps)
    estimates = np.zeros(exact.shape)
    decode = calibration.factorisation.decode
    estimates[measured.owners, measured.streams] = decode(measured.values, steps[measured.owners])
    deviations = calibration.deviations(steps)
    passed = (measured.places >= 0) & passes_gate(exact, estimates, margins, calibration.min_counts)
    passed &= passed[:, layout.total : layout.total + 1]
    centres, spread, shown = estimates.copy(), deviations.copy(), passed.copy()
    values = np.rint(estimates).astype(np.int64)
    others = []
    for place in layout.breakdowns:
        part = reconcile(
            estimates[:, layout.total],
            deviations[:, layout.total],
            estimates[:, place],
            deviations[:, place.start],
            passed[:, place],
        )
        values[:, place], centres[:, place] = part.values, part.centres
        spread[:, place], shown[:, place] = part.deviations, part.shown
        clears = part.other >= k + calibration.z * part.other_deviations
        others.append((part.other, part.other_deviations, clears & passed[:, layout.total]))
    return PublishedEstimates(
        streams=Estimates.around(values, centres, spread, shown).at_least_zero(),
        others=_others(others),
        changes=_changes(steps, since, measured, calibration, shown),
        since=since,
    )


def _others(others: list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]]) -> Estimates:
    values = np.stack([value for value, _, _ in others], axis=1)
    deviations = np.stack([deviation for _, deviation, _ in others], axis=1)
    shown = np.stack([clears for _, _, clears in others], axis=1)
    return Estimates.around(values, values.astype(np.float64), deviations, shown).at_least_zero()


def _changes(
    steps: NDArray[np.intp],
    since: NDArray[np.intp],
    measured: Measured,
    calibration: Calibration,
    shown_now: NDArray[np.bool_],
) -> Estimates:
    """Changes of the total and of the removals between two releases; each is shown where its number is now.

    A stream passes the gate with all its measurements so far: what they say of an earlier step is
    post-processing, whether or not the number was shown then.
    """
    layout = calibration.policy.layout
    streams = np.array([layout.total, *range(layout.count)[layout.removals]])
    shown = shown_now[:, streams] & (since != NO_STEP)[:, None]
    owners, columns = np.nonzero(shown)
    values = measured.values[measured.places[owners, streams[columns]]]
    now_at, then_at = steps[owners], np.maximum(since[owners], 0)
    from_start = since[owners] == -1
    decode, decoder = calibration.factorisation.decode, calibration.factorisation.decoder
    now, then = decode(values, now_at), np.where(from_start, 0.0, decode(values, then_at))
    spread = decoder[now_at] - np.where(from_start[:, None], 0.0, decoder[then_at])
    numbers = np.zeros(shown.shape, np.int64)
    centres, deviations = np.zeros(shown.shape), np.zeros(shown.shape)
    numbers[owners, columns] = np.rint(now).astype(np.int64) - np.rint(then).astype(np.int64)
    centres[owners, columns] = now - then
    deviations[owners, columns] = np.linalg.norm(spread, axis=1) * calibration.stream_scales[streams[columns]]
    return Estimates.around(numbers, centres, deviations, shown)
