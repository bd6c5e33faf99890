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
from privacy.mechanism.joint_sensitivity import history_costs
from privacy.mechanism.sensitivity import alternating_sensitivity_squared, monotone_sensitivity_squared
from privacy.model.engagement import Kind
from privacy.policy.budget import Budget
from privacy.policy.file import load_policy
from tests.support.first_policy import FIRST_POLICY
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


def test_every_statistic_of_the_first_policy_keeps_its_budget() -> None:
    """Total, six breakdowns and removals, apart: each covered exactly, from certified sensitivities."""
    budget, calibration = FIRST_POLICY.budgets[Kind.LIKE], calibrate(FIRST_POLICY, Kind.LIKE)
    assert [s.name for s in calibration.statistics] == [TOTAL, *budget.breakdowns, REMOVALS]
    alternating = alternating_sensitivity_squared(calibration.factorisation, FIRST_POLICY.flip_cap)
    growing = monotone_sensitivity_squared(calibration.factorisation, FIRST_POLICY.flip_cap // 2)
    for statistic in calibration.statistics:
        check_scale(statistic)
        assert statistic.sensitivity_squared == (growing if statistic.name == REMOVALS else alternating)
    assert sum(s.rho for s in calibration.statistics) + budget.reserve == budget.rho == Fraction(1, 10)


@pytest.mark.parametrize("kind", list(Kind))
def test_no_history_costs_more_than_stated(kind: Kind) -> None:
    """All statistics and the audiences together stay within rho, and within what is stated of few flips."""
    calibration, budget = calibrate(POLICY, kind), POLICY.budgets[kind]
    assert calibration.rho_of(POLICY.flip_cap) <= budget.rho - budget.reserve
    assert calibration.rho_of(POLICY.flip_cap) > Fraction(999, 1000) * (budget.rho - budget.reserve)
    rng, epochs = np.random.default_rng(11), calibration.schedule.epochs
    scales = [statistic.scale for statistic in calibration.statistics]
    for flips in (1, 2, 3, 4):
        stated = calibration.rho_of(flips)
        for _ in range(50):
            changes = np.zeros((2, epochs), np.int64)
            for number, epoch in enumerate(sorted(rng.integers(0, epochs, flips).tolist())):
                changes[0, epoch] += -1 if number % 2 else 1
                changes[1, epoch] += number % 2
            alternating, removals = (calibration.factorisation.encode(changes) ** 2).sum(axis=1).tolist()
            cost = sum(Fraction(alternating, 2 * scale**2) for scale in scales[:-1])
            assert cost + Fraction(removals, 2 * scales[-1] ** 2) + budget.audiences <= stated


@pytest.mark.parametrize("kind", list(Kind))
def test_the_removals_get_what_is_left(kind: Kind) -> None:
    """One integer step less of noise would cost more than rho for some history."""
    calibration, budget = calibrate(POLICY, kind), POLICY.budgets[kind]
    scale = calibration.statistics[-1].scale
    worst = [
        max(
            cost.rho(calibration.alternating_weight, Fraction(1, 2 * step**2))
            for cost in history_costs(calibration.factorisation, POLICY.flip_cap)
        )
        for step in (scale, scale - 1)
    ]
    assert worst[0] <= budget.measured < worst[1]


def test_a_budget_that_leaves_nothing_is_refused() -> None:
    """Scales are whole numbers, so that what looks like a part left for the removals may be none."""
    like = POLICY.budgets[Kind.LIKE]
    parts = like.total + sum(like.breakdowns.values()) + like.audiences
    calibration = calibrate(POLICY, Kind.LIKE)
    flips = calibration.statistics[0].sensitivity_squared
    assert calibration.alternating_weight * flips <= parts - like.audiences
    with pytest.raises(PolicyError, match=r"budgets\.like\.rho: is 0\.1008.*without the removals"):
        replace(like, rho=parts)


def test_every_stream_has_the_noise_of_its_statistic(calibration: Calibration) -> None:
    """The scales are at the positions of the layout."""
    layout, scales = POLICY.layout, calibration.stream_scales
    total, *breakdowns, removals = calibration.statistics
    assert scales[layout.total] == total.scale
    for statistic, place in zip(breakdowns, layout.breakdowns, strict=True):
        assert set(scales[place].tolist()) == {statistic.scale}
    assert set(scales[layout.removals].tolist()) == {removals.scale}


def test_z_spends_the_gates_delta_once(calibration: Calibration) -> None:
    """T·R tails of a normal at z, and those of audiences, make up the gate's delta: z = 7.310 by default.

    The tail is exact (a float's 1 + erf would lose twelve digits). z is rounded to a float, which changes the
    tail by z² parts in 2^53, about 1e-14 of it; the rest of the tolerance is for the inversion.
    """
    tail = mp.ncdf(-mpf(calibration.z))
    assert float((87 * 8 + 50) * tail) == pytest.approx(1e-10, rel=1e-12, abs=0)
    assert calibration.z == pytest.approx(7.310, abs=1e-3)


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
