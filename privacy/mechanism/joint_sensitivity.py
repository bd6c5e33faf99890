"""Certifies, in exact integers, what one engagement costs over all statistics of a target together.

No history is at its worst for the total and for the removals at once. Each history is a point: its squared
norm in a stream that alternates, and in the removals. `docs/proofs/joint-sensitivity.md` proves that the
points returned here bound all of them.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import combinations
from math import isqrt
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from privacy.errors import PolicyError
from privacy.mechanism.factorisation import Factorisation
from privacy.mechanism.sensitivity import (
    MAX_ENUMERATED,
    TWO_PAIRS,
    alternating_sensitivity_squared,
    extended_gram,
    monotone_sensitivity_squared,
    two_pair_norms,
)


class HistoryCost(NamedTuple):
    """Squared norms of what a history changes, in the encoder's units.

    Args:
        alternating: ‖C·u‖² of its net changes u: in the total, and in one cell of each breakdown.
        removals: ‖C·v‖² of its removals v, of all reasons together.
    """

    alternating: Fraction
    removals: Fraction

    def rho(self, alternating_weight: Fraction, removals_weight: Fraction) -> Fraction:
        """Return the zCDP of the history, with 1/(2 s²) of all statistics of each sort added up."""
        return alternating_weight * self.alternating + removals_weight * self.removals


def history_costs(factorisation: Factorisation, flips: int) -> tuple[HistoryCost, ...]:
    """Return points that bound all histories of at most `flips` flips.

    For all weights of at least zero, the largest `rho` of these points is no smaller than that of any
    history; it is equal for up to four flips in up to 243 epochs.

    Raises:
        PolicyError: there is no flip, or the numbers might not fit 64 bits.
    """
    if flips < 1:
        raise PolicyError(f"flips: is {flips}; at least 1")
    gram = extended_gram(factorisation)
    if flips < min(TWO_PAIRS):
        return _convex_hull(_list_one_pair(gram)[-1 if flips == 1 else 0 :])
    if flips in TWO_PAIRS and factorisation.epochs**4 <= 12 * MAX_ENUMERATED:
        return _convex_hull(_list_two_pairs(gram, last_happens=flips == max(TWO_PAIRS)))
    alternating = alternating_sensitivity_squared(factorisation, flips)
    removals = monotone_sensitivity_squared(factorisation, flips // 2)
    if (flips + 2) ** 2 * len(gram) * int(gram[0, 0]) * max(map(max, DIRECTIONS)) > np.iinfo(np.int64).max:
        raise PolicyError(
            f"contribution.flip_cap: {flips} flips of {factorisation.name} need more than 64 bits"
        )
    bounds = [(*weights, _bound_weighted_sum(gram, flips, *weights)) for weights in DIRECTIONS]
    return _list_corners([(1, 0, alternating), (0, 1, removals), *bounds, (-1, 0, 0), (0, -1, 0)])


def least_removals_scale(
    costs: Iterable[HistoryCost], alternating_weight: Fraction, rho: Fraction
) -> int | None:
    """Return the smallest integer scale of the removals with which no history costs more than rho.

    Returns:
        None if a history costs as much without its removals.
    """
    least = 1
    for cost in costs:
        left = rho - alternating_weight * cost.alternating
        if left < 0 or (left == 0 and cost.removals):
            return None
        if cost.removals:
            least = max(least, ceil_sqrt(cost.removals / (2 * left)))
    return least


def ceil_sqrt(value: Fraction) -> int:
    """Return the smallest integer of which the square is at least a positive number."""
    whole = -(-value.numerator // value.denominator)
    return isqrt(whole - 1) + 1


def _list_one_pair(gram: NDArray[np.int64]) -> list[tuple[int, int]]:
    """List the largest ‖C_p − C_q‖² over p <= q, and ‖C_q‖², for each q."""
    norms = np.diag(gram)
    alternating = np.triu(norms[:, None] + norms[None, :] - 2 * gram).max(axis=0)
    return list(zip(alternating.tolist(), norms.tolist(), strict=True))


def _list_two_pairs(gram: NDArray[np.int64], *, last_happens: bool) -> list[tuple[int, int]]:
    """List the largest ‖C_p − C_q + C_r − C_s‖² over p and r, and ‖C_q + C_s‖², for each q and s."""
    norms = np.diag(gram)
    points: list[tuple[int, int]] = []
    for q, alternating in enumerate(two_pair_norms(gram, last_happens=last_happens)):
        removals = (norms[q] + norms[q:] + 2 * gram[q, q:])[-len(alternating) :]
        points += zip(alternating.tolist(), removals.tolist(), strict=True)
    return points


def _bound_weighted_sum(gram: NDArray[np.int64], flips: int, alternating: int, removals: int) -> int:
    """Return an upper bound of the weighted sum of both squared norms over all histories.

    As in `lookahead_bound`, each flip contributes its terms with all later ones, of which those with the next
    two flips are exact. A removal's terms with later removals are largest if all but the next are where its
    row of G is largest. Dynamic programming over the last two flips maximises the sum.
    """
    norms = np.diag(gram)
    steps = np.diff(gram, axis=1, append=gram[:, -1:])
    rises = np.flip(np.cumsum(np.flip(np.maximum(steps, 0), axis=1), axis=1), axis=1)
    largest_ahead = np.flip(np.maximum.accumulate(np.flip(gram, axis=1), axis=1), axis=1)
    one_ahead = alternating * (norms[:, None] - 2 * gram)
    two_ahead = 2 * alternating * (gram + rises)
    size = flips + flips % 2
    best = np.zeros_like(gram)
    for position in range(1, size - 1):
        ahead = two_ahead
        if position % 2 == 0:
            farther = (size - position) // 2 - 1
            ahead = two_ahead + removals * (norms[:, None] + 2 * gram + 2 * farther * largest_ahead)
        longer = np.zeros_like(best)
        for b in range(len(gram)):
            before = (best[: b + 1, b] + one_ahead[: b + 1, b])[:, None] + ahead[: b + 1, b:]
            longer[b, b:] = before.max(axis=0)
        best = longer
    last = (alternating + removals) * norms
    return int((best + one_ahead + last)[np.triu_indices(len(gram))].max())


def _convex_hull(points: Iterable[tuple[int, int]]) -> tuple[HistoryCost, ...]:
    """Return the points of the convex hull at which a weighted sum can be largest."""
    hull: list[tuple[int, int]] = []
    for x, y in sorted(points, reverse=True):
        if hull and y <= hull[-1][1]:
            continue
        while len(hull) > 1 and _is_inside(hull[-2], hull[-1], (x, y)):
            hull.pop()
        hull.append((x, y))
    return tuple(HistoryCost(Fraction(x), Fraction(y)) for x, y in hull)


def _is_inside(first: tuple[int, int], middle: tuple[int, int], last: tuple[int, int]) -> bool:
    """Return whether the middle point is on the line of the others, or on the side of the origin."""
    across, along = (middle[0] - first[0], middle[1] - first[1]), (last[0] - middle[0], last[1] - middle[1])
    return across[0] * along[1] <= across[1] * along[0]


def _list_corners(bounds: Sequence[tuple[int, int, int]]) -> tuple[HistoryCost, ...]:
    """Return the corners of what satisfies all bounds p·x + q·y <= limit."""
    corners = []
    for (a, b, e), (c, d, f) in combinations(bounds, 2):
        if determinant := a * d - b * c:
            x, y = Fraction(e * d - b * f, determinant), Fraction(a * f - e * c, determinant)
            if all(p * x + q * y <= limit for p, q, limit in bounds):
                corners.append(HistoryCost(x, y))
    return tuple(corners)


DIRECTIONS: Final = ((32, 1), (16, 1), (12, 1), (8, 1), (6, 1), (4, 1), (2, 1), (1, 1), (1, 2), (1, 4))
"""Weights of alternating and removals for which histories of more flips are bounded."""
