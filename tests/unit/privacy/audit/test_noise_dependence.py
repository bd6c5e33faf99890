"""Dependence between draws is noticed, also where nothing is correlated; independent draws pass.

The draws are rounded normals of a fixed seed; correct ones had a false alarm of 1e-5 when it was chosen.
"""

import numpy as np
from numpy.typing import NDArray

from privacy.audit.noise_dependence import CHANCE_REPETITIONS, CorrelationSums, RepetitionCounts
from privacy.audit.noise_statistics import FALSE_ALARM

SCALE = 50_000
SERIES, STREAMS, STEPS = 256, 4, 20
PAIRS, TARGETS, TWICE = (
    "two measurements of one release",
    "one measurement of two targets",
    "one measurement drawn twice",
)


def draws(seed: int) -> NDArray[np.int64]:
    """Correct noise of one call."""
    normal = np.random.default_rng(seed).standard_normal((SERIES, STREAMS, STEPS))
    return np.rint(normal * SCALE).astype(np.int64)


def failed(first: NDArray[np.int64], second: NDArray[np.int64]) -> set[str]:
    """Returns the tests that reject two calls."""
    flat = [call.reshape(SERIES, -1) / SCALE for call in (first, second)]
    sums = CorrelationSums.from_noise(flat[0], None) + CorrelationSums.from_noise(flat[1], flat[0])
    names = {name for name, (largest, allowed) in sums.find_largest().items() if largest > allowed}
    counts = RepetitionCounts.of_call(SCALE, first) + RepetitionCounts.of_call(SCALE, second)
    if counts.p_value() < FALSE_ALARM:
        names.add("equal")
    if counts.count_repeated() > CHANCE_REPETITIONS:
        names.add("repeated")
    return names


def test_independent_draws_pass() -> None:
    """No test rejects them, and pairs of equal magnitude are as frequent as they should be."""
    assert failed(draws(1), draws(2)) == set()
    counts = RepetitionCounts.of_call(50, np.rint(draws(3) / 1_000).astype(np.int64))
    assert abs(counts.equal - counts.expected) <= 5 * counts.expected**0.5


def test_antithetic_and_shared_draws_are_correlated() -> None:
    """Two streams with opposite noise, and two targets with the same."""
    first, second = draws(1), draws(2)
    second[:, 1] = -second[:, 0]
    assert PAIRS in failed(first, second)
    second = draws(2)
    second[1::2] = second[::2]
    assert failed(first, second) >= {TARGETS, "repeated"}


def test_magnitudes_that_are_shared_under_free_signs_are_noticed() -> None:
    """Values are not correlated; magnitudes are."""
    first, second = draws(1), draws(2)
    second[:, 1] = np.abs(second[:, 0]) * np.sign(second[:, 1])
    assert failed(first, second) >= {PAIRS, "equal"}


def test_a_sign_that_depends_on_a_magnitude_is_noticed() -> None:
    """Neither values nor magnitudes are correlated with each other."""
    first, second = draws(1), draws(2)
    large = np.abs(second[:, 0]) > 0.6745 * SCALE
    second[:, 1] = np.abs(second[:, 1]) * np.where(large, 1, -1)
    assert failed(first, second) == {PAIRS}


def test_one_copied_draw_in_twenty_is_noticed() -> None:
    """Too few for a correlation, and too many for chance; under another sign as well."""
    first, second = draws(1), draws(2)
    second[::20, 0, 1:] = -second[::20, 0, :-1]
    assert "equal" in failed(first, second)


def test_a_sequence_that_occurs_again_anywhere_is_noticed() -> None:
    """Some streams of one call occur in another call, at other targets and with other signs."""
    first, second = draws(1), draws(2)
    second[100:120, 3] = -first[7:27, 2]
    assert failed(first, second) == {"repeated"}


def test_a_second_call_with_the_same_noise_is_noticed() -> None:
    """The same noise for the same targets."""
    assert failed(draws(1), draws(1)) == {TWICE, "repeated"}


def test_streams_that_are_too_short_are_not_compared() -> None:
    """A sequence has several steps; with fewer, no two are called equal."""
    counts = RepetitionCounts.of_call(SCALE, draws(1)[:, :, :3])
    assert (len(counts.keys), counts.count_repeated()) == (0, 0)
