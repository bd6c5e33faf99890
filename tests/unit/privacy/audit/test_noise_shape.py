"""Each test of the shape of noise notices what it is for, and correct noise passes all of them.

The draws are rounded normals: at this scale they differ from the discrete Gaussian by less than 1e-9.
"""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from privacy.audit.noise_shape import TAILS, ShapeCounts, binomial_p_values, exact_shape
from privacy.audit.noise_statistics import FALSE_ALARM

SCALE = 50_000
CALLS = 10
DRAWS = 400_000
Draws = NDArray[np.int64]


def draws(seed: int) -> Draws:
    """Correct noise of one call."""
    return np.rint(np.random.default_rng(seed).standard_normal(DRAWS // CALLS) * SCALE).astype(np.int64)


def failed(alter: Callable[[Draws, int], Draws]) -> set[str]:
    """Returns the tests that reject noise that is altered; the function gets the number of the call."""
    counts = ShapeCounts.of_call(SCALE, alter(draws(0), 0))
    for call in range(1, CALLS):
        counts += ShapeCounts.of_call(SCALE, alter(draws(call), call))
    assert (counts.draws, counts.calls) == (DRAWS, CALLS)
    return {test for test, p_value in counts.p_values().items() if p_value < FALSE_ALARM}


def test_correct_noise_passes() -> None:
    """No test rejects it (false alarm 4e-6 when the seeds were chosen)."""
    assert failed(lambda noise, _: noise) == set()


@pytest.mark.parametrize("edge", [2.5, 3, 3.5])
@pytest.mark.parametrize("side", [-1, 1])
def test_a_support_that_ends_on_one_side_is_seen_in_its_tail(edge: float, side: int) -> None:
    """Clipped or drawn again, above or below."""

    def clip(noise: Draws, _: int) -> Draws:
        return np.where(side * noise > edge * SCALE, side * int(edge * SCALE), noise)

    def take_another(noise: Draws, _: int) -> Draws:
        return np.where(side * noise > edge * SCALE, np.roll(noise, 1), noise)

    assert "tails" in failed(clip)
    assert "tails" in failed(take_another)


def test_noise_that_is_wider_is_seen_in_its_tails() -> None:
    """One draw in 200 with three times the scale."""

    def widen(noise: Draws, _: int) -> Draws:
        return np.where(np.arange(noise.size) % 200 == 0, 3 * noise, noise)

    assert "tails" in failed(widen)


@pytest.mark.parametrize("factor", [2, 3, 5, 7, 10, 11, 13, 64, 1_000])
def test_multiples_are_seen_in_their_remainders(factor: int) -> None:
    """Rounding leaves out remainders."""
    assert "remainders" in failed(lambda noise, _: np.rint(noise / factor).astype(np.int64) * factor)


def test_noise_left_out_in_one_draw_of_a_thousand_is_seen_in_a_remainder() -> None:
    """400 zeros are many for one value and few for its bin."""

    def omit(noise: Draws, _: int) -> Draws:
        return np.where(np.arange(noise.size) % 1_000 == 0, 0, noise)

    assert "remainders" in failed(omit)


def test_what_happens_in_one_call_is_seen_in_that_call() -> None:
    """One call of ten is clipped, or 5 % too small."""
    assert "single calls" in failed(
        lambda noise, call: np.clip(noise, -3 * SCALE, 3 * SCALE) if call == 4 else noise
    )
    assert "single calls" in failed(
        lambda noise, call: np.rint(noise * 0.95).astype(np.int64) if call == 4 else noise
    )


def test_tails_have_their_exact_probabilities() -> None:
    """A half-integer correction of the normal tail agrees to 1e-8 at this scale."""
    exact = exact_shape(SCALE)
    assert exact.tails == pytest.approx(norm.sf((exact.tail_edges - 0.5) / SCALE), rel=1e-8, abs=0)
    assert (exact.tail_edges - 1 <= np.array(TAILS) * SCALE).all()
    assert (exact.tail_edges > np.array(TAILS) * SCALE).all()


@pytest.mark.parametrize("scale", [1, 2, 8, 100])
def test_small_scales_are_tested_too(scale: int) -> None:
    """Exact probabilities of small scales add up to one, and noise left out is noticed."""
    exact = exact_shape(scale)
    assert exact.remainders.sum() == pytest.approx(1, rel=1e-12, abs=0)
    counts = ShapeCounts.of_call(scale, np.zeros(10_000, np.int64))
    assert min(counts.p_values().values()) < FALSE_ALARM


def test_p_values_are_exact_and_two_sided() -> None:
    """Ten of ten coins: twice 1/1,024. Five of ten: not less likely than the rest."""
    coins = binomial_p_values(np.array([0, 5, 10]), 10, np.full(3, 0.5))
    assert coins == pytest.approx([2 / 1_024, 1, 2 / 1_024], rel=1e-9, abs=0)
