"""Finds what one engagement costs over all statistics together, without the accountant's code.

A history is four epochs p <= q <= r <= s at most: likes at p and r, removals at q and s. It changes the total
and one cell of each breakdown by C_p − C_q + C_r − C_s, and the removals by C_q + C_s.
"""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from math import isqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from privacy.audit.worst_history import EXHAUSTIVE_EPOCHS, EXHAUSTIVE_FLIPS, norm_squared, worst_history

PAIR: Final = 2
Point = tuple[int, int]
"""‖C_p − C_q + …‖², and ‖C_q + …‖², of a history."""


def is_exhaustive(coefficients: Sequence[int], flips: int) -> bool:
    """Returns whether all histories are compared."""
    return flips <= EXHAUSTIVE_FLIPS and len(coefficients) <= EXHAUSTIVE_EPOCHS


def list_extremes(coefficients: Sequence[int], flips: int) -> list[Point]:
    """Lists the points of histories that cost most for some weights.

    With more than four flips, or in more than 200 epochs, these are the points of two histories only: the one
    that changes the total most, and the one with all its removals in the first epoch. A number of flips that
    is odd ends with a like.
    """
    if not is_exhaustive(coefficients, flips):
        history = worst_history(coefficients, flips)
        removed = _sum_columns(coefficients, history[1::2])
        most = (flips // 2) ** 2 * norm_squared(coefficients, (0,))
        return [(norm_squared(coefficients, history), int(removed @ removed)), (0, most)]
    columns = np.zeros((len(coefficients) + 1, len(coefficients)))  # the last one is of a flip left out
    for epoch in range(len(coefficients)):
        columns[epoch] = _sum_columns(coefficients, (epoch,))
    points = _list_one_pair(columns, flips) if flips <= PAIR else _list_two_pairs(columns, flips)
    return _keep_extremes(points)


def most_rho(points: Iterable[Point], alternating: Fraction, removals: Fraction) -> Fraction:
    """Returns the largest cost of these histories, with the sums of 1/2σ² of both sorts of statistics."""
    return max(alternating * changed + removals * removed for changed, removed in points)


def removals_scale(points: Iterable[Point], alternating: Fraction, rho: Fraction) -> int:
    """Returns the smallest σ of the removals with which none of these histories costs more than ρ."""
    needed = [
        Fraction(removed) / (2 * (rho - alternating * changed)) for changed, removed in points if removed
    ]
    floor = max(needed).__floor__()
    return next(scale for scale in range(isqrt(floor), isqrt(floor) + 3) if scale * scale >= max(needed))


def _sum_columns(coefficients: Sequence[int], epochs: Iterable[int]) -> NDArray[np.int64]:
    total = np.zeros(len(coefficients), np.int64)
    for epoch in epochs:
        total[epoch:] += np.array(coefficients[: len(coefficients) - epoch], np.int64)
    return total


def _list_one_pair(columns: NDArray[np.float64], flips: int) -> Iterator[Point]:
    for q in range(len(columns) - 1 if flips % 2 else 0, len(columns)):
        changed = ((columns[: q + 1] - columns[q]) ** 2).sum(axis=1).max()
        yield int(changed), int(columns[q] @ columns[q])


def _list_two_pairs(columns: NDArray[np.float64], flips: int) -> Iterator[Point]:
    """Yields the best p and r for each q and s; doubles represent squared norms below 2^53 exactly."""
    for q, removed in enumerate(columns):
        first = columns[: q + 1] - removed
        first_norms = (first**2).sum(axis=1)
        for s in range(len(columns) - 1 if flips % 2 else q, len(columns)):
            second = columns[q : s + 1] - columns[s]
            changed = first_norms[:, None] + (second**2).sum(axis=1) + 2 * first @ second.T
            together = removed + columns[s]
            yield int(changed.max()), int(together @ together)


def _keep_extremes(points: Iterable[Point]) -> list[Point]:
    """Drops points that another one exceeds in both numbers."""
    kept: list[Point] = []
    for changed, removed in sorted(points, reverse=True):
        if not kept or removed > kept[-1][1]:
            kept.append((changed, removed))
    return kept
