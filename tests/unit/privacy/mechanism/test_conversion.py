"""From rho-zCDP to (epsilon, delta): known values, soundness, edges."""

from math import inf, log, sqrt
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mpmath import mp, mpf

from privacy.mechanism.conversion import epsilon_at, max_attack_accuracy, zcdp_delta

RHOS = st.floats(1e-4, 50)


def zcdp_delta_on_a_grid(rho: float, epsilon: float) -> float:
    """The infimum of Canonne, Kamath & Steinke (2020), Corollary 13, by trying a million orders."""
    order = 1 + np.exp(np.linspace(-15, 15, 1_000_001))
    exponent = (order - 1) * (order * rho - epsilon) + order * np.log1p(-1 / order) - np.log(order - 1)
    return float(np.exp(min(0.0, exponent.min())))


def gaussian_delta(rho: float, epsilon: float) -> mpf:
    """The exact delta of a Gaussian mechanism that is rho-zCDP (Balle & Wang 2018, Theorem 8).

    Its two terms agree in ever more digits the larger epsilon is, so they are subtracted with 60 of them:
    where the difference is 1e-50 of a term, ten of its own digits are left.
    """
    with mp.workdps(60):
        shift, at = mp.sqrt(2 * mpf(rho)), mpf(epsilon)
        return mp.ncdf(shift / 2 - at / shift) - mp.exp(at) * mp.ncdf(-shift / 2 - at / shift)


@pytest.mark.parametrize(
    ("rho", "delta", "epsilon"),
    [(0.1, 1e-6, 2.142), (0.1, 1e-9, 2.716), (1.0, 1e-6, 7.767), (10.0, 1e-6, 32.222)],
)
def test_known_values(rho: float, delta: float, epsilon: float) -> None:
    """The default guarantee, and its account-day at 10 and 100 engagements, at the usual deltas."""
    assert epsilon_at(rho, delta, 0.0) == pytest.approx(epsilon, abs=1e-3)


@pytest.mark.parametrize(("rho", "epsilon"), [(0.01, 0.5), (0.1, 2.0), (0.1, 0.1), (1.0, 8.0), (10.0, 30.0)])
def test_the_best_order_is_found(rho: float, epsilon: float) -> None:
    """The optimiser finds what a grid of a million orders finds.

    Neighbouring orders of the grid differ by 3e-5 of themselves, so that it misses the minimum of the
    exponent by less than 1e-8.
    """
    assert zcdp_delta(rho, epsilon) == pytest.approx(zcdp_delta_on_a_grid(rho, epsilon), rel=1e-6)


@given(rho=RHOS, ratio=st.floats(0.01, 20))
@example(rho=0.5, ratio=11.5)  # in floats the Gaussian's delta cancels to 1.160e-14; it is 1.306e-15
def test_a_gaussian_mechanism_keeps_the_claim(rho: float, ratio: float) -> None:
    """No rho-zCDP mechanism may need more delta than is stated: a Gaussian one never does.

    No tolerance: the Gaussian's delta is exact, and the stated one is larger by far more than a float's
    error.
    """
    epsilon = ratio * sqrt(rho)
    assert gaussian_delta(rho, epsilon) <= zcdp_delta(rho, epsilon)


@given(rho=st.floats(1e-6, 1e5), delta_exponent=st.integers(-15, -3), gate_share=st.floats(0, 0.99))
def test_epsilon_keeps_its_delta(rho: float, delta_exponent: int, gate_share: float) -> None:
    """At the stated epsilon zCDP needs no more than the gate leaves of delta; a little less needs more.

    The stated epsilon is 1e-6 above the root, which the solver finds within 1e-9 and 1e-15 of itself.
    """
    delta = 10.0**delta_exponent
    epsilon = epsilon_at(rho, delta, gate_share * delta)
    left = delta * (1 - gate_share)
    assert zcdp_delta(rho, epsilon) <= left * (1 + 1e-6)
    assert zcdp_delta(rho, epsilon - 3e-6 - 1e-6 * epsilon) >= left or epsilon < 1e-5
    assert epsilon <= rho + 2 * sqrt(rho * log(1 / left)) + 1e-5


@given(rho=RHOS)
def test_more_budget_costs_more_epsilon(rho: float) -> None:
    """Epsilon grows with rho, with a smaller delta, and with what the gate takes of delta."""
    epsilon = epsilon_at(rho, 1e-6, 0.0)
    assert epsilon < epsilon_at(1.01 * rho, 1e-6, 0.0)
    assert epsilon < epsilon_at(rho, 1e-7, 0.0)
    assert epsilon < epsilon_at(rho, 1e-6, 5e-7)


@pytest.mark.parametrize("gate_delta", [1e-6, 2e-6])
def test_no_epsilon_where_the_gate_uses_up_delta(gate_delta: float) -> None:
    """A delta that the gate alone uses up has no finite epsilon."""
    assert epsilon_at(0.1, 1e-6, gate_delta) == inf


def test_next_to_no_budget_is_next_to_no_epsilon() -> None:
    """A tiny rho at a large delta has epsilon zero, not a negative one."""
    assert epsilon_at(1e-12, 0.5, 0.0) == 0.0


@given(rho=RHOS)
def test_right_guesses_cover_the_gaussian_mechanism(rho: float) -> None:
    """The bound is no smaller than what the best guess against a Gaussian mechanism reaches, Φ(√(ρ/2))."""
    assert NormalDist().cdf(sqrt(rho / 2)) <= max_attack_accuracy(rho, 0.0) <= 1


def test_right_guesses_of_the_default_policy() -> None:
    """At rho 0.1 the best guess is right at most 61.19 times in 100; with nothing released, 50 times."""
    assert max_attack_accuracy(0.1, 1e-12) == 0.6119
    assert max_attack_accuracy(0.0, 0.0) == 0.5
    assert max_attack_accuracy(0.0, 1.0) == max_attack_accuracy(100.0, 0.0) == 1.0
