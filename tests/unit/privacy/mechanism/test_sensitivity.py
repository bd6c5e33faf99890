"""The certified sensitivity against brute force, random search and local search."""

from itertools import combinations, combinations_with_replacement, product
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from privacy.errors import PolicyError
from privacy.mechanism.factorisation import (
    MAX_COEFFICIENT,
    Factorisation,
    load_factorisation,
    power_factorisation,
)
from privacy.mechanism.sensitivity import (
    alternating_sensitivity_squared,
    lookahead_bound,
    monotone_sensitivity_squared,
)

columns = st.lists(st.integers(0, 50), min_size=1, max_size=8)
encoders = (columns | columns.map(lambda values: sorted(values, reverse=True))).map(
    lambda values: Factorisation("generated", (values[0] + 1, *values[1:]))
)


def encoded_norm_squared(factorisation: Factorisation, changes: NDArray[np.int64]) -> int:
    """‖C·x‖² of one stream."""
    return sum(value * value for value in factorisation.encode(changes).tolist())


def norm_squared(factorisation: Factorisation, members: tuple[int, ...]) -> int:
    """Squared norm of the alternating sum of columns, straight from the definition."""
    changes = np.zeros(factorisation.epochs, dtype=np.int64)
    changes[list(members)] = [(-1) ** i for i in range(len(members))]
    return encoded_norm_squared(factorisation, changes)


def brute_force(factorisation: Factorisation, flips: int) -> int:
    """The maximum by trying every set."""
    return max(
        norm_squared(factorisation, members)
        for size in range(1, min(flips, factorisation.epochs) + 1)
        for members in combinations(range(factorisation.epochs), size)
    )


def local_search(factorisation: Factorisation, flips: int, seed: int) -> int:
    """The best of a random set after moving one flip at a time to its best epoch, until nothing improves."""
    drawn = np.random.default_rng(seed).choice(factorisation.epochs, size=flips, replace=False)
    members = tuple(sorted(drawn.tolist()))
    best = norm_squared(factorisation, members)
    while True:
        neighbours = {
            tuple(sorted({*members[:i], t, *members[i + 1 :]}))
            for i, t in product(range(len(members)), range(factorisation.epochs))
        }
        reached, moved = max((norm_squared(factorisation, neighbour), neighbour) for neighbour in neighbours)
        if reached <= best:
            return best
        best, members = reached, moved


@given(encoders, st.integers(1, 9))
def test_agrees_with_brute_force(factorisation: Factorisation, flips: int) -> None:
    """On small encoders, rising or falling, the sensitivity is the maximum over all sets of flips."""
    assert alternating_sensitivity_squared(factorisation, flips) == brute_force(factorisation, flips)


@given(encoders.filter(lambda encoder: encoder.epochs > 1), st.integers(2, 9))
def test_lookahead_is_an_upper_bound(factorisation: Factorisation, flips: int) -> None:
    """The bound for large sizes is never below the maximum, and equal up to 3 flips of a falling C."""
    bound = lookahead_bound(factorisation.encoder.T @ factorisation.encoder, flips)
    exact = brute_force(factorisation, flips)
    assert bound >= exact
    if flips <= 3 and list(factorisation.coefficients) == sorted(factorisation.coefficients, reverse=True):
        assert bound == exact


@pytest.mark.parametrize("name", ["toeplitz-87-w4", "power-0.6", "power-0.5"])
@pytest.mark.parametrize("flips", [2, 4, 6, 14])
def test_search_never_beats_the_bound(name: str, flips: int) -> None:
    """At full size no set that random or local search finds is above the bound, enumerated or not."""
    factorisation = load_factorisation(name, 87)
    bound = alternating_sensitivity_squared(factorisation, flips)
    generator = np.random.default_rng(3)
    for _ in range(300):
        drawn = generator.choice(87, size=int(generator.integers(1, flips + 1)), replace=False)
        assert norm_squared(factorisation, tuple(sorted(drawn.tolist()))) <= bound
    assert local_search(factorisation, flips, seed=4) <= bound


def test_local_search_comes_close_to_the_bound() -> None:
    """For four flips the bound is not loose: local search from a few starts comes within 0.1 % of it."""
    factorisation = load_factorisation("toeplitz-87-w4", 87)
    reached = max(local_search(factorisation, 4, seed) for seed in range(3))
    assert reached >= 0.999 * alternating_sensitivity_squared(factorisation, 4)


def test_square_root_has_the_published_products() -> None:
    """The square root of A has max ‖B_t‖·Δ of 2.49 for one flip and 3.98 for four, as computed elsewhere."""
    factorisation = power_factorisation("0.5", 87)
    longest_row = float(factorisation.decoder_row_norms.max())
    products = [sqrt(alternating_sensitivity_squared(factorisation, flips)) * longest_row for flips in (1, 4)]
    assert products == pytest.approx([2.49, 3.98], abs=0.005)


def test_prefix_is_no_more_sensitive() -> None:
    """A shorter schedule with the same encoder needs no more noise."""
    factorisation = load_factorisation("toeplitz-87-w4", 87)
    shorter = [factorisation.truncated(epochs) for epochs in (1, 2, 5, 30, 87)]
    values = [alternating_sensitivity_squared(one, 4) for one in shorter]
    assert values == sorted(values)


@given(encoders, st.integers(1, 3))
def test_monotone_agrees_with_brute_force(factorisation: Factorisation, entries: int) -> None:
    """No placement of same-sign entries over epochs and two streams exceeds the bound, and one attains it."""
    places = list(product(range(2), range(factorisation.epochs)))
    largest = 0
    for placed in combinations_with_replacement(places, entries):
        changes = np.zeros((2, factorisation.epochs), dtype=np.int64)
        np.add.at(changes, tuple(np.array(placed).T), 1)
        largest = max(largest, sum(encoded_norm_squared(factorisation, stream) for stream in changes))
    assert monotone_sensitivity_squared(factorisation, entries) == largest


@given(st.lists(st.integers(0, 6), max_size=14).map(sorted))
def test_net_changes_of_a_history_alternate(epochs_of_flips: list[int]) -> None:
    """However flips crowd into epochs, the non-zero net changes are +1, -1, +1, …, at most one a flip."""
    changes = np.zeros(7, dtype=np.int64)
    for i, epoch in enumerate(epochs_of_flips):
        changes[epoch] += (-1) ** i
    nonzero = [int(change) for change in changes if change]
    assert nonzero == [(-1) ** i for i in range(len(nonzero))]
    assert len(nonzero) <= len(epochs_of_flips)


@given(encoders, st.data())
def test_no_history_within_the_cap_exceeds_it(factorisation: Factorisation, data: st.DataObject) -> None:
    """The encoded difference that one history makes is covered, whatever epochs its flips fall in."""
    flips = data.draw(st.integers(1, 6))
    history = sorted(data.draw(st.lists(st.integers(0, factorisation.epochs - 1), max_size=flips)))
    changes = np.zeros(factorisation.epochs, dtype=np.int64)
    for i, epoch in enumerate(history):
        changes[epoch] += (-1) ** i
    difference = encoded_norm_squared(factorisation, changes)
    assert difference <= alternating_sensitivity_squared(factorisation, flips)


def test_a_like_moved_in_time_is_covered_by_two_flips() -> None:
    """Replacing one like by the same like at another epoch changes no more than two flips do."""
    factorisation = load_factorisation("toeplitz-87-w4", 87)
    bound = alternating_sensitivity_squared(factorisation, 2)
    assert all(norm_squared(factorisation, pair) <= bound for pair in combinations(range(87), 2))


@pytest.mark.parametrize("value", [0, -1])
def test_refuses_counts_below_one(value: int) -> None:
    """A sensitivity for no change at all would mean no noise, so it is refused."""
    factorisation = power_factorisation("0.6", 3)
    with pytest.raises(PolicyError, match="flips"):
        alternating_sensitivity_squared(factorisation, value)
    with pytest.raises(PolicyError, match="entries"):
        monotone_sensitivity_squared(factorisation, value)


def test_refuses_what_might_not_fit_64_bits() -> None:
    """Coefficients so large that squared norms could wrap are refused; Python integers do not wrap."""
    huge = Factorisation("huge", (MAX_COEFFICIENT,) * 500)
    with pytest.raises(PolicyError, match="64 bits"):
        alternating_sensitivity_squared(huge, 4)
    assert monotone_sensitivity_squared(huge, 2) == 4 * 500 * MAX_COEFFICIENT**2
