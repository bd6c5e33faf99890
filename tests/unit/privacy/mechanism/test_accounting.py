"""Consequences of a policy: exact noise scales, the gate's z, and refusals."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf

from privacy.errors import PolicyError
from privacy.mechanism.accounting import REMOVALS, TOTAL, Calibration, Statistic, calibrate
from privacy.mechanism.bernoulli_exp import MAX_SCALE
from privacy.mechanism.sensitivity import alternating_sensitivity_squared, monotone_sensitivity_squared
from privacy.model.engagement import Kind
from privacy.policy.budget import Budget
from privacy.policy.file import load_policy
from tests.support.small_policy import small_policy

POLICY = load_policy()


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    """The default policy's."""
    return calibrate(POLICY, Kind.LIKE)


def check_scale(statistic: Statistic) -> None:
    """The noise covers the sensitivity, and one integer step less would not."""
    needed = Fraction(statistic.sensitivity_squared) / (2 * statistic.rho)
    assert statistic.scale**2 >= needed
    assert (statistic.scale - 1) ** 2 < needed


@given(
    rho=st.fractions(Fraction(1, 10_000), 2, max_denominator=10**9),
    sensitivity_squared=st.integers(1, 3 * 10**9),
)
def test_a_scale_is_the_smallest_that_keeps_rho(rho: Fraction, sensitivity_squared: int) -> None:
    """scale² · 2·rho >= Δ², with equality within one integer step: no float decides it."""
    check_scale(Statistic("any", rho, sensitivity_squared))


def test_every_statistic_of_the_default_policy_keeps_its_budget(calibration: Calibration) -> None:
    """Total, six breakdowns and removals: each covered exactly, from certified sensitivities."""
    budget = POLICY.budgets[Kind.LIKE]
    assert [s.name for s in calibration.statistics] == [TOTAL, *budget.breakdowns, REMOVALS]
    alternating = alternating_sensitivity_squared(calibration.factorisation, POLICY.flip_cap)
    growing = monotone_sensitivity_squared(calibration.factorisation, POLICY.flip_cap // 2)
    for statistic in calibration.statistics:
        check_scale(statistic)
        assert statistic.sensitivity_squared == (growing if statistic.name == REMOVALS else alternating)


def test_the_budgets_spent_add_up_to_rho(calibration: Calibration) -> None:
    """The budgets of the statistics and the reserve add up to rho exactly."""
    budget = POLICY.budgets[Kind.LIKE]
    assert sum(s.rho for s in calibration.statistics) + budget.reserve == budget.rho == Fraction(1, 10)


def test_every_stream_has_the_noise_of_its_statistic(calibration: Calibration) -> None:
    """The scales are at the positions of the layout."""
    layout, scales = POLICY.layout, calibration.stream_scales
    total, *breakdowns, removals = calibration.statistics
    assert scales[layout.total] == total.scale
    for statistic, place in zip(breakdowns, layout.breakdowns, strict=True):
        assert set(scales[place].tolist()) == {statistic.scale}
    assert set(scales[layout.removals].tolist()) == {removals.scale}


def test_z_spends_the_gates_delta_once(calibration: Calibration) -> None:
    """T·R tails of a normal at z make up the gate's delta: z = 7.911 by default.

    The tail is exact (a float's 1 + erf would lose twelve digits). z is rounded to a float, which changes the
    tail by z² parts in 2^53, about 1e-14 of it; the rest of the tolerance is for the inversion.
    """
    tail = mp.ncdf(-mpf(calibration.z))
    assert float(87 * 9 * tail) == pytest.approx(1e-12, rel=1e-12, abs=0)
    assert calibration.z == pytest.approx(7.911, abs=1e-3)


def test_deviations_are_those_of_the_decoded_noise(calibration: Calibration) -> None:
    """Every step and stream has the deviation scale · ‖B_t‖₂."""
    steps = np.array([0, 3, 86, 3])
    rows = calibration.factorisation.decoder[steps]
    expected = np.sqrt((rows**2).sum(axis=1))[:, None] * calibration.stream_scales[None, :]
    assert calibration.deviations(steps) == pytest.approx(expected)


def test_the_default_policy_is_as_accurate_as_documented(calibration: Calibration) -> None:
    """The largest error factor max_t ‖B_t‖₂ · Δ_w is at most 3.59."""
    root = float(calibration.statistics[0].sensitivity_squared) ** 0.5
    assert calibration.factorisation.decoder_row_norms.max() * root <= 3.59


@pytest.mark.parametrize(
    "name", ["", "nope", "power-0", "power-1.0", "power--0.5", "../policy", "toeplitz-87-w4.json"]
)
def test_an_unknown_factorisation_is_refused(name: str) -> None:
    """A name that leads to no factorisation stops the program."""
    with pytest.raises(PolicyError, match=r"mechanism\.factorisation: "):
        calibrate(replace(POLICY, factorisation=name), Kind.LIKE)


def test_a_schedule_that_the_factorisation_does_not_reach_is_refused() -> None:
    """88 epochs need another factorisation than the one for 87."""
    longer = replace(small_policy(epochs=88), factorisation=POLICY.factorisation)
    with pytest.raises(PolicyError, match="serves 1 to 87 epochs, not 88"):
        calibrate(longer, Kind.LIKE)


def test_a_budget_that_the_sampler_cannot_carry_is_refused() -> None:
    """So little rho that the noise is past what is exact is refused, with the statistic's name."""
    tiny = Fraction(1, 10**7)
    budget = Budget("like", 4 * tiny, tiny, tiny, Fraction(0), {"gender": tiny, "region": tiny})
    with pytest.raises(PolicyError, match=rf"total has rho 1e-07, .* exact up to {MAX_SCALE}"):
        calibrate(replace(small_policy(), budgets={Kind.LIKE: budget}), Kind.LIKE)


@pytest.mark.parametrize("flip_cap", [2, 4, 6, 14])
def test_more_flips_cost_more_noise(flip_cap: int) -> None:
    """The sensitivities, and with them the scales, grow with w; none is that of a single flip."""
    few = calibrate(replace(POLICY, flip_cap=2), Kind.LIKE)
    many = calibrate(replace(POLICY, flip_cap=flip_cap), Kind.LIKE)
    single = few.factorisation.encoder[:, 0]
    assert few.statistics[0].sensitivity_squared > int((single**2).sum())
    assert (many.stream_scales >= few.stream_scales).all()
