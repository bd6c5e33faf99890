"""The exact trade-off of a Gaussian of unit deviation that is shifted by μ, and the event that shows it best.

B. Balle, Y.-X. Wang, "Improving the Gaussian mechanism for differential privacy" (2018), Theorem 8.
A statistic that is ρ-zCDP by Gaussian noise has μ = √(2ρ), and m engagements at once have m·μ. The scales in
use are in the tens of thousands, so that discreteness changes no digit here.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Final

from scipy.special import log_ndtr, ndtr

GRID: Final = 200
"""Events that `best_event` compares."""


@dataclass(frozen=True)
class OutputSet:
    """The half-line {x ≥ threshold} of a statistic that is N(0, 1) in one world and N(shift, 1) in the other.

    Args:
        shift: μ.
        threshold: where the half-line begins.
    """

    shift: float
    threshold: float

    @property
    def epsilon(self) -> float:
        """ε at which the half-line is the set where the likelihood ratio exceeds e^ε."""
        return self.shift * (self.threshold - self.shift / 2)

    @property
    def delta(self) -> float:
        """The exact δ at that ε."""
        return float(self.hit_rate - exp(self.epsilon + float(log_ndtr(-self.threshold))))

    @property
    def hit_rate(self) -> float:
        """Probability of the half-line in the shifted world."""
        return float(ndtr(self.shift - self.threshold))

    @property
    def false_hit_rate(self) -> float:
        """Probability of the half-line in the other one."""
        return float(ndtr(-self.threshold))

    def relative_error(self, samples: int) -> float:
        """Deviation of the ε that is measured with so many samples a side, the two sides added up, per ε."""
        hit, miss = self.hit_rate, self.false_hit_rate
        spread = sqrt(hit * (1 - hit) / samples) / (hit - self.delta) + sqrt((1 - miss) / (miss * samples))
        return spread / self.epsilon


def best_event(shift: float, samples: int) -> OutputSet:
    """The half-line that measures ε with the least relative error; it depends on no data."""
    # The likelihood ratio exceeds 1 from shift / 2 on. Beyond 4 deviations too few samples are left.
    span = 4.0
    events = (OutputSet(shift, shift / 2 + span * (place + 1) / GRID) for place in range(GRID))
    return min(events, key=lambda event: event.relative_error(samples))


def epsilon_claimed(rho: float, delta: float) -> float:
    """The exact ε of a Gaussian that is ρ-zCDP, at this δ."""
    shift = sqrt(2 * rho)
    low, high = 0.0, rho + 2 * sqrt(rho * log(1 / delta)) + 1.0
    for _ in range(200):
        middle = (low + high) / 2
        excess = ndtr(shift / 2 - middle / shift) - exp(middle + float(log_ndtr(-shift / 2 - middle / shift)))
        low, high = (middle, high) if excess > delta else (low, middle)
    return high
