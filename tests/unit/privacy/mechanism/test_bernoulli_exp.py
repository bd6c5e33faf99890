"""Coins with probability exp(-a/b) are exact, from their smallest part up."""

import math

import numpy as np
import pytest

from privacy.mechanism.bernoulli_exp import MAX_DENOMINATOR, _bernoulli_of_fraction, bernoulli_exp
from privacy.mechanism.entropy import BrokenEntropyError, UniformIntegers
from tests.support.entropy import scripted_entropy, shake_entropy

EVERY_WORD = np.arange(2**16, dtype="<u2").tobytes()


ZEROS = bytes(64)
HUGE = MAX_DENOMINATOR


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (0, 7),
        (1, 7),
        (6, 7),
        (7, 7),
        (0, 1),
        (1, 1),
        (1, 3),
        (5, 128),
        (999, 10_000),
        (1, HUGE),
        (HUGE - 1, HUGE),
    ],
)
@pytest.mark.parametrize("second_digit", [0, 1, 9_362, 21_845, 2**15, 2**16 - 1])
def test_a_fraction_is_compared_exactly(a: int, b: int, second_digit: int) -> None:
    """For every first digit, X = (digit + second_digit/2^16)/2^16 must be compared with a/b exactly."""
    script = EVERY_WORD + second_digit.to_bytes(2, "little") + ZEROS
    heads = _bernoulli_of_fraction(np.full(2**16, a), b, UniformIntegers(scripted_entropy(script)))
    assert heads.tolist() == [(digit * 2**16 + second_digit) * b < a * 2**32 for digit in range(2**16)]


@pytest.mark.parametrize(
    ("numerator", "denominator"),
    [(0, 5), (1, 1), (1, 10), (1, 2), (9, 10), (10, 10), (11, 10), (25, 10), (HUGE, HUGE)],
)
def test_heads_come_with_probability_exp(numerator: int, denominator: int) -> None:
    """Of 200,000 coins the heads must be within 5 standard deviations of exp(-a/b): false alarm 6e-7."""
    tosses = 200_000
    uniform = UniformIntegers(shake_entropy(f"exp {numerator}/{denominator}"))
    heads = int(bernoulli_exp(np.full(tosses, numerator), denominator, uniform).sum())
    probability = math.exp(-numerator / denominator)
    deviation = math.sqrt(tosses * probability * (1 - probability))
    assert abs(heads - tosses * probability) <= 5 * deviation


def test_each_coin_has_its_own_numerator() -> None:
    """Coins of different numerators in one call must not mix: sure heads stay heads, hopeless ones tails."""
    numerators = np.array([0, 2**62, 0, 2**62] * 1_000)
    heads = bernoulli_exp(numerators, HUGE, UniformIntegers(shake_entropy("mixed")))
    assert heads.tolist() == [True, False, True, False] * 1_000


def test_no_coins_at_all() -> None:
    """An empty request must give an empty answer."""
    empty = np.empty(0, dtype=np.int64)
    assert bernoulli_exp(empty, 3, UniformIntegers(shake_entropy("none"))).shape == (0,)


def test_a_stuck_source_ends_in_an_error() -> None:
    """A source of zeros never ends a series, and must raise instead of hanging."""
    with pytest.raises(BrokenEntropyError, match="did not end"):
        bernoulli_exp(np.array([1, 1]), 2, UniformIntegers(bytes))
