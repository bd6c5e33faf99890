"""The smoothed total: a posterior mean under a mixture of models."""

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy.mechanism.factorisation import power_factorisation
from privacy.model.timestamp import SECONDS_PER_HOUR
from privacy.policy.schedule import Phase, Schedule
from privacy.release.smoothing import make_smoothing_model, weighted_covariances

EPOCHS, SCALE = 6, 40_000
FACTORISATION = power_factorisation("0.5", EPOCHS)
SCHEDULE = Schedule((Phase(SECONDS_PER_HOUR, EPOCHS * SECONDS_PER_HOUR),))
MODEL = make_smoothing_model(FACTORISATION, SCHEDULE, SCALE)
GAINS = np.array([[300, 40, 20, 10, 0, 5], [20, 30, 25, 20, 35, 30]])


def measurements(seed: int) -> NDArray[np.int64]:
    """Return measurements of both courses of a count."""
    noise = np.random.default_rng(seed).normal(0, SCALE, GAINS.shape)
    return GAINS @ FACTORISATION.encoder.T + np.rint(noise).astype(np.int64)


@pytest.mark.parametrize("step", [0, 2, 5])
def test_it_is_the_posterior_mean_of_the_mixture(step: int) -> None:
    """Calculated by the textbook: likelihood of each model, and its mean and variance given the data."""
    values = measurements(1)[:, : step + 1] / SCALE
    encoder = FACTORISATION.encoder[: step + 1, : step + 1] / SCALE
    means, variances, weights = [], [], []
    for log_prior, covariance in weighted_covariances(SCHEDULE, 1e6):
        prior = covariance[: step + 1, : step + 1]
        seen = encoder @ prior @ encoder.T + np.eye(step + 1)
        gain = np.linalg.solve(seen, encoder @ prior.sum(axis=1))
        means.append(values @ gain)
        variances.append(prior.sum() - gain @ encoder @ prior.sum(axis=1))
        distances = (values * np.linalg.solve(seen, values.T).T).sum(axis=1)
        weights.append(log_prior - (distances + np.linalg.slogdet(seen)[1]) / 2)
    shares = np.exp(np.array(weights) - np.max(weights, axis=0))
    shares /= shares.sum(axis=0)
    mean = (shares * means).sum(axis=0)
    spread = (shares * (np.array(variances)[:, None] + (np.array(means) - mean) ** 2)).sum(axis=0)
    smoothed = MODEL.smooth(measurements(1), np.array([step, step]))
    assert smoothed.means == pytest.approx(mean, abs=1e-3)
    assert smoothed.variances == pytest.approx(spread, rel=1e-3)


def test_series_at_different_steps_do_not_touch_each_other() -> None:
    """Each is smoothed at its own step, from nothing that comes later."""
    together = MODEL.smooth(measurements(2), np.array([5, 1]))
    alone = MODEL.smooth(measurements(2)[1:, :2], np.array([1]))
    later = measurements(2)
    later[1, 2:] = 10**9
    assert together.means[1] == pytest.approx(alone.means[0])
    assert MODEL.smooth(later, np.array([5, 1])).means == pytest.approx(together.means)


@pytest.mark.parametrize("scale", [1, 100, 10**9])
def test_noise_of_any_scale_is_smoothed(scale: int) -> None:
    """With hardly any noise the smoothed total is the total; with very much it is still a number."""
    values = np.array([[300, 40, 20, 10, 0, 5]]) @ FACTORISATION.encoder.T
    smoothed = make_smoothing_model(FACTORISATION, SCHEDULE, scale).smooth(values, np.array([5]))
    assert (smoothed.variances > 0).all()
    assert float(smoothed.means[0]) == pytest.approx(375, abs=1) or scale > 100


@pytest.mark.parametrize("count", [10**3, 10**6, 10**8])
def test_counts_of_any_size_are_kept(count: int) -> None:
    """A first step may hold years of likes: it is not pulled towards anything."""
    values = np.array([[count, 0, 0, 0, 0, 0]]) @ FACTORISATION.encoder.T
    smoothed = MODEL.smooth(values, np.array([5]))
    assert abs(float(smoothed.means[0]) - count) < 1
