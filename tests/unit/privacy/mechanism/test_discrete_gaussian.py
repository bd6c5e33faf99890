"""The mechanism takes what it should, refuses the rest, and never overflows."""

import inspect
import math
from typing import Any

import numpy as np
import pytest
from diffprivlib.mechanisms import GaussianDiscrete

from privacy.mechanism.bernoulli_exp import MAX_SCALE
from privacy.mechanism.discrete_gaussian import MAX_ARRAY_VALUE, DiscreteGaussian
from privacy.mechanism.entropy import BrokenEntropyError, os_entropy
from tests.support.discrete_gaussian_oracle import probabilities
from tests.support.entropy import shake_entropy


def mechanism(scale: int = 8, seed: str = "unit") -> DiscreteGaussian:
    """Return a mechanism whose noise is the same in every run."""
    return DiscreteGaussian(scale=scale, entropy=shake_entropy(seed))


def test_it_is_a_diffprivlib_mechanism() -> None:
    """Code written for diffprivlib's discrete Gaussian must be able to take ours."""
    ours = mechanism()
    assert isinstance(ours, GaussianDiscrete)
    assert ours.bias(0) == 0
    assert ours.mse(0) == 64
    assert "scale=8" in repr(ours)
    assert ours.copy().scale == 8


def test_it_claims_no_guarantee_of_its_own() -> None:
    """Without a sensitivity it must claim nothing: ε = ∞ and δ = 1."""
    assert (mechanism().epsilon, mechanism().delta) == (math.inf, 1.0)


@pytest.mark.parametrize("forbidden", ["random_state", "seed", "epsilon", "delta", "sensitivity"])
def test_there_is_no_seed_and_no_second_way_to_a_scale(forbidden: str) -> None:
    """The constructor must take the scale and the entropy, both named, and nothing else."""
    arguments: dict[str, Any] = {"scale": 8, "entropy": os_entropy, forbidden: 1}
    with pytest.raises(TypeError, match=forbidden):
        DiscreteGaussian(**arguments)


def test_the_source_of_randomness_is_always_named() -> None:
    """Neither the scale nor the entropy may have a default."""
    parameters = list(inspect.signature(DiscreteGaussian).parameters.values())
    assert [parameter.name for parameter in parameters] == ["scale", "entropy"]
    assert {parameter.default for parameter in parameters} == {inspect.Parameter.empty}


@pytest.mark.parametrize("scale", [True, 8.0, np.float64(8), "8", None, math.nan])
def test_a_scale_that_is_no_integer_is_refused(scale: Any) -> None:
    """A scale of another type must be a TypeError, not a conversion."""
    with pytest.raises(TypeError):
        DiscreteGaussian(scale=scale, entropy=os_entropy)


@pytest.mark.parametrize("scale", [0, -1, MAX_SCALE + 1, 10**30])
def test_a_scale_out_of_range_is_refused(scale: int) -> None:
    """A scale that gives no noise, or more than int64 arithmetic holds, must be a ValueError."""
    with pytest.raises(ValueError, match="Scale must be from 1"):
        DiscreteGaussian(scale=scale, entropy=os_entropy)


def test_the_scale_cannot_be_changed() -> None:
    """A checked scale must stay what it was."""
    with pytest.raises(AttributeError):
        mechanism().scale = 1  # type: ignore[misc]  # the point of the test


@pytest.mark.parametrize("value", [0, -7, 10**40, -(10**40), np.int64(2**63 - 1), np.uint8(255)])
def test_an_integer_gives_an_int(value: Any) -> None:
    """An integer of any size and type must give a Python int that differs from it by the noise alone."""
    noised = mechanism().randomise(value)
    assert type(noised) is int
    assert noised - int(value) == mechanism().noise(1)[0]


@pytest.mark.parametrize("shape", [(), (0,), (5,), (3, 4), (2, 0, 3), (2, 3, 4)])
@pytest.mark.parametrize("dtype", ["i1", "u1", ">i2", "i4", "u4", "i8", "u8"])
def test_an_array_gives_an_int64_array_of_its_shape(shape: tuple[int, ...], dtype: str) -> None:
    """Any integer array must give int64 of its shape: value + noise, element by element, itself untouched."""
    value = np.full(shape, 100, dtype=dtype)
    before = value.copy()
    noised = mechanism().randomise(value)
    assert noised.dtype == np.int64
    assert noised.shape == shape
    assert np.array_equal(noised - 100, mechanism().noise(value.size).reshape(shape))
    assert np.array_equal(value, before)


@pytest.mark.parametrize(
    "value", [True, 1.0, "1", None, [1, 2], np.float64(1), np.True_, math.nan, np.timedelta64(1, "s")]
)
def test_a_value_that_is_no_integer_is_refused(value: Any) -> None:
    """Booleans, floats, text, lists and lengths of time must be a TypeError."""
    with pytest.raises(TypeError):
        mechanism().randomise(value)


@pytest.mark.parametrize("dtype", ["f4", "f8", "?", "O", "c16", "U1", "M8[s]", "m8[s]"])
def test_an_array_of_anything_but_integers_is_refused(dtype: str) -> None:
    """Only integer arrays pass: an object array may hide floats."""
    with pytest.raises(TypeError, match="must hold integers"):
        mechanism().randomise(np.zeros(3, dtype=dtype))


@pytest.mark.parametrize(
    "value",
    [
        np.array([0, MAX_ARRAY_VALUE + 1]),
        np.array([0, -MAX_ARRAY_VALUE - 1]),
        np.array([2**64 - 1], dtype=np.uint64),
        np.array([-(2**63)]),
    ],
)
def test_an_array_that_could_overflow_is_refused(value: Any) -> None:
    """An element so large that noise could wrap it around must be a ValueError."""
    with pytest.raises(ValueError, match="must stay within"):
        mechanism().randomise(value)


def test_the_largest_values_at_the_largest_scale_do_not_wrap() -> None:
    """At both limits the sum must still be the value plus the noise."""
    value = np.array([MAX_ARRAY_VALUE, -MAX_ARRAY_VALUE] * 500)
    noised = mechanism(MAX_SCALE).randomise(value)
    noise = mechanism(MAX_SCALE).noise(value.size)
    assert [int(n) for n in noised] == [int(v) + int(z) for v, z in zip(value, noise, strict=True)]


@pytest.mark.parametrize("scale", [1, 2, 3, 8, 100])
def test_the_variance_is_the_square_of_the_scale(scale: int) -> None:
    """The exact variance must be at most scale², and at least scale² less 1 part in 10^6."""
    values, probability = probabilities(scale)
    exact = float((values.astype(np.float64) ** 2 * probability).sum())
    stated = mechanism(scale).variance(0)
    assert stated == scale**2
    assert stated * (1 - 1e-6) <= exact <= stated * (1 + 1e-12)


@pytest.mark.parametrize("count", [0, 1, 2, 16_384, 16_385, 50_000])
def test_noise_has_the_length_asked_for(count: int) -> None:
    """Exactly `count` int64 draws must come back, across the borders of blocks too."""
    noise = mechanism().noise(count)
    assert noise.shape == (count,)
    assert noise.dtype == np.int64


def test_a_copy_does_not_repeat_the_noise() -> None:
    """A mechanism must hold no randomness that a copy or a fork repeats (64 equal draws: below 1e-60)."""
    first = DiscreteGaussian(scale=8, entropy=os_entropy)
    first.noise(1)
    assert not np.array_equal(first.copy().noise(64), first.noise(64))


@pytest.mark.parametrize("stuck_byte", [b"\x00", b"\xff"])
def test_a_stuck_source_gives_no_noise(stuck_byte: bytes) -> None:
    """A source that repeats one byte must raise at scale 1, where it would reject or continue endlessly."""
    stuck = DiscreteGaussian(scale=1, entropy=lambda count: stuck_byte * count)
    with pytest.raises(BrokenEntropyError):
        stuck.noise(1)


def test_a_source_that_falls_short_gives_no_noise() -> None:
    """Too few bytes must raise out of randomise, for integers and arrays."""
    short = DiscreteGaussian(scale=8, entropy=lambda count: bytes(count // 2))
    for value in (1, np.array([1])):
        with pytest.raises(BrokenEntropyError):
            short.randomise(value)
