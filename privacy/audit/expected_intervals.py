"""Calculates the interval of every number of a release, from the audit's own decoder and thresholds."""

from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from privacy.audit.independent_accounting import IndependentAccounting
from privacy.audit.selected_interval import Reach
from privacy.mechanism.factorisation import Factorisation
from privacy.release.smoothing import make_smoothing_model

Z95: Final = float(norm.isf(0.025))


@dataclass(frozen=True)
class ExpectedIntervals:
    """Intervals under one mechanism.

    Args:
        reference: the audit's own accounting.
        noise: noise scale of each statistic, as used.
    """

    reference: IndependentAccounting
    noise: tuple[int, ...]

    @cached_property
    def thresholds(self) -> NDArray[np.float64]:
        """Threshold of each stream after each step, shape (T, streams)."""
        return self.reference.thresholds(self.noise)

    @cached_property
    def deviations(self) -> NDArray[np.float64]:
        """Standard deviation of each stream's estimate after each step, shape (T, streams)."""
        return self.reference.deviations(self.noise)

    def reach_number(self, stream: int, estimate: float, step: int) -> Reach:
        """Returns the reach of a measured number."""
        reach = Reach.of_selected(estimate, self.deviations[step, stream], self.thresholds[step, stream])
        return reach.at_most_below(estimate - float(self.reference.min_counts()[stream]))

    def reach_change(self, stream: int, estimate: float, step: int, then: int) -> Reach:
        """Returns the reach of a change: a multiple of the error now, and the rest of the error then."""
        now = self.reference.decoder[step]
        change = now - (self.reference.decoder[then] if then >= 0 else 0.0)
        share = float(change @ now) / float(now @ now)
        rest = float(np.linalg.norm(change - share * now)) * float(self.reference.scales(self.noise)[stream])
        return Reach.of_sum((share, self.reach_number(stream, estimate, step)), (Z95 * rest, Reach(1.0, 1.0)))

    def smooth(self, measured: NDArray[np.float64], estimate: float, step: int) -> tuple[float, Reach] | None:
        """Smooths the measurements of a total, and nothing else; None where the models are not plausible.

        Args:
            measured: measurements of the total, shape (steps,).
            estimate: of the total.
            step: the current step.
        """
        schedule = self.reference.policy.schedule_of(self.reference.kind)
        factorisation = Factorisation("audited", self.reference.coefficients)
        model = make_smoothing_model(factorisation, schedule, self.noise[0])
        smoothed = model.smooth(measured[None, :].astype(np.int64), np.array([step]))
        if not smoothed.is_plausible[0]:
            return None
        variance = float(self.deviations[step, 0]) ** 2
        share = min(float(smoothed.variances[0]) / variance, 1.0)
        own = Z95 * sqrt(share * (1 - share) * variance)
        reach = Reach.of_sum((share, self.reach_number(0, estimate, step)), (own, Reach(1.0, 1.0)))
        return float(smoothed.means[0]), reach


def is_around(figure: list[int], centre: float, reach: Reach, least: int | None) -> bool:
    """Returns whether a figure has this interval, up to rounding.

    Args:
        figure: value, low and high.
        centre: of the interval.
        reach: its half widths.
        least: what the exact number reaches with certainty; None if nothing is certain.
    """
    value, low, high = figure
    expected_low, expected_high = floor(centre - reach.below), max(ceil(centre + reach.above), value)
    if least is not None:
        expected_low = max(expected_low, min(least, value))
    return abs(low - expected_low) <= 1 and abs(high - expected_high) <= 1
