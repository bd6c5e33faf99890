"""The attackers' mathematics: as strong as theory says, so that a failed attack says something."""

from statistics import NormalDist

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from privacy.audit.black_box.membership import coin_scores
from privacy.audit.black_box.noise import extract_noise, noise_section
from privacy.audit.black_box.reconstruction import Equation, reconstruct
from privacy.audit.black_box.side_channels import find_unexpected_samples
from privacy.mechanism.factorisation import load_factorisation

ENCODER = load_factorisation("toeplitz-87-w4", 87)
SCALE = 10_000


def totals(coins: np.ndarray, epochs: list[int], scale: int, rng: np.random.Generator) -> np.ndarray:
    """Totals without rounding of 200 known likes and those that coins decide."""
    count = epochs[-1] + 1
    changes = np.zeros((len(coins), count))
    changes[:, 0] = 200
    changes[:, epochs] += coins
    measured = changes @ ENCODER.encoder[:count, :count].T + rng.normal(0, scale, changes.shape)
    return measured @ ENCODER.decoder[:count, :count].T


def test_a_score_is_the_likelihood_ratio() -> None:
    """Of one coin, with the other one unknown: that of the densities of both worlds, worked out plainly."""
    rng = np.random.default_rng(1)
    epochs, count = [1, 3], 4
    observed = totals(np.array([[1, 0]]), epochs, SCALE, rng)
    score = coin_scores(observed, 200, epochs, ENCODER.coefficients, SCALE)[0]
    decoder, encoder = ENCODER.decoder[:count, :count], ENCODER.encoder[:count, :count]
    spread = SCALE**2 * decoder @ decoder.T
    for coin, epoch in enumerate(epochs):
        other = np.tri(count)[:, epochs[1 - coin]]
        own_like = np.tri(count)[:, epoch]
        around = spread + np.outer(other, other) / 4
        middle = 200 + other / 2
        ratio = multivariate_normal.logpdf(
            observed[0], middle + own_like, around
        ) - multivariate_normal.logpdf(observed[0], middle, around)
        assert np.isclose(score[coin], ratio, rtol=1e-6)
    assert np.allclose(decoder @ encoder, np.tri(count))


def test_membership_inference_is_as_strong_as_theory_allows() -> None:
    """One coin in the first of 20 rounds is guessed as often as the best test of two Gaussians guesses it.

    20,000 targets; a deviation of 2 % has a probability of about 1e-8.
    """
    rng = np.random.default_rng(2)
    coins = rng.integers(0, 2, (20_000, 1))
    observed = totals(coins, [1], SCALE, rng)
    right = (coin_scores(observed, 200, [1], ENCODER.coefficients, SCALE) > 0) == coins
    distance = np.linalg.norm(ENCODER.encoder[:2, 1]) / SCALE
    assert abs(right.mean() - NormalDist().cdf(float(distance) / 2)) < 0.02


def test_a_like_that_is_taken_back_tells_more_and_is_reckoned_with() -> None:
    """The score is that of the difference of two columns of the encoder.

    20,000 targets; a deviation of 2 % has a probability of about 1e-8.
    """
    rng = np.random.default_rng(4)
    coins = rng.integers(0, 2, (20_000, 1))
    there_and_gone = np.concatenate([coins, -coins], axis=1)
    observed = totals(there_and_gone, [1, 4], SCALE, rng)
    right = (coin_scores(observed, 200, [1], ENCODER.coefficients, SCALE, withdrawal_epoch=4) > 0) == coins
    distance = np.linalg.norm(ENCODER.encoder[:5, 1] - ENCODER.encoder[:5, 4]) / SCALE
    assert abs(right.mean() - NormalDist().cdf(float(distance) / 2)) < 0.02


@pytest.mark.parametrize(("times", "passes"), [(1.0, True), (0.9, False), (1.1, False)])
def test_noise_of_another_size_is_noticed(times: float, passes: bool) -> None:
    """A tenth less or more, on 1,000 targets of which some are withheld; false alarm 3e-6."""
    rng = np.random.default_rng(5)
    planted = np.full((1_000, 20), 200.0)
    noise = totals(np.zeros((1_000, 1)), [19], round(SCALE * times), rng)
    noise[::100, 3] = np.nan
    found = extract_noise(noise, planted, ENCODER.coefficients, SCALE)
    assert found.shape == (990, 20)
    assert noise_section(found).passed is passes


def test_noise_that_nobody_showed_is_not_sound() -> None:
    """Without a single target the section has not passed."""
    assert not noise_section(np.zeros((0, 20))).passed


def test_a_linear_programme_finds_every_secret_in_exact_numbers() -> None:
    """With 60 exact sums over random halves of 40 secrets nothing is left to guess; with none, all is."""
    rng = np.random.default_rng(3)
    secrets = rng.integers(0, 2, 40).astype(bool)
    halves = rng.integers(0, 2, (60, 40)).astype(bool)
    equations = [Equation(half, float(secrets[half].sum()), 1.0) for half in halves]
    assert reconstruct(equations, 40).tolist() == secrets.tolist()
    assert reconstruct([], 3).tolist() == [False, False, False]


def test_a_sample_about_anything_but_requests_is_strange() -> None:
    """Whatever has another name, another label or another sort of value."""
    right = [
        "# HELP likewise_http_requests_total Requests answered.",
        'likewise_http_requests_total{operation="get_likes",status="200"} 12.0',
        'likewise_http_request_seconds_bucket{le="+Inf",operation="get_likes"} 12.0',
        'likewise_http_request_seconds_created{operation="get_likes"} 1.78e+09',
    ]
    wrong = [
        "likewise_likes_total 12.0",
        'likewise_http_requests_total{operation="get_likes",video="v-1"} 1.0',
        'likewise_http_requests_total{operation="/v1/videos/v-1",status="200"} 1.0',
        'likewise_http_requests_total{key="0123456789abcdef"} 1.0',
    ]
    assert find_unexpected_samples("\n".join(right + wrong)) == wrong
