"""Calculates intervals of numbers that are shown above a threshold only, independently of the release code.

The interval of an estimate x contains a count n if the estimates that lie closer to n than x does have a
probability of at most 95 %, given that the estimate reaches the threshold. Both ends are found by bisection.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import hypot
from typing import Final

from scipy.special import ndtr

LEVEL: Final = 0.95
_BISECTIONS: Final = 40
_DEEPEST: Final = -36.0
_WIDEST: Final = 3.0
"""In deviations; more than any upper end is from its estimate."""
_DIGITS: Final = 4
"""Decimals to which the distance from the threshold is rounded, in deviations, so that ends are reused."""
_FAR: Final = 9.0
"""Distance from which on all intervals are the same, in deviations."""


@dataclass(frozen=True)
class Reach:
    """How far an interval reaches below and above its estimate."""

    below: float
    above: float

    @classmethod
    def of_selected(cls, estimate: float, deviation: float, threshold: float) -> Reach:
        """Calculates the reach of an estimate that has reached its threshold."""
        distance = min(max((estimate - threshold) / deviation, 0.0), _FAR)
        below, above = _find_ends(round(distance, _DIGITS))
        return cls(below * deviation, above * deviation)

    @classmethod
    def of_sum(cls, *terms: tuple[float, Reach]) -> Reach:
        """Calculates the reach of a weighted sum of independent estimates."""
        below = hypot(*(weight * (each.below if weight > 0 else each.above) for weight, each in terms))
        above = hypot(*(weight * (each.above if weight > 0 else each.below) for weight, each in terms))
        return cls(below, above)

    def at_most_below(self, limit: float) -> Reach:
        """Returns the reach of a count that is certainly not further below its estimate."""
        return Reach(min(self.below, limit), self.above)


@cache
def _find_ends(distance: float) -> tuple[float, float]:
    """Finds both half widths of an estimate at this distance above the threshold, in deviations."""
    return (
        distance - _bisect(distance, distance, _DEEPEST),
        _bisect(distance, distance, distance + _WIDEST) - distance,
    )


def _bisect(distance: float, inside: float, outside: float) -> float:
    if _contains(distance, outside):
        return outside
    for _ in range(_BISECTIONS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if _contains(distance, middle) else (inside, middle)
    return inside


def _contains(distance: float, count: float) -> bool:
    """Decides whether the interval contains a count; both relative to the threshold, in deviations."""
    radius = abs(distance - count)
    # Of a normal number N, given −count ≤ N: the probability of |N| < radius.
    closer = ndtr(min(count, radius)) - ndtr(-radius)
    return bool(closer <= LEVEL * ndtr(count))
