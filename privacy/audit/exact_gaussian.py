"""The exact trade-off of a unit Gaussian that is shifted by μ, and the half-line that measures it best.

B. Balle, Y.-X. Wang, "Improving the Gaussian mechanism for differential privacy" (2018), Theorem 8.
A statistic that is ρ-zCDP by Gaussian noise has μ = √(2ρ), and m engagements at once have m·μ. The scales in
use are in the tens of thousands, so discreteness changes no digit here.
"""

from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Final

from scipy.special import log_ndtr, ndtr, ndtri

GRID: Final = 200
"""Number of half-lines that `best_half_line` compares."""
FAR_HITS: Final = 40
"""Hits that are expected of a far half-line on the dataset where it is rare: none are no chance."""


@dataclass(frozen=True)
class HalfLine:
    """The set {x ≥ threshold} of a statistic that is N(0, 1) on one dataset and N(shift, 1) on the other.

    Args:
        shift: μ.
        threshold: start of the half-line.
    """

    shift: float
    threshold: float

    @property
    def epsilon(self) -> float:
        """The ε for which this is the set where the likelihood ratio exceeds e^ε."""
        return self.shift * (self.threshold - self.shift / 2)

    @property
    def delta(self) -> float:
        """The exact δ at that ε."""
        return float(self.hit_rate - exp(self.epsilon + float(log_ndtr(-self.threshold))))

    @property
    def hit_rate(self) -> float:
        """Probability of the half-line on the shifted dataset."""
        return float(ndtr(self.shift - self.threshold))

    @property
    def false_hit_rate(self) -> float:
        """Probability of the half-line on the other dataset."""
        return float(ndtr(-self.threshold))

    def relative_error(self, samples: int) -> float:
        """Returns the relative deviation of the measured ε with this number of samples per dataset."""
        hit, miss = self.hit_rate, self.false_hit_rate
        spread = sqrt(hit * (1 - hit) / samples) / (hit - self.delta) + sqrt((1 - miss) / (miss * samples))
        return spread / self.epsilon


def best_half_line(shift: float, samples: int) -> HalfLine:
    """Returns the half-line that measures ε with the smallest relative error; it depends on no data."""
    # The likelihood ratio exceeds 1 above shift / 2. Beyond 4 deviations too few samples remain.
    span = 4.0
    half_lines = (HalfLine(shift, shift / 2 + span * (index + 1) / GRID) for index in range(GRID))
    return min(half_lines, key=lambda half_line: half_line.relative_error(samples))


def far_half_line(shift: float, samples: int) -> HalfLine:
    """Returns the farthest half-line that still has `FAR_HITS` expected hits where it is rare."""
    return HalfLine(shift, max(-float(ndtri(FAR_HITS / samples)), shift / 2 + 4.0 / GRID))


def exact_epsilon(rho: float, delta: float) -> float:
    """Returns the exact ε of a ρ-zCDP Gaussian at this δ."""
    shift = sqrt(2 * rho)
    low, high = 0.0, rho + 2 * sqrt(rho * log(1 / delta)) + 1.0
    for _ in range(200):
        middle = (low + high) / 2
        excess = ndtr(shift / 2 - middle / shift) - exp(middle + float(log_ndtr(-shift / 2 - middle / shift)))
        low, high = (middle, high) if excess > delta else (low, middle)
    return high
