"""Rank intervals hold together, and tell apart what the noise allows."""

from math import ceil

import numpy as np
import pytest
from scipy.stats import studentized_range

from api.public.rank_intervals import RankInterval, least_certain_difference, range_quantile, rank_intervals
from tests.support.profiles import entropy_of

DEVIATION = 20.0


def _draws(name: str, shape: tuple[int, int]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.random.default_rng(int.from_bytes(entropy_of(name)(8))).normal(0, DEVIATION, shape)


@pytest.mark.parametrize("count", [2, 3, 10, 100, 20_000])
def test_the_range_is_kept_with_95_percent(count: int) -> None:
    """The quantile of the range of normal numbers agrees with SciPy's law, and is rounded up."""
    probability = float(studentized_range.cdf(range_quantile(count), count, np.inf))
    assert 0.95 - 1e-9 <= probability <= 0.9501


def test_one_number_has_one_place() -> None:
    """Nothing is uncertain about the only number, or about none."""
    assert rank_intervals([], DEVIATION) == []
    assert rank_intervals([7], DEVIATION) == [RankInterval(1, 1)]


def test_what_differs_by_more_than_the_noise_is_told_apart() -> None:
    """Numbers that are close share their places, a number that is far from all others has its own."""
    least = least_certain_difference(4, DEVIATION)
    values = [1_000, 999, 500, ceil(500 - least)]
    assert rank_intervals(values, DEVIATION) == [
        RankInterval(1, 2),
        RankInterval(1, 2),
        RankInterval(3, 4),
        RankInterval(3, 4),
    ]
    values[3] -= 1
    assert rank_intervals(values, DEVIATION)[2:] == [RankInterval(3, 3), RankInterval(4, 4)]


@pytest.mark.parametrize("shape", ["equal", "rising", "pairs"])
def test_all_intervals_hold_together(shape: str) -> None:
    """In 95 of 100 rankings, every true place lies in its interval (false alarm: 1e-7).

    Of 2,000 rankings, 1,900 hold on average in the worst case, with a standard deviation of 9.7.
    """
    exact = {
        "equal": np.full(12, 500),
        "rising": np.arange(500, 740, 20),
        "pairs": np.repeat(np.arange(500, 1_100, 100), 2),
    }[shape]
    assert _count_rankings_that_hold(exact, 2_000, threshold=0) >= 1_900 - 5.2 * 9.7


def test_intervals_hold_among_numbers_that_were_selected() -> None:
    """Also where most numbers are withheld, and those that are shown are shown for their noise."""
    exact = np.concatenate([np.full(200, 100), np.full(10, 150)])
    assert _count_rankings_that_hold(exact, 1_000, threshold=150) >= 950 - 5.2 * 6.9


def test_an_interval_that_ignores_how_many_are_compared_does_not_hold() -> None:
    """The test sees it where each pair is told apart with 95 % by itself."""
    exact = np.full(12, 500)
    noise = _draws("ranks of pairs", (500, 12))
    alone = 1.96 * np.sqrt(2) * DEVIATION
    held = sum(float(np.ptp(exact + row)) <= alone for row in noise)
    assert held < 400


def _count_rankings_that_hold(exact: np.ndarray, rankings: int, threshold: int) -> int:
    """Returns in how many rankings every interval holds all places that the exact numbers allow."""
    held = 0
    for noise in _draws(f"ranks {exact.tolist()[:3]} {rankings}", (rankings, len(exact))):
        shown = np.rint(exact + noise).astype(int)
        order = [index for index in np.argsort(-shown, kind="stable").tolist() if shown[index] >= threshold]
        ranked = exact[order]
        intervals = rank_intervals(shown[order].tolist(), DEVIATION)
        held += all(
            interval.best <= 1 + int((ranked > count).sum())
            and interval.worst >= int((ranked >= count).sum())
            for interval, count in zip(intervals, ranked, strict=True)
        )
    return held
