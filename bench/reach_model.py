"""Calculates which numbers a policy shows, and how precise they are, from exact counts.

No noise is drawn: the probability that a number is shown follows from its exact count, its deviation and its
threshold, which are those of `privacy.mechanism`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from privacy.mechanism.accounting import TOTAL, Calibration
from privacy.mechanism.audience_accounting import calibrate_audiences
from privacy.model.audience import Scope
from privacy.policy.policy import Policy

Counts = Mapping[str, NDArray[np.int64]]
"""Exact counts by statistic, each of shape (rows, cells); the total has one cell."""
MEDIAN_ERROR: Final = float(ndtri(0.75))
"""Median of the absolute value of a standard normal number."""


@dataclass(frozen=True)
class Shown:
    """The numbers of one statistic.

    Args:
        probabilities: that each is shown, shape (rows, cells).
        deviations: of those that are shown, the same shape.
    """

    probabilities: NDArray[np.float64]
    deviations: NDArray[np.float64]

    @classmethod
    def by_gate(
        cls, counts: NDArray[np.int64], deviations: NDArray[np.float64], margins: NDArray[np.float64], k: int
    ) -> Shown:
        """Calculates what the gate lets pass.

        Args:
            counts: exact counts, shape (rows, cells).
            deviations: of their estimates, shape (rows,).
            margins: by how much an estimate must exceed k, shape (rows,).
            k: the least exact count.
        """
        spread, margin = np.broadcast_to(deviations[:, None], counts.shape), margins[:, None]
        return cls(np.where(counts >= k, ndtr((counts - k - margin) / spread), 0.0), spread)

    def within(self, total: Shown) -> Shown:
        """Returns the cells that are shown where the total is."""
        return Shown(self.probabilities * total.probabilities, self.deviations)


@dataclass(frozen=True)
class VideoModel:
    """The numbers of videos under a policy.

    Args:
        calibration: of the policy.
        fresh: whether every epoch has fresh noise, composed over the schedule, instead of a factorisation.
    """

    calibration: Calibration
    fresh: bool = False

    def show(self, counts: Counts, steps: NDArray[np.intp]) -> dict[str, Shown]:
        """Calculates what is shown of the statistics that the policy declares.

        Args:
            counts: exact counts of the videos.
            steps: the current step of each video.
        """
        shown: dict[str, Shown] = {}
        for statistic in self.calibration.statistics:
            if statistic.name in counts:
                deviations = self.deviations(statistic.name, steps)
                margins = self.calibration.z * deviations
                if not self.fresh:
                    margins = margins + self.calibration.decoder_row_sums[steps]
                numbers = Shown.by_gate(
                    counts[statistic.name], deviations, margins, self.calibration.policy.k
                )
                shown[statistic.name] = numbers if statistic.name == TOTAL else numbers.within(shown[TOTAL])
        return shown

    def deviations(self, name: str, steps: NDArray[np.intp]) -> NDArray[np.float64]:
        """Returns the deviation of a statistic at each of these steps.

        With fresh noise, one engagement changes the count of every epoch by 1, whatever its flips are.
        """
        statistic = next(each for each in self.calibration.statistics if each.name == name)
        if self.fresh:
            epochs = self.calibration.schedule.epochs
            return np.full(len(steps), sqrt(epochs / (2 * float(statistic.rho))))
        return self.calibration.factorisation.decoder_row_norms[steps] * statistic.scale


@dataclass(frozen=True)
class AudienceModel:
    """The numbers of audiences of one scope under a policy: each is measured once.

    Args:
        policy: the policy.
        scope: of the audiences.
    """

    policy: Policy
    scope: Scope

    def show(self, counts: Counts) -> dict[str, Shown]:
        """Calculates what is shown of the declared statistics; of each, in the period with the least noise.

        Args:
            counts: exact counts of accounts; statistics that are missing are left out.
        """
        shown: dict[str, Shown] = {}
        of_scope = [each for each in calibrate_audiences(self.policy) if each.period.scope is self.scope]
        for calibration in of_scope:
            for name, place in calibration.places.items():
                deviation = calibration.deviations[place.start]
                if name not in counts or (name in shown and shown[name].deviations.flat[0] <= deviation):
                    continue
                rows = np.ones(len(counts[name]))
                shown[name] = Shown.by_gate(
                    counts[name],
                    rows * deviation,
                    rows * calibration.margins[place.start],
                    self.policy.k,
                )
        return shown


def coverage(counts: Counts, shown: Mapping[str, Shown], names: tuple[str, ...]) -> NDArray[np.float64]:
    """Returns the share of each row's accounts that lies in shown cells, mean over dimensions, shape (rows,).

    Args:
        counts: exact counts.
        shown: what is shown; a dimension that is missing shows nothing.
        names: of the dimensions.
    """
    shares = [
        (counts[name] * shown[name].probabilities).sum(axis=1) / np.maximum(counts[name].sum(axis=1), 1)
        if name in shown
        else np.zeros(len(counts[name]))
        for name in names
    ]
    mean: NDArray[np.float64] = np.mean(shares, axis=0)
    return mean


def median_error(shown: Mapping[str, Shown]) -> float:
    """Returns the median error of all numbers that are shown; NaN if none is."""
    deviations = np.concatenate([each.deviations.ravel() for each in shown.values()])
    weights = np.concatenate([each.probabilities.ravel() for each in shown.values()])
    order = np.argsort(deviations)
    reached = weights[order].cumsum()
    if not reached.size or reached[-1] == 0:
        return float("nan")
    return MEDIAN_ERROR * float(deviations[order][np.searchsorted(reached, reached[-1] / 2)])
