"""Datasets are distinguished by an output set that was chosen on other releases."""

import numpy as np

from privacy.audit.confidence import epsilon_lower_bound
from privacy.audit.distinguisher import Distinguisher

RELEASES = 4_000
DELTA = 1e-6


def bound(first: np.ndarray, second: np.ndarray) -> float:
    """The lower bound when the first half teaches and the second half is the test."""
    half = RELEASES // 2
    learned = Distinguisher(first[:half].astype(np.float32), second[:half].astype(np.float32))
    output_set = learned.best(DELTA, likely_in_second=True)
    hits = [output_set.hits(learned.columns(world[half:].astype(np.float32))) for world in (first, second)]
    return epsilon_lower_bound(hits[1], hits[0], DELTA)


def worlds(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two worlds alike: three numbers with noise of deviation 10."""
    rng = np.random.default_rng(seed)
    return rng.normal(100, 10, (RELEASES, 3)), rng.normal(100, 10, (RELEASES, 3))


def test_worlds_alike_are_not_told_apart() -> None:
    """The seed is fixed; a bound above 0.05 was a false alarm of less than 1 in 500 when it was chosen."""
    assert bound(*worlds(1)) < 0.05


def test_a_number_that_is_exact_gives_itself_away() -> None:
    """One more in a number without noise is always seen."""
    first, second = worlds(2)
    first[:, 1], second[:, 1] = 400, 401
    assert bound(first, second) > 5


def test_a_difference_without_noise_gives_itself_away() -> None:
    """Two numbers with one and the same noise are told apart by what lies between them."""
    first, second = worlds(3)
    first[:, 2], second[:, 2] = first[:, 0] - 50, second[:, 0] - 51
    assert bound(first, second) > 5


def test_a_number_that_only_one_world_shows_gives_itself_away() -> None:
    """A withheld number is an observation, too."""
    first, second = worlds(4)
    first[:, 0] = np.nan
    assert bound(first, second) > 5


def test_an_event_that_is_impossible_in_one_world_gives_it_away() -> None:
    """Noise that is cut off at 1.5 deviations: one more puts 7 % of the releases where there were none."""
    first, second = worlds(5)
    first[:, 1] = np.minimum(first[:, 1], 115)
    second[:, 1] = np.minimum(second[:, 1], 115) + 1
    assert bound(first, second) > 2.5
