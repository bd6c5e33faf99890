"""From rho to (epsilon, delta), by each accountant: known values, soundness, edges."""

from fractions import Fraction
from math import inf, log, sqrt
from statistics import NormalDist

import numpy as np
import pytest
from dp_accounting import GaussianDpEvent
from dp_accounting.pld import PLDAccountant
from hypothesis import example, given
from hypothesis import strategies as st
from mpmath import mp, mpf
from numpy.typing import NDArray

from privacy.errors import PolicyError
from privacy.mechanism.conversion import (
    MIN_GAUSSIAN_SCALE,
    epsilon_at,
    gaussian_delta,
    inflate,
    max_attack_accuracy,
    zcdp_delta,
)
from privacy.policy.budget import Accounting

RHOS = st.floats(1e-4, 50)


def zcdp_delta_on_a_grid(rho: float, epsilon: float) -> float:
    """The infimum of Canonne, Kamath & Steinke (2020), Corollary 13, by trying a million orders."""
    order = 1 + np.exp(np.linspace(-15, 15, 1_000_001))
    exponent = (order - 1) * (order * rho - epsilon) + order * np.log1p(-1 / order) - np.log(order - 1)
    return float(np.exp(min(0.0, exponent.min())))


def exact_gaussian_delta(rho: float, epsilon: float) -> mpf:
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
    assert exact_gaussian_delta(rho, epsilon) <= zcdp_delta(rho, epsilon)


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


@given(rho=st.floats(1e-6, 300), ratio=st.floats(0.0, 12))
@example(rho=1e-6, ratio=0.0)  # the two terms agree in all but three digits
@example(rho=300.0, ratio=30.0)
def test_the_gaussian_delta_is_never_below_the_exact_one(rho: float, ratio: float) -> None:
    """It is rounded up, and by less than one part in a million."""
    epsilon = ratio * sqrt(rho)
    exact = exact_gaussian_delta(rho, epsilon)
    assert exact <= gaussian_delta(rho, epsilon) <= exact * (1 + mpf("1e-6"))


@given(rho=st.floats(1e-4, 300), delta_exponent=st.integers(-12, -3), gate_share=st.floats(0, 0.99))
def test_gaussian_epsilon_keeps_its_delta(rho: float, delta_exponent: int, gate_share: float) -> None:
    """At the stated epsilon the exact delta is at most what the gate leaves; a little less needs more."""
    delta = 10.0**delta_exponent
    epsilon = epsilon_at(rho, delta, gate_share * delta, Accounting.GAUSSIAN)
    left = delta - gate_share * delta
    assert exact_gaussian_delta(rho, epsilon) <= left
    assert epsilon < 1e-5 or exact_gaussian_delta(rho, epsilon - 3e-6) >= left


@given(rho=RHOS)
def test_gaussian_accounting_states_no_more_than_zcdp(rho: float) -> None:
    """Whatever a Gaussian needs, all mechanisms of that rho need at least as much."""
    assert epsilon_at(rho, 1e-9, 1e-10, Accounting.GAUSSIAN) < epsilon_at(rho, 1e-9, 1e-10)


@pytest.mark.parametrize("rho", [0.07, 0.1092, 1.092])
@pytest.mark.parametrize("delta", [1e-6, 1e-9])
def test_gaussian_epsilon_agrees_with_dp_accounting(rho: float, delta: float) -> None:
    """Google's accountant of privacy-loss distributions, rounded up on a grid of 1e-4, finds the same.

    Its result is an upper bound, which discretisation raises by less than 1e-3 here.
    """
    accountant = PLDAccountant(value_discretization_interval=1e-4)
    accountant.compose(GaussianDpEvent(1 / sqrt(2 * rho)))
    theirs = accountant.get_epsilon(delta)
    ours = epsilon_at(rho, delta, 0.0, Accounting.GAUSSIAN)
    assert theirs - 1e-3 <= ours <= theirs + 2e-6


@given(
    rho=st.fractions(Fraction(1, 10**6), 300, max_denominator=10**12),
    scale=st.integers(MIN_GAUSSIAN_SCALE, 10**6),
)
def test_discreteness_is_paid_for(rho: Fraction, scale: int) -> None:
    """Rho is that of noise of variance s² − 16, rounded up; as zCDP it is what it is."""
    factor = Fraction(scale**2, scale**2 - 16)
    assert rho * factor < inflate(rho, scale, Accounting.GAUSSIAN) <= float(rho * factor) * (1 + 1e-15)
    assert rho < inflate(rho, 1, Accounting.ZCDP) <= float(rho) * (1 + 1e-15)


def test_noise_that_is_too_coarse_is_refused() -> None:
    """Below a scale of 64 the factor would be more than 0.4 %."""
    with pytest.raises(PolicyError, match=r"mechanism\.accounting: is 'gaussian' with noise of scale 63"):
        inflate(Fraction(1, 10), MIN_GAUSSIAN_SCALE - 1, Accounting.GAUSSIAN)


def probabilities(scale: float, centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """The discrete Gaussian on −40 to 40 by centre, which need not be an integer; one row each."""
    weights = np.exp(-((np.arange(-40, 41) - centres[:, None]) ** 2) / (2 * scale**2))
    shares: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return shares


@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize("rounding", [0.4, 0.5, 0.7, 0.95])
def test_discrete_noise_is_rounded_continuous_noise(scale: int, rounding: float) -> None:
    """Lemma 2 of the proof, at scales where the difference is large enough to be seen.

    The integral over X is a sum with steps of 1/100 of a smooth function, exact to 1e-12.
    """
    decays = np.exp(-2 * np.pi**2 * rounding**2 * np.arange(1, 50) ** 2)
    kappa = 2 * float(decays.sum())
    bound = log((1 + kappa) / (1 - kappa))
    spread = sqrt(scale**2 - rounding**2)
    x = np.arange(-1200, 1201) / 100 * scale
    weights = np.exp(-(x**2) / (2 * spread**2))
    rounded = weights @ probabilities(rounding, x) / weights.sum()
    exact = probabilities(scale, np.zeros(1))[0]
    compared = exact > 1e-9
    ratios = np.abs(np.log(rounded[compared] / exact[compared]))
    assert ratios.max() <= bound + 1e-9
    assert (scale, rounding) != (1, 0.4) or ratios.max() > bound / 1000  # the lemma is not idle


def test_an_adaptive_gaussian_is_computed_from_one_shift() -> None:
    """Lemma 1 of the proof: the likelihood ratio of all outputs is that of one shifted variable.

    The second draw's shift and scale depend on the first output; the squared shifts add up to μ² on every
    path. The sum of log-likelihoods then is N(±μ²/2, μ²). The test compares 200,000 samples' share above each
    of nine thresholds, within five deviations of its expectation (false alarm: 1e-5).
    """
    rng, samples, mu = np.random.default_rng(5), 200_000, 0.9
    first = rng.standard_normal(samples) + 0.3
    share = np.where(first > 0.2, 0.81 - 0.09, 0.3)  # what is used of the rest, by the first output
    second = rng.standard_normal(samples) + np.sqrt(share)
    third = rng.standard_normal(samples) + np.sqrt(mu**2 - 0.09 - share)
    loss = 0.3 * first - 0.045
    loss += np.sqrt(share) * second - share / 2
    rest = mu**2 - 0.09 - share
    loss += np.sqrt(rest) * third - rest / 2
    normal = NormalDist(mu**2 / 2, mu)
    for quantile in np.linspace(0.1, 0.9, 9):
        above = float((loss > normal.inv_cdf(quantile)).mean())
        assert abs(above - (1 - quantile)) < 5 * sqrt(quantile * (1 - quantile) / samples)


def test_right_guesses_of_a_gaussian() -> None:
    """Φ(√(ρ/2)), rounded up, and half of what the gate adds: 59.24 in 100 under the default policy."""
    assert max_attack_accuracy(0.1092, 1e-10, Accounting.GAUSSIAN) == 0.5924
    assert NormalDist().cdf(sqrt(0.1092 / 2)) <= 0.5924
    assert max_attack_accuracy(0.1092, 0.5, Accounting.GAUSSIAN) > 0.84
    assert max_attack_accuracy(0.0, 0.0, Accounting.GAUSSIAN) == 0.5
