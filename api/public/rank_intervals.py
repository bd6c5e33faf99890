"""Finds which places of a ranking are certain, and which are one tie, from published numbers alone.

All numbers of a ranking carry independent noise of one known deviation. Two places are told apart only if
their numbers differ by more than the range that the noise of so many numbers keeps with 95 % (Tukey's
honest significant difference). So all rank intervals of a ranking hold together with that probability: D. Al
Mohamad, J. Goeman, E. van Zwet, "Simultaneous confidence intervals for ranks with application to ranking
institutions", Biometrics 78 (2022).

Numbers below their threshold are not ranked. That a number was shown makes its own tail lighter, not heavier,
since the normal law is log-concave, so the intervals hold among the numbers that are shown.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import lru_cache
from math import erf, exp, pi, sqrt
from typing import Final, NamedTuple

COVERAGE: Final = 0.95
MAX_RANKED: Final = 100_000
"""Numbers in one ranking; the range of more is that of this many, to the second digit."""
_HALF_WIDTH: Final = 8.0
"""The density of the least number is below 1e-14 beyond this many deviations."""
_STEPS: Final = 400
_MAX_RANGE: Final = 16.0
_PRECISION: Final = 1e-4


class RankInterval(NamedTuple):
    """The places that a number can have, the first one being 1.

    Args:
        best: the highest place.
        worst: the lowest place.
    """

    best: int
    worst: int


def rank_intervals(values: Sequence[int], deviation: float) -> list[RankInterval]:
    """Returns the interval of places of each number; together they hold with a probability of 95 %.

    Args:
        values: the numbers, the largest first.
        deviation: standard deviation of the noise of each of them.
    """
    least = least_certain_difference(len(values), deviation)
    rising = [-value for value in values]
    intervals = []
    for value in values:
        certainly_larger = bisect_left(rising, -value - least)
        not_certainly_smaller = bisect_right(rising, -value + least)
        intervals.append(RankInterval(1 + certainly_larger, max(1, not_certainly_smaller)))
    return intervals


def least_certain_difference(count: int, deviation: float) -> float:
    """Returns the difference up to which two of so many numbers are a tie.

    Args:
        count: how many numbers are ranked.
        deviation: standard deviation of the noise of each of them.
    """
    # One more for the rounding of two numbers, by a half each.
    return range_quantile(min(count, MAX_RANKED)) * deviation + 1


@lru_cache(maxsize=1024)
def range_quantile(count: int) -> float:
    """Returns the range that so many standard normal numbers keep with 95 %, rounded up; 0 for one."""
    if count < 2:  # noqa: PLR2004 - a range takes two
        return 0.0
    low, high = 0.0, _MAX_RANGE
    while high - low > _PRECISION:
        middle = (low + high) / 2
        if _range_probability(count, middle) < COVERAGE:
            low = middle
        else:
            high = middle
    return high


def _range_probability(count: int, width: float) -> float:
    """Returns the probability that so many standard normal numbers lie within a width of one another.

    That is n·∫ φ(x)·(Φ(x + w) − Φ(x))ⁿ⁻¹ dx, where x is the least number, by the trapezoidal rule, whose
    error is below 1e-9 for so smooth a function that vanishes at both ends.
    """
    step = 2 * _HALF_WIDTH / _STEPS
    points = (-_HALF_WIDTH + step * number for number in range(_STEPS + 1))
    inner = (
        exp(-point * point / 2) * ((erf((point + width) / sqrt(2)) - erf(point / sqrt(2))) / 2) ** (count - 1)
        for point in points
    )
    return count * step / sqrt(2 * pi) * sum(inner)
