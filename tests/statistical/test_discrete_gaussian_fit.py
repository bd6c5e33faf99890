"""The noise follows its exact probabilities, and the tests that say so notice 2 %.

The entropy is a fixed SHAKE-256 stream, so a test that passes always passes. The probability stated with a
tolerance is that of a false alarm when its stream was chosen.
"""

from functools import cache

import numpy as np
import pytest
from diffprivlib.mechanisms import GaussianDiscrete
from numpy.typing import NDArray
from scipy import stats

from privacy.mechanism.bernoulli_exp import MAX_SCALE
from privacy.mechanism.discrete_gaussian import DiscreteGaussian
from tests.support.discrete_gaussian_oracle import fit_p_value, same_distribution_p_value
from tests.support.entropy import shake_entropy

DRAWS = 1_000_000
ALARM = 1e-6  # p-values below it fail: a false alarm has probability 1e-6
DEVIATIONS = 5  # two-sided normal: a false alarm has probability 6e-7
SCALES = [1, 8, 50, 30_000]


@cache
def draws(scale: int) -> NDArray[np.int64]:
    """Return a million draws of the noise, made once for all tests."""
    return DiscreteGaussian(scale=scale, entropy=shake_entropy(f"fit {scale}")).noise(DRAWS)


@pytest.mark.parametrize("scale", SCALES)
def test_the_noise_fits_its_exact_probabilities(scale: int) -> None:
    """χ² over a million draws must not reject the stated scale (false alarm 1e-6)."""
    assert fit_p_value(draws(scale), scale) >= ALARM


@pytest.mark.parametrize("error", [0.98, 1.02])
@pytest.mark.parametrize("scale", SCALES)
def test_the_same_test_rejects_a_scale_stated_2_percent_wrong(scale: int, error: float) -> None:
    """The same draws must be rejected as those of a scale 2 % away."""
    assert fit_p_value(draws(scale), scale * error) < ALARM


@pytest.mark.parametrize(("drawn", "stated"), [(49, 50), (51, 50), (29_400, 30_000), (30_600, 30_000)])
def test_the_same_test_rejects_noise_2_percent_wrong(drawn: int, stated: int) -> None:
    """Draws of the sampler itself at a scale 2 % away must be rejected."""
    assert fit_p_value(draws(drawn), stated) < ALARM


def test_the_largest_scale_has_the_stated_spread() -> None:
    """At the largest scale, mean and variance must be within 5 deviations of theirs (false alarms 6e-7)."""
    standard = draws(MAX_SCALE) / MAX_SCALE
    assert abs(standard.mean()) <= DEVIATIONS * np.sqrt(1 / DRAWS)
    assert abs(standard.var() - 1) <= DEVIATIONS * np.sqrt(2 / DRAWS)


def test_it_agrees_with_the_sampler_of_diffprivlib() -> None:
    """50,000 draws of diffprivlib's own sampler at scale 8 must look like ours (false alarm 1e-6)."""
    theirs = GaussianDiscrete(epsilon=1, delta=1e-6, random_state=20200331)
    theirs._scale = 8
    reference = np.array([theirs.randomise(0) for _ in range(50_000)])
    assert same_distribution_p_value(draws(8)[:50_000], reference) >= ALARM
    assert same_distribution_p_value(draws(9)[:50_000], reference) < ALARM


@pytest.mark.parametrize("scale", SCALES)
def test_the_noise_is_symmetric(scale: int) -> None:
    """Positive and negative draws must be equally many, within 5 deviations (false alarm 6e-7)."""
    signs = np.sign(draws(scale))
    assert abs(int(signs.sum())) <= DEVIATIONS * np.sqrt(np.count_nonzero(signs))


@pytest.mark.parametrize("scale", [1, 8, 30_000])
@pytest.mark.parametrize("lag", [1, 2, 3, 8, 16_384])
def test_draws_are_not_correlated_with_earlier_ones(scale: int, lag: int) -> None:
    """The correlation at each lag, one block included, must be within 5 deviations (false alarm 6e-7)."""
    noise = draws(scale)
    correlation = np.corrcoef(noise[:-lag], noise[lag:])[0, 1]
    assert abs(correlation) <= DEVIATIONS / np.sqrt(DRAWS - lag)


@pytest.mark.parametrize("scale", [1, 8, 30_000])
def test_pairs_of_draws_are_independent(scale: int) -> None:
    """χ² of the contingency table of neighbouring draws must not reject independence (false alarm 1e-6)."""
    classes = np.digitize(draws(scale) / scale, [-1.5, -0.9, -0.4, 0, 0.4, 0.9, 1.5])
    firsts, seconds = classes[::2], classes[1::2]
    table = np.zeros((8, 8), dtype=np.int64)
    np.add.at(table, (firsts, seconds), 1)
    filled = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    assert stats.chi2_contingency(filled).pvalue >= ALARM


@pytest.mark.parametrize("value", [0, 12_345, -(2**40)])
def test_randomise_adds_the_noise_to_the_value(value: int) -> None:
    """randomise(value) - value must follow the noise's exact probabilities (false alarm 1e-6)."""
    mechanism = DiscreteGaussian(scale=8, entropy=shake_entropy(f"randomise {value}"))
    noised = mechanism.randomise(np.full((1_000, 100), value))
    assert fit_p_value((noised - value).ravel(), 8) >= ALARM


def test_integers_one_by_one_get_the_same_noise_as_arrays() -> None:
    """2,000 single randomise calls must fit the exact probabilities as an array does (false alarm 1e-6)."""
    mechanism = DiscreteGaussian(scale=8, entropy=shake_entropy("one by one"))
    noised = np.array([mechanism.randomise(100) for _ in range(2_000)])
    assert same_distribution_p_value(noised - 100, draws(8)[:100_000]) >= ALARM
