"""What one history costs over all statistics, against brute force, search and the audit's own code."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.audit.joint_history import list_extremes, most_rho
from privacy.errors import PolicyError
from privacy.mechanism.factorisation import (
    MAX_COEFFICIENT,
    Factorisation,
    load_factorisation,
    power_factorisation,
)
from privacy.mechanism.joint_sensitivity import HistoryCost, history_costs, least_removals_scale
from privacy.mechanism.sensitivity import alternating_sensitivity_squared, monotone_sensitivity_squared
from privacy.model.engagement import Kind
from privacy.policy.file import load_policy

VIDEOS = load_factorisation("toeplitz-87-w4", load_policy().epochs_of(Kind.LIKE))
CREATORS = load_factorisation("toeplitz-87-w4", load_policy().epochs_of(Kind.FOLLOW))
WEIGHTS = ((1, 0), (0, 1), (1, 1), (7, 2), (2, 7), (40, 1), (1, 40))
encoders = st.lists(st.integers(0, 50), min_size=1, max_size=5).map(
    lambda values: Factorisation("generated", (values[0] + 1, *values[1:]))
)


def cost_of(factorisation: Factorisation, history: Sequence[int]) -> tuple[int, int]:
    """‖C·u‖² of the net changes and ‖C·v‖² of the removals, straight from the definition."""
    changes = np.zeros((2, factorisation.epochs), np.int64)
    for number, epoch in enumerate(history):
        changes[0, epoch] += -1 if number % 2 else 1
        changes[1, epoch] += number % 2
    alternating, removals = (factorisation.encode(changes) ** 2).sum(axis=1).tolist()
    return alternating, removals


def brute_force(factorisation: Factorisation, flips: int) -> set[tuple[int, int]]:
    """The costs of all histories of at most this number of flips, which may share epochs."""
    return {
        cost_of(factorisation, history)
        for size in range(flips + 1)
        for history in combinations_with_replacement(range(factorisation.epochs), size)
    }


def most(points: Iterable[tuple[Fraction | int, Fraction | int]], weights: tuple[int, int]) -> Fraction:
    """The largest weighted sum."""
    return max(Fraction(weights[0] * x + weights[1] * y) for x, y in points)


@given(encoders, st.integers(1, 4))
def test_points_agree_with_brute_force(factorisation: Factorisation, flips: int) -> None:
    """Up to four flips, rising coefficients or falling, the points are neither too small nor too large."""
    histories = brute_force(factorisation, flips)
    points = history_costs(factorisation, flips)
    assert [most(points, weights) for weights in WEIGHTS] == [most(histories, weights) for weights in WEIGHTS]


@given(encoders.filter(lambda encoder: encoder.epochs < 5), st.sampled_from([5, 6, 8]))  # quick
def test_points_bound_brute_force(factorisation: Factorisation, flips: int) -> None:
    """With more flips no history exceeds the points, and they are no worse than worst cases added up."""
    histories = brute_force(factorisation, flips)
    points = history_costs(factorisation, flips)
    for weights in WEIGHTS:
        apart = (
            weights[0] * alternating_sensitivity_squared(factorisation, flips),
            weights[1] * monotone_sensitivity_squared(factorisation, flips // 2),
        )
        assert most(histories, weights) <= most(points, weights) <= sum(apart)


@given(encoders, st.integers(2, 6))
def test_fewer_flips_are_included(factorisation: Factorisation, flips: int) -> None:
    """A history that ends early costs no more than what is stated for longer ones."""
    fewer, more = history_costs(factorisation, flips - 1), history_costs(factorisation, flips)
    assert all(most(fewer, weights) <= most(more, weights) for weights in WEIGHTS)


@pytest.mark.parametrize("factorisation", [VIDEOS, CREATORS, power_factorisation("0.6", 40)])
def test_the_audit_finds_the_same_points(factorisation: Factorisation) -> None:
    """The audit goes over the vectors, one pair of removals after the other."""
    points, found = history_costs(factorisation, 4), list_extremes(factorisation.coefficients, 4)
    for alternating, removals in WEIGHTS:
        weights = Fraction(alternating), Fraction(removals)
        assert max(point.rho(*weights) for point in points) == most_rho(found, *weights)


@cache
def points_of(flips: int) -> tuple[HistoryCost, ...]:
    """The points of the packaged factorisation."""
    return history_costs(VIDEOS, flips)


@pytest.mark.parametrize("flips", [4, 6])
@given(data=st.data())
def test_no_search_exceeds_the_points(flips: int, data: st.DataObject) -> None:
    """At full size, where brute force is too much for six flips, generated histories stay below."""
    epochs = st.integers(0, VIDEOS.epochs - 1)
    history = sorted(data.draw(st.lists(epochs, min_size=flips - 2, max_size=flips)))
    cost = cost_of(VIDEOS, history)
    assert all(most([cost], weights) <= most(points_of(flips), weights) for weights in WEIGHTS)


@given(
    encoders,
    st.fractions(Fraction(1, 10**6), Fraction(1, 10**3)),
    st.fractions(Fraction(101, 100), 3, max_denominator=1000),
)
def test_one_step_less_would_cost_too_much(
    factorisation: Factorisation, weight: Fraction, share: Fraction
) -> None:
    """The scale keeps rho for every history, and the next smaller integer does not."""
    histories = brute_force(factorisation, 4)
    rho = share * weight * max(alternating for alternating, _ in histories)
    scale = least_removals_scale(history_costs(factorisation, 4), weight, rho)
    assert scale is not None

    def worst(removals: int) -> Fraction:
        return max(weight * x + Fraction(y, 2 * removals**2) for x, y in histories)

    assert worst(scale) <= rho
    assert scale == 1 or worst(scale - 1) > rho


def test_nothing_left_is_no_scale() -> None:
    """A history that uses up rho without its removals leaves them no noise that would do."""
    costs = [HistoryCost(Fraction(10), Fraction(1))]
    assert least_removals_scale(costs, Fraction(1, 10), Fraction(1)) is None
    assert least_removals_scale(costs, Fraction(1, 9), Fraction(1)) is None
    assert least_removals_scale(costs, Fraction(1, 11), Fraction(1)) == 3  # ⌈√5.5⌉


def test_removals_that_cost_nothing_need_nothing() -> None:
    """An engagement that is made once has no removals."""
    assert least_removals_scale([HistoryCost(Fraction(10), Fraction(0))], Fraction(1, 10), Fraction(1)) == 1


def test_no_flips_are_refused() -> None:
    """A history of none would cost nothing, and need no noise."""
    with pytest.raises(PolicyError, match="flips"):
        history_costs(VIDEOS, 0)


def test_what_might_not_fit_64_bits_is_refused() -> None:
    """Weighted sums of six flips are larger than a norm, and must not wrap."""
    huge = Factorisation("huge", (MAX_COEFFICIENT,) * 60)
    with pytest.raises(PolicyError, match="64 bits"):
        history_costs(huge, 6)
