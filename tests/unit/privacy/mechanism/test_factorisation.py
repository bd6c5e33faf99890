"""The encoder, the decoder, and where they come from."""

import json
from fractions import Fraction
from importlib import resources
from math import comb, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.errors import PolicyError
from privacy.mechanism.factorisation import (
    MAX_COEFFICIENT,
    MAX_ENCODED,
    Factorisation,
    load_factorisation,
    power_factorisation,
)
from privacy.mechanism.sensitivity import alternating_sensitivity_squared

NAMES = ("toeplitz-87-w4", "power-0.6")


@pytest.mark.parametrize(
    ("coefficients", "fault"),
    [
        ((), "empty"),
        ((0, 1), r"\[0\]: is 0"),
        ((4, -1), r"\[1\]: is -1"),
        ((MAX_COEFFICIENT + 1,), r"\[0\]: is"),
        ((4, 2.0), r"\[1\]: is 2.0"),
        ((True,), r"\[0\]: is True"),
        ((4, float("nan")), r"\[1\]: is nan"),
    ],
)
def test_refuses_bad_coefficients(coefficients: tuple[int, ...], fault: str) -> None:
    """Coefficients that are not integers in range are refused by name and value."""
    with pytest.raises(PolicyError, match=fault):
        Factorisation("bad", coefficients)


@pytest.mark.parametrize("name", NAMES)
def test_encoder_and_decoder_factorise_the_prefix_sums(name: str) -> None:
    """B·C is the lower-triangular matrix of ones, and both factors are lower-triangular Toeplitz."""
    factorisation = load_factorisation(name, 87)
    ones = np.tril(np.ones((87, 87)))
    assert np.allclose(factorisation.decoder @ factorisation.encoder, ones, rtol=0, atol=1e-9)
    for matrix in (factorisation.encoder, factorisation.decoder):
        assert not np.triu(matrix, 1).any()
        assert np.array_equal(matrix[1:, 1:], matrix[:-1, :-1])
    assert factorisation.encoder.dtype == np.int64
    assert tuple(factorisation.encoder[:, 0].tolist()) == factorisation.coefficients


def test_row_norms_are_deviations_of_the_estimates() -> None:
    """The norm at epoch t is the root of the summed squares of row t of B."""
    factorisation = load_factorisation("toeplitz-87-w4", 87)
    expected = [sqrt(sum(value * value for value in row)) for row in factorisation.decoder.tolist()]
    assert factorisation.decoder_row_norms.tolist() == pytest.approx(expected, rel=1e-12)


def test_matrices_are_read_only() -> None:
    """The shared matrices cannot be changed by one of their users."""
    factorisation = power_factorisation("0.6", 3)
    for array in (factorisation.encoder, factorisation.decoder, factorisation.decoder_row_norms):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("epochs", [1, 40, 87])
def test_decode_of_encode_gives_prefix_sums(name: str, epochs: int) -> None:
    """Without noise, decoding gives the running count of a stream at every epoch."""
    changes = np.random.default_rng(1).integers(-1000, 1000, size=epochs)
    factorisation = load_factorisation(name, 87)
    every_epoch = np.arange(epochs)
    measured = np.tile(factorisation.encode(changes), (epochs, 1))
    decoded = factorisation.decode(measured, every_epoch)
    assert np.allclose(decoded, np.cumsum(changes), rtol=0, atol=1e-6)


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=12))
def test_encode_is_exact(changes: list[int]) -> None:
    """The query is the convolution of changes and coefficients, to the last digit."""
    factorisation = power_factorisation("0.6", 12)
    convolution = [
        sum(factorisation.coefficients[t - s] * changes[s] for s in range(t + 1)) for t in range(len(changes))
    ]
    assert factorisation.encode(np.array(changes, dtype=np.int64)).tolist() == convolution


def test_encode_looks_only_backwards() -> None:
    """The measurement of epoch t does not depend on later changes, as adaptivity requires."""
    factorisation = load_factorisation("toeplitz-87-w4", 87)
    changes = np.random.default_rng(2).integers(-9, 9, size=87)
    assert np.array_equal(factorisation.encode(changes)[:30], factorisation.encode(changes[:30]))


def test_encode_takes_rows_of_any_shape() -> None:
    """Rows of one call are independent of each other, however they are arranged."""
    factorisation = Factorisation("small", (3, 2, 1))
    rows = np.array([[[1, 10, 100], [0, 1, 0]]], dtype=np.int64)
    assert factorisation.encode(rows).tolist() == [[[3, 32, 321], [0, 3, 2]]]


@pytest.mark.parametrize("sign", [1, -1])
def test_encode_refuses_overflow(sign: int) -> None:
    """The largest changes whose encoding surely fits are encoded exactly, the next integer is refused."""
    factorisation = Factorisation("small", (3, 2, 2))
    largest = MAX_ENCODED // 7
    changes = np.full(3, sign * largest)
    assert factorisation.encode(changes)[-1] == sign * 7 * largest
    changes[1] += sign
    with pytest.raises(OverflowError):
        factorisation.encode(changes)


def test_encode_refuses_the_smallest_int64() -> None:
    """The one integer whose absolute value is not an int64 is refused too."""
    with pytest.raises(OverflowError):
        Factorisation("unit", (1,)).encode(np.array([-(2**63)], dtype=np.int64))


def test_encode_refuses_floats() -> None:
    """There are no floats before the noise."""
    floats = np.zeros((1, 3))
    with pytest.raises(TypeError, match="float64"):
        power_factorisation("0.6", 3).encode(floats)  # type: ignore[arg-type]  # the mistake under test


def test_first_is_a_prefix() -> None:
    """A shorter schedule uses the leading part of the same matrices."""
    whole = load_factorisation("toeplitz-87-w4", 87)
    part = whole.truncated(20)
    assert np.array_equal(part.encoder, whole.encoder[:20, :20])
    assert np.allclose(part.decoder, whole.decoder[:20, :20], rtol=1e-12)


def test_half_power_is_the_square_root() -> None:
    """Exponent 1/2 has the central binomial coefficients over powers of four, rounded once."""
    expected = tuple(round(Fraction(4096 * comb(2 * j, j), 4**j)) for j in range(87))
    assert power_factorisation("0.5", 87).coefficients == expected
    assert power_factorisation(0.5, 87).coefficients == expected


@pytest.mark.parametrize("exponent", ["0", "1", "-0.5", "1.5"])
def test_power_refuses_exponents_out_of_range(exponent: str) -> None:
    """The exponent lies strictly between 0 and 1."""
    with pytest.raises(PolicyError, match="exponent"):
        power_factorisation(exponent, 5)


@pytest.mark.parametrize(
    "name",
    ["", "toeplitz", "power-", "power-0.0", "power-1.5", "power-nan", "../policy", "toeplitz-87-w4.json"],
)
def test_load_refuses_unknown_names(name: str) -> None:
    """An unknown name is refused, and the message lists the known names."""
    with pytest.raises(PolicyError, match=r"mechanism\.factorisation"):
        load_factorisation(name, 10)


@pytest.mark.parametrize(
    ("name", "epochs"), [("toeplitz-87-w4", 88), ("toeplitz-87-w4", 0), ("power-0.6", 0)]
)
def test_load_refuses_schedules_out_of_reach(name: str, epochs: int) -> None:
    """A schedule longer than the factorisation, or without epochs, is refused."""
    with pytest.raises(PolicyError, match=r"mechanism\.factorisation"):
        load_factorisation(name, epochs)


def test_checked_in_factorisation_reaches_its_product() -> None:
    """The file's own figures follow from its coefficients, and the product beats 3.59."""
    file = resources.files("privacy.mechanism") / "factorisations" / "toeplitz-87-w4.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    factorisation = load_factorisation(document["name"], document["epochs"])
    squared = alternating_sensitivity_squared(factorisation, document["flips"])
    product = sqrt(squared) * float(factorisation.decoder_row_norms.max())
    assert (document["epochs"], document["flips"]) == (87, 4)
    assert factorisation.coefficients[0] == document["scale"]
    assert squared == document["sensitivity_squared"]
    assert product == pytest.approx(document["product"], abs=1e-6)
    assert product <= 3.59
