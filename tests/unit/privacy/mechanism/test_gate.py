"""The gate: both conditions, each alone."""

from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.mechanism.gate import passes_gate


def passes(exact: int, estimate: float, margin: float, k: int = 20) -> bool:
    """The gate for one number."""
    return bool(passes_gate(np.array([[exact]]), np.array([[estimate]]), np.array([[margin]]), k)[0, 0])


@pytest.mark.parametrize(
    ("exact", "estimate", "passed"),
    [
        (20, 50.0, True),
        (10**9, 50.0, True),
        (19, 50.0, False),
        (19, 1e12, False),
        (19, inf, False),
        (0, inf, False),
        (-5, inf, False),
        (20, 49.999999, False),
        (10**9, 49.999999, False),
        (10**9, -inf, False),
        (10**9, nan, False),
    ],
)
def test_both_conditions_must_hold(exact: int, estimate: float, passed: bool) -> None:
    """With k = 20 and a margin of 30: the exact count from 20 on, and the estimate from 50 on."""
    assert passes(exact, estimate, 30.0) is passed


@given(
    exact=st.integers(-(2**40), 2**40),
    estimate=st.floats(),
    margin=st.floats(0, 1e6),
    k=st.integers(2, 10**6),
)
def test_fewer_than_k_never_passes(exact: int, estimate: float, margin: float, k: int) -> None:
    """Whatever the estimate, a smaller exact count does not pass; nor does an estimate below k + margin."""
    if passes(exact, estimate, margin, k):
        assert exact >= k
        assert estimate >= k + margin


def test_numbers_are_judged_one_by_one() -> None:
    """Each series and stream has its own count, estimate and margin."""
    exact = np.array([[20, 19], [20, 20]])
    estimates = np.array([[25.0, 25.0], [25.0, 29.0]])
    margins = np.array([[5.0, 5.0], [9.0, 9.0]])
    assert passes_gate(exact, estimates, margins, 20).tolist() == [[True, False], [False, True]]
