"""Intervals of numbers that are shown only from a threshold on."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import log_ndtr

from privacy.audit.selected_interval import Reach
from privacy.mechanism.reconcile import reconcile
from privacy.release.selection import (
    FAR,
    Z95,
    HalfWidths,
    reconciled_half_widths,
    selected_half_widths,
    sum_half_widths,
)

DEVIATION, THRESHOLD = 12.0, 110.0
LADDER = np.linspace(0, 14, 140_001)
"""Distances of estimates from the threshold, in deviations."""


def interval(distances: NDArray[np.float64]) -> HalfWidths:
    """Return the half widths of estimates at these distances above the threshold, in deviations."""
    estimates = THRESHOLD + DEVIATION * distances
    widths = selected_half_widths(
        estimates, np.full_like(estimates, DEVIATION), np.full_like(estimates, THRESHOLD)
    )
    return HalfWidths(widths.below / DEVIATION, widths.above / DEVIATION)


@pytest.mark.parametrize("count", [-7.5, -6, -4, -2, -1, -0.3, 0, 0.3, 1, 1.6, 1.7, 2, 3, 5])
def test_an_interval_contains_its_count_in_95_percent_of_the_cases_in_which_it_is_shown(count: float) -> None:
    """Whatever the count is, far below the threshold or far above it; calculated, not drawn.

    Args:
        count: relative to the threshold, in deviations.
    """
    widths = interval(LADDER)
    contains = (LADDER - widths.below <= count) & (count <= LADDER + widths.above)
    beyond = np.exp(log_ndtr(count - LADDER) - log_ndtr(count))
    probability = float(((beyond[:-1] - beyond[1:]) * contains[:-1]).sum())
    assert probability == pytest.approx(0.95, abs=0.001)


def test_far_above_the_threshold_the_interval_is_the_usual_one() -> None:
    """The selection is not felt there."""
    widths = interval(np.array([FAR - 1.0, FAR, 100.0, 1e6]))
    assert widths.below == pytest.approx(np.full(4, Z95), abs=1e-3)
    assert widths.above == pytest.approx(np.full(4, Z95), abs=1e-3)


def test_the_audit_finds_the_same_ends() -> None:
    """By bisection, from the definition."""
    distances = np.array([0.3, 0.4, 0.7, 1.0, 1.5, 2.2, 3.1, 4.7, 6.5])
    widths = interval(distances)
    for place, distance in enumerate(distances.tolist()):
        reach = Reach.of_selected(THRESHOLD + DEVIATION * distance, DEVIATION, THRESHOLD)
        assert widths.below[place] == pytest.approx(reach.below / DEVIATION, abs=2e-3)
        assert widths.above[place] == pytest.approx(reach.above / DEVIATION, abs=2e-3)


def test_an_estimate_lies_in_its_interval_and_the_count_is_at_least_k() -> None:
    """Also at the threshold itself, where the lower end would be anywhere."""
    widths = interval(LADDER).limit_below(LADDER + 7.5)
    assert (widths.below >= 0).all()
    assert (widths.above > 1.6).all()
    assert (LADDER - widths.below >= -7.5 - 1e-9).all()


def test_half_widths_of_a_difference_exchange_their_sides() -> None:
    """What reaches far below makes a difference reach far above."""
    one, two = HalfWidths(np.array(3.0), np.array(1.0)), HalfWidths(np.array(4.0), np.array(0.0))
    difference = sum_half_widths((1.0, one), (-1.0, two))
    assert float(difference.below) == 3
    assert float(difference.above) == pytest.approx(17**0.5)


def test_without_selection_reconciled_intervals_are_those_of_the_variances() -> None:
    """Of tied and of free breakdowns, and of `other`, as `reconcile` states them."""
    totals, cells = np.array([3000.0, 3000.0]), np.array([[1100.0, 1000.0, 920.0], [1100.0, 900.0, 30.0]])
    passed = np.array([[True, True, True], [True, True, False]])
    total_deviations, cell_deviations = np.array([10.0, 10.0]), np.array([25.0, 25.0])
    part = reconcile(totals, total_deviations, cells, cell_deviations, passed)
    assert part.tied.tolist() == [True, False]
    of_cells, of_others = reconciled_half_widths(
        HalfWidths(Z95 * total_deviations, Z95 * total_deviations),
        HalfWidths(*(np.full_like(cells, Z95 * 25.0) for _ in range(2))),
        part.shown,
        part.tied,
    )
    for side in (of_cells.below, of_cells.above):
        assert side[passed] == pytest.approx((Z95 * part.deviations)[passed])
    for side in (of_others.below, of_others.above):
        assert side == pytest.approx(Z95 * part.other_deviations)
