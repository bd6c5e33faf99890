"""Shares of noisy numbers, and how often their intervals hold the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.public.authenticity import BASIS_POINTS, compute_share

COUNTS = st.tuples(st.integers(0, 10**7), st.integers(0, 10**5)).map(
    lambda n: (n[0], n[0] - n[1], n[0] + n[1])
)


def test_a_share_without_noise_is_the_share() -> None:
    """1 of 4 is 2,500 of 10,000."""
    assert compute_share((100, 100, 100), (300, 300, 300)) == (2500, 2500, 2500)


@given(COUNTS, COUNTS)
def test_an_interval_lies_between_nothing_and_all(
    part: tuple[int, int, int], rest: tuple[int, int, int]
) -> None:
    """Whatever the noise, and it holds the share itself."""
    value, low, high = compute_share(part, rest)
    assert 0 <= low <= value <= high <= BASIS_POINTS


def test_noise_larger_than_everything_says_nothing() -> None:
    """No share can be told from any other one."""
    assert compute_share((30, -400, 460), (10, -400, 420))[1:] == (0, BASIS_POINTS)


@pytest.mark.parametrize(("part", "rest"), [(300, 900), (1200, 9000), (700, 700), (4000, 500)])
def test_the_interval_holds_the_truth(part: int, rest: int) -> None:
    """With 95 % or a little more, since its ends are rounded outwards.

    Of 4,000 draws a share of 0.95 has the standard error 0.0034: 5.3 of them are below 0.019, which makes a
    false alarm less likely than 2e-7.
    """
    random = np.random.default_rng(7)
    deviation, half_width = 60, round(60 * 1.96)
    drawn = np.rint(random.normal((part, rest), deviation, (4000, 2))).astype(int).tolist()
    truth = BASIS_POINTS * part / (part + rest)
    held = 0
    for a, b in drawn:
        _, low, high = compute_share((a, a - half_width, a + half_width), (b, b - half_width, b + half_width))
        held += low <= truth <= high
    assert 0.95 - 0.019 < held / len(drawn) < 0.95 + 0.025
