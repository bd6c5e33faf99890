"""Uniform integers are uniform exactly, and a source that fails is noticed."""

import itertools

import numpy as np
import pytest

from privacy.mechanism.entropy import (
    ROUND_LIMIT,
    BrokenEntropyError,
    UniformIntegers,
    os_entropy,
    rejection_sample,
    rounds,
)
from tests.support.entropy import scripted_entropy, shake_entropy

EVERY_BYTE = bytes(range(256))
EVERY_WORD = np.arange(2**16, dtype="<u2").tobytes()


@pytest.mark.parametrize("bound", [2, 3, 5, 8, 10, 100, 200, 255, 256])
def test_every_byte_once_gives_every_small_integer_equally_often(bound: int) -> None:
    """Each value of [0, bound) must come from the same number of bytes: no modulo bias."""
    each = 256 // (1 << (bound - 1).bit_length())
    drawn = UniformIntegers(scripted_entropy(EVERY_BYTE)).below(bound, bound * each)
    assert np.bincount(drawn).tolist() == [each] * bound


@pytest.mark.parametrize("bound", [257, 10_000, 30_000, 65_535, 65_536])
def test_every_word_once_gives_every_larger_integer_equally_often(bound: int) -> None:
    """Each value of [0, bound) must come from the same number of 16-bit words."""
    each = 2**16 // (1 << (bound - 1).bit_length())
    drawn = UniformIntegers(scripted_entropy(EVERY_WORD)).below(bound, bound * each)
    assert set(np.bincount(drawn)) == {each}


@pytest.mark.parametrize("bound", [2**31 + 1, 2**32, 2**32 + 1, 2**63])
def test_wide_bounds_are_reached_and_not_passed(bound: int) -> None:
    """1,000 integers below a wide bound must lie in it, the largest in its last tenth (false alarm 1e-45)."""
    drawn = UniformIntegers(shake_entropy("wide")).below(bound, 1_000)
    assert drawn.min() >= 0
    assert 0.9 * bound < int(drawn.max()) < bound


def test_one_possible_value_needs_no_entropy() -> None:
    """Below 1 there is only 0, whatever the source does."""
    assert UniformIntegers(scripted_entropy(b"")).below(1, 3).tolist() == [0, 0, 0]


def test_digits_are_the_words_of_the_source() -> None:
    """Every 16-bit word must become one digit, in order and without a sign."""
    digits = UniformIntegers(scripted_entropy(EVERY_WORD)).digits(2**16)
    assert digits.dtype == np.int64
    assert digits.tolist() == list(range(2**16))


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 2048])
def test_coins_are_the_bits_of_the_source(count: int) -> None:
    """Every bit must become one coin, and no coin may come from anything else."""
    coins = UniformIntegers(scripted_entropy(EVERY_BYTE)).coins(count)
    bits = list(itertools.chain.from_iterable(f"{byte:08b}" for byte in EVERY_BYTE))
    assert coins.dtype == np.bool_
    assert coins.tolist() == [bit == "1" for bit in bits[:count]]


@pytest.mark.parametrize("change", [-1, 1])
def test_a_source_of_the_wrong_length_is_refused(change: int) -> None:
    """Too few bytes must raise rather than be stretched, and too many show a source that does not listen."""
    uniform = UniformIntegers(lambda count: bytes(count + change))
    for draw in (uniform.digits, uniform.coins, lambda count: uniform.below(10, count)):
        with pytest.raises(BrokenEntropyError, match="were requested"):
            draw(8)


def test_a_source_that_is_always_rejected_ends_in_an_error() -> None:
    """A stuck source must raise instead of hanging."""
    with pytest.raises(BrokenEntropyError, match="did not end"):
        UniformIntegers(lambda count: b"\xff" * count).below(10, 1)


def test_rounds_count_from_one_and_end_in_an_error() -> None:
    """The rounds must be 1, 2, … ROUND_LIMIT, and then an error."""
    counter = rounds()
    assert list(itertools.islice(counter, ROUND_LIMIT)) == list(range(1, ROUND_LIMIT + 1))
    with pytest.raises(BrokenEntropyError, match="did not end"):
        next(counter)


def test_gather_keeps_the_first_in_order() -> None:
    """Accepted values come in the order of the attempts, and no more of them than requested."""
    tries = iter([np.array([5, 6]), np.array([], dtype=np.int64), np.array([7, 8, 9])])
    assert rejection_sample(4, lambda _missing: next(tries)).tolist() == [5, 6, 7, 8]


def test_the_operating_system_gives_fresh_bytes() -> None:
    """Two reads of 32 bytes must differ (they agree with probability 2^-256)."""
    first, second = os_entropy(32), os_entropy(32)
    assert len(first) == len(second) == 32
    assert first != second
