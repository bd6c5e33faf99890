"""The mechanism of audiences: what one account can change, scales, margins, and the share of the gate."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf

from privacy.mechanism.accounting import TOTAL, gate_z
from privacy.mechanism.audience_accounting import UNIT, AudienceCalibration, calibrate_audiences
from privacy.mechanism.guarantee import guarantee
from privacy.model.audience import Scope
from privacy.model.engagement import Kind
from privacy.policy.file import load_policy

POLICY = load_policy()
CALIBRATIONS = calibrate_audiences(POLICY)


@pytest.mark.parametrize("calibration", CALIBRATIONS)
def test_scales_keep_their_budgets(calibration: AudienceCalibration) -> None:
    """The smallest integers for a change of 1 in a total, and of √2 in a breakdown."""
    period = calibration.period
    budgets = {TOTAL: period.total} | dict(period.breakdowns)
    for name, rho in budgets.items():
        if rho is None:
            continue
        (scale,) = set(calibration.stream_scales[calibration.places[name]].tolist())
        changed = UNIT**2 if name == TOTAL else 2 * UNIT**2
        assert Fraction(changed, 2 * scale**2) <= rho < Fraction(changed, 2 * (scale - 1) ** 2)


@pytest.mark.parametrize("calibration", CALIBRATIONS)
def test_every_cell_has_a_stream(calibration: AudienceCalibration) -> None:
    """The total first, then the cells of each breakdown, `undisclosed` last; a joint one has all pairs."""
    period, places = calibration.period, calibration.places
    assert set(places) == {*period.breakdowns, *([TOTAL] if period.total else [])}
    sizes = [1 if name == TOTAL else len(POLICY.cells_of(name)) for name in places]
    assert [place.stop - place.start for place in places.values()] == sizes
    assert [place.start for place in places.values()] == np.cumsum([0, *sizes[:-1]]).tolist()
    assert calibration.count == sum(sizes)
    if "age_gender" in places:
        assert len(POLICY.cells_of("age_gender")) == 8 * 4


@pytest.mark.parametrize("calibration", CALIBRATIONS)
def test_margins_are_those_of_the_gate(calibration: AudienceCalibration) -> None:
    """Z deviations, and one unit for noise that is discrete, in accounts."""
    z = gate_z(POLICY, Kind.LIKE)
    assert calibration.margins == pytest.approx(z * calibration.stream_scales / UNIT + 1 / UNIT, rel=1e-12)
    assert calibration.least_count == POLICY.k


def test_z_counts_the_streams_of_audiences() -> None:
    """A like touches 8 streams of its video at 87 epochs, and of audiences 50 streams once."""
    creator = 1 + 2 * 7
    tags, sound, platform = 3 * (1 + 2 * 2), 1 + 2 * 2, 1 + 2 * 7
    assert POLICY.audiences is not None
    assert POLICY.audiences.streams_touched == creator + tags + sound + platform == 50
    tail = mp.ncdf(-mpf(gate_z(POLICY, Kind.LIKE)))
    assert float((87 * 8 + 50) * tail) == pytest.approx(1e-10, rel=1e-12, abs=0)
    tail = mp.ncdf(-mpf(gate_z(POLICY, Kind.FAVORITE)))
    assert float(87 * 8 * tail) == pytest.approx(1e-10, rel=1e-12, abs=0)


def test_the_cost_of_an_engagement() -> None:
    """What is declared for each period adds up, hashtags three times, and is a part of the like's budget."""
    assert POLICY.audiences is not None
    cost = sum(
        (3 if period.scope is Scope.HASHTAG else 1) * (sum(period.breakdowns.values()) + (period.total or 0))
        for period in POLICY.audiences.periods
    )
    assert POLICY.audiences.rho == cost == POLICY.budgets[Kind.LIKE].audiences
    assert guarantee(POLICY)["kinds"]["like"]["audiences_rho"] == float(cost)
    spent = sum(
        scopes * Fraction(statistic.sensitivity_squared, 2 * statistic.scale**2)
        for calibration in CALIBRATIONS
        for scopes in (POLICY.audiences.scopes_per_engagement(calibration.period.scope),)
        for statistic in calibration.statistics
    )
    assert Fraction(999, 1000) * cost < spent <= cost


likes = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=4)
"""Likes of one account in a period, in order: of one of three scopes, with one of four cells."""


def enter(history: list[tuple[int, int]]) -> Mapping[int, Counter[int]]:
    """The cells in which each scope counts the account: that of its first like there."""
    counted: dict[int, Counter[int]] = {scope: Counter() for scope in range(3)}
    for scope, cell in history:
        if not counted[scope]:
            counted[scope][cell] += 1
    return counted


@given(likes, likes)
def test_no_two_sets_of_likes_differ_by_more(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    """Whatever likes an account has or has not, a scope's total differs by 1, a breakdown by √2 at most."""
    for first, second in zip(enter(one).values(), enter(other).values(), strict=True):
        difference = [first[cell] - second[cell] for cell in range(4)]
        assert abs(sum(difference)) <= 1
        assert sqrt(sum(change**2 for change in difference)) <= sqrt(2)


@given(likes.filter(bool), st.data())
def test_one_like_touches_one_scope_of_a_type(history: list[tuple[int, int]], data: st.DataObject) -> None:
    """Leaving out one like changes what its own scope counts, and nothing else."""
    left_out = data.draw(st.integers(0, len(history) - 1))
    without = history[:left_out] + history[left_out + 1 :]
    changed = [scope for scope in range(3) if enter(history)[scope] != enter(without)[scope]]
    assert changed in ([], [history[left_out][0]])


def test_another_policy_has_none() -> None:
    """Without the table nothing is counted, and the gate has nothing to share."""
    budget = POLICY.budgets[Kind.LIKE]
    budgets = {
        kind: replace(
            each, audiences=Fraction(0), breakdowns=dict(each.breakdowns) | {"hour_of_day": Fraction(1, 1000)}
        )
        for kind, each in POLICY.budgets.items()
    }
    without = replace(POLICY, audiences=None, budgets=budgets)
    assert calibrate_audiences(without) == ()
    assert guarantee(without)["audiences"] is None
    assert budget.audiences > 0
