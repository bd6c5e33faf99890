"""Computes intervals of numbers that are shown only if their estimate reaches a threshold.

An estimate X with standard deviation s of a count n is shown if X ≥ c. Given that, it is on average above n,
and X ± 1.96·s contains n too rarely: hardly ever, if n is far below c. The interval here contains n with a
probability of 95 % given that the number is shown, whatever n is. It consists of all n whose acceptance
region contains X. The region of n is the shortest one that a shown X falls into with that probability: with
u = (n − c)/s, and in units of s from c on,

    from 0 to u + q,      Φ(−q) = 0.05·Φ(u),              while Φ(u) ≤ 1/1.05,
    from u − h to u + h,  2·Φ(h) − 1 = 0.95·Φ(u),         from there on.

Both ends grow with u, so the n form an interval, and n = X is always one of them. Far above the threshold it
is X ± 1.96·s. Equal tails would have the same coverage, but would leave X itself out just above c.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

LEVEL: Final = 0.95
Z95: Final = float(ndtri(1 - (1 - LEVEL) / 2))
FAR: Final = 8
"""Deviations above the threshold from which on selection is not felt: the table ends there."""
_STEPS_PER_DEVIATION: Final = 512
_DEEPEST: Final = -36.0
"""Lowest n of the table, in deviations from the threshold; Φ of less is no double. Every n is at least k."""
_GRID: Final = 20_000


@dataclass(frozen=True)
class HalfWidths:
    """How far 95 % intervals reach below and above their estimates; both arrays have the same shape."""

    below: NDArray[np.float64]
    above: NDArray[np.float64]

    def __getitem__(self, index: Any) -> HalfWidths:
        """Return the half widths of some of the estimates."""
        return HalfWidths(self.below[index], self.above[index])

    def limit_below(self, limits: NDArray[np.float64]) -> HalfWidths:
        """Return the half widths of counts that are certainly not further below their estimates."""
        return HalfWidths(np.minimum(self.below, limits), self.above)

    def widest(self, more: HalfWidths) -> HalfWidths:
        """Return, on each side, the larger half width."""
        return HalfWidths(np.maximum(self.below, more.below), np.maximum(self.above, more.above))


def selected_half_widths(
    estimates: NDArray[np.float64], deviations: NDArray[np.float64], thresholds: NDArray[np.float64]
) -> HalfWidths:
    """Return the half widths of estimates that are shown because they have reached their thresholds.

    The work is the same for every estimate, shown or not; the result is meaningless where it is not.

    Args:
        estimates: any shape.
        deviations: their standard deviations, the same shape.
        thresholds: the same shape.
    """
    below, above = _tabulate()
    position = np.clip((estimates - thresholds) / deviations, 0, FAR) * _STEPS_PER_DEVIATION
    index = np.minimum(position.astype(np.intp), FAR * _STEPS_PER_DEVIATION - 1)
    part = position - index
    low = below[index] + part * (below[index + 1] - below[index])
    high = above[index] + part * (above[index + 1] - above[index])
    return HalfWidths(low * deviations, high * deviations)


def sum_half_widths(*terms: tuple[NDArray[np.float64] | float, HalfWidths]) -> HalfWidths:
    """Return the half widths of a sum of independent estimates, each times its weight.

    The squares add up, separately on either side; a negative weight exchanges the sides (G. Y. Zou,
    A. Donner, "Construction of confidence limits about effect measures", 2008). For intervals without
    selection that is the rule for variances.
    """
    squares = [np.zeros(()), np.zeros(())]
    for weight, widths in terms:
        rising, falling = np.maximum(weight, 0.0), np.minimum(weight, 0.0)
        squares[0] = squares[0] + (rising * widths.below) ** 2 + (falling * widths.above) ** 2
        squares[1] = squares[1] + (rising * widths.above) ** 2 + (falling * widths.below) ** 2
    return HalfWidths(np.sqrt(squares[0]), np.sqrt(squares[1]))


def reconciled_half_widths(
    total: HalfWidths, cells: HalfWidths, shown: NDArray[np.bool_], tied: NDArray[np.bool_]
) -> tuple[HalfWidths, HalfWidths]:
    """Return the half widths of reconciled cells, and of `other`.

    A cell that is tied to its total is (1 − 1/m) of its own estimate, 1/m of the total's and −1/m of that of
    each other shown cell; `other` is the total less the shown cells.

    Args:
        total: of the total's estimate, shape (series,).
        cells: of the cells' estimates, shape (series, cells).
        shown: which cells are shown, shape (series, cells).
        tied: which series' cells are tied to their total, shape (series,).
    """
    m = np.maximum(shown.sum(axis=1), 1)[:, None]
    # The cells count with the side that is opposite to their own.
    against = HalfWidths(
        *(np.sqrt((np.where(shown, side, 0.0) ** 2).sum(axis=1)) for side in (cells.above, cells.below))
    )
    others = HalfWidths(
        *(
            np.sqrt(np.maximum(side[:, None] ** 2 - own**2, 0.0))
            for side, own in ((against.below, cells.above), (against.above, cells.below))
        )
    )
    corrected = sum_half_widths((1 - 1 / m, cells), (1 / m, total[:, None]), (1 / m, others))
    is_tied = tied[:, None]
    of_cells = HalfWidths(
        np.where(is_tied, corrected.below, cells.below), np.where(is_tied, corrected.above, cells.above)
    )
    return of_cells, sum_half_widths((1.0, total), (1.0, against))


@cache
def _tabulate() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both half widths, in deviations, by the distance from the threshold in steps."""
    u = np.linspace(_DEEPEST, 2 * FAR, _GRID)
    shown = ndtr(u)
    turn = float(ndtri(1 / (2 - LEVEL)))
    half = ndtri((1 + LEVEL * shown) / 2)
    reaches = u + np.where(u <= turn, -ndtri((1 - LEVEL) * shown), half)
    two_sided = u > turn
    starts = np.concatenate([[0.0], (u - half)[two_sided]])
    distances = np.arange(FAR * _STEPS_PER_DEVIATION + 1) / _STEPS_PER_DEVIATION
    lowest = np.interp(distances, reaches, u)
    highest = np.interp(distances, starts, np.concatenate([[turn], u[two_sided]]))
    below, above = distances - lowest, highest - distances
    below.flags.writeable = above.flags.writeable = False
    return below, above
