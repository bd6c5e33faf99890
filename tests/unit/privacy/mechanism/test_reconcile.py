"""Reconciliation: least squares on what passed, rounded so that it adds up."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from privacy.mechanism.reconcile import FLOAT_TOLERANCE, Reconciled, reconcile

AMOUNTS = st.floats(0, 1e7, allow_subnormal=False)


@dataclass(frozen=True)
class Case:
    """One breakdown of one series."""

    total: float
    cells: list[float]
    passed: list[bool]
    total_deviation: float = 10.0
    cell_deviation: float = 20.0

    def reconciled(self) -> Reconciled:
        """Return the reconciled breakdown."""
        return reconcile(
            np.array([self.total]),
            np.array([self.total_deviation]),
            np.array([self.cells]),
            np.array([self.cell_deviation]),
            np.array([self.passed]),
        )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Totals and cells that belong together or not at all, some of them withheld."""
    cells = draw(st.lists(AMOUNTS, min_size=1, max_size=6))
    near = st.floats(-100, 100).map(lambda error: max(0.0, sum(cells) + error))
    passed = draw(st.lists(st.booleans(), min_size=len(cells), max_size=len(cells)))
    return Case(draw(AMOUNTS | near), cells, passed, draw(st.floats(0.1, 1e3)), draw(st.floats(0.1, 1e3)))


def shown_values(result: Reconciled) -> NDArray[np.int64]:
    """Return the shown values."""
    values: NDArray[np.int64] = result.values[0][result.shown[0]]
    return values


@given(case=cases())
def test_shown_values_and_other_add_up_to_the_rounded_total(case: Case) -> None:
    """Whatever passed, the values are non-negative integers whose sum with `other` is the rounded total."""
    result = case.reconciled()
    values, other = shown_values(result), int(result.other[0])
    assert (values >= 0).all()
    assert other >= 0
    assert int(values.sum()) + other == round(case.total)
    assert not (result.shown[0] & ~np.array(case.passed)).any()


@given(case=cases())
def test_a_value_is_its_centre_rounded_down_or_up(case: Case) -> None:
    """Rounding to a sum moves no value by one or more, but for the tolerance with which floors are taken."""
    result = case.reconciled()
    centres = result.centres[0][result.shown[0]]
    assert (np.abs(shown_values(result) - centres) < 1 + FLOAT_TOLERANCE).all()


@given(case=cases(), withheld=st.lists(st.floats(-1e9, 1e9), min_size=6, max_size=6))
def test_nothing_withheld_is_an_input(case: Case, withheld: list[float]) -> None:
    """Other estimates in withheld cells change nothing that is shown."""
    cells = [
        cell if passed else other
        for cell, passed, other in zip(case.cells, case.passed, withheld, strict=False)
    ]
    one = case.reconciled()
    two = Case(case.total, cells, case.passed, case.total_deviation, case.cell_deviation).reconciled()
    assert one.shown.tolist() == two.shown.tolist()
    assert shown_values(one).tolist() == shown_values(two).tolist()
    assert (one.other.tolist(), one.other_deviations.tolist()) == (
        two.other.tolist(),
        two.other_deviations.tolist(),
    )
    assert one.deviations.tolist() == two.deviations.tolist()
    assert one.centres[one.shown].tolist() == two.centres[two.shown].tolist()


@given(case=cases())
def test_tied_cells_are_the_least_squares_solution(case: Case) -> None:
    """Where all cells passed, they are the nearest point to the estimates that adds up to the total.

    Sums of at most seven floats up to 6e7 are good to 1e-7; the tolerance is a hundred times that.
    """
    case = Case(case.total, case.cells, [True] * len(case.cells))
    result = case.reconciled()
    if result.shown.all():
        centres = result.centres[0]
        assert centres.sum() == pytest.approx(case.total, abs=1e-5)
        # The residual of a least squares solution is orthogonal to all shifts that keep the sum: a constant.
        residuals = centres - case.cells
        assert residuals == pytest.approx(residuals[0], abs=1e-5)


@given(m=st.integers(1, 30), cells=st.integers(1, 30), sd=st.floats(0.1, 1e3), total_sd=st.floats(0.1, 1e3))
def test_deviations_are_those_of_the_linear_map(m: int, cells: int, sd: float, total_sd: float) -> None:
    """The stated deviations are those of the shift by (T − Σc)/m, and of `other` as a difference.

    All terms are sums of squares, in which nothing cancels: both sides are good to 1e-14.
    """
    shift = np.hstack([np.eye(m) - np.full((m, m), 1 / m), np.full((m, 1), 1 / m)])
    variances = np.array([*[sd**2] * m, total_sd**2])
    expected = np.sqrt((shift**2 * variances).sum(axis=1))
    tied = Case(1000.0 * m, [1000.0] * m, [True] * m, total_sd, sd).reconciled()
    assert tied.deviations[0] == pytest.approx(expected, rel=1e-12)
    passed = [True] * cells + [False] * m
    loose = Case(1e6, [1.0] * (cells + m), passed, total_sd, sd).reconciled()
    assert loose.deviations[0] == pytest.approx(sd, rel=1e-12)
    assert loose.other_deviations[0] == pytest.approx(np.sqrt(total_sd**2 + cells * sd**2), rel=1e-12)


@pytest.mark.parametrize(
    ("case", "values", "other"),
    [
        (Case(100.0, [60.0, 30.0, 5.0], [True, True, False]), [60, 30], 10),
        (Case(100.0, [60.0, 50.0, 5.0], [True, True, False]), [55, 45], 0),
        (Case(100.0, [60.0, 30.0], [True, True]), [65, 35], 0),
        (Case(10.4, [5.2, 5.2], [True, True]), [5, 5], 0),
        (Case(10.6, [5.3, 5.3], [True, True]), [6, 5], 0),
        (Case(10.0, [3.4, 3.4, 3.2], [True, True, True]), [4, 3, 3], 0),
        (Case(100.0, [60.4, 5.0], [True, False]), [60], 40),
        (Case(99.0, [1.0, 2.0], [False, False]), [], 99),
    ],
)
def test_examples(case: Case, values: list[int], other: int) -> None:
    """Cells that leave something over, that exceed the total, that are all there; rounding to the sum."""
    result = case.reconciled()
    assert shown_values(result).tolist() == values
    assert int(result.other[0]) == other


def test_a_contradiction_shows_nothing() -> None:
    """Where the correction would take a cell below zero nothing is shown, and `other` is the total."""
    result = Case(100.0, [500.0, 20.0, 20.0], [True, True, True]).reconciled()
    assert not result.shown.any()
    assert int(result.other[0]) == 100
    assert result.other_deviations[0] == pytest.approx(10.0)


def test_series_do_not_touch_each_other() -> None:
    """Reconciling two series together gives what each gives alone."""
    cases = [
        Case(100.0, [60.0, 30.0, 5.0], [True, True, False]),
        Case(80.0, [60.0, 30.0, 5.0], [True, True, True]),
    ]
    both = reconcile(
        np.array([case.total for case in cases]),
        np.array([10.0, 10.0]),
        np.array([case.cells for case in cases]),
        np.array([20.0, 20.0]),
        np.array([case.passed for case in cases]),
    )
    for place, case in enumerate(cases):
        alone = case.reconciled()
        assert both.values[place].tolist() == alone.values[0].tolist()
        assert both.other[place] == alone.other[0]
        assert both.deviations[place].tolist() == alone.deviations[0].tolist()
