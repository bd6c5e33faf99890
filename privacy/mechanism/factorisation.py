"""The matrix factorisation of the continual release: prefix sums A = B·C with an integer Toeplitz encoder C.

The mechanism adds integer noise to the exact integers C·x and decodes with B = A·C⁻¹, in floats, after the
noise; `docs/decisions/0002-integer-encoder.md` says why C is of integers. Sources: H. Fichtenberger,
M. Henzinger, J. Upadhyay, "Constant matters: fine-grained error bound on differentially private continual
observation" (2022), for Toeplitz factorisations of prefix sums; S. Denisov et al., "Improved differential
privacy for SGD via optimal private linear operators on adaptive streams" (2022), for triangular encoders.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from importlib import resources
from itertools import accumulate
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular, toeplitz

from privacy.errors import PolicyError

Scalar = TypeVar("Scalar", bound=np.generic)

DEFAULT_SCALE: Final = 4096
"""First coefficient of the encoders; rounding the others to integers costs less than 0.01 % of accuracy."""

MAX_COEFFICIENT: Final = 2**24
"""Keeps squared norms of columns well within 64 bits."""

MAX_ENCODED: Final = 2**62
"""An encoded value and its noise together fit 64 bits."""

_POWER_NAME = re.compile(r"power-(0\.[0-9]{1,6})")


@dataclass(frozen=True)
class Factorisation:
    """A lower-triangular Toeplitz encoder C of non-negative integers and its decoder B = A·C⁻¹.

    Args:
        name: its name in the policy.
        coefficients: the first column of C, one integer per epoch; the first is positive, so C is invertible.

    Raises:
        PolicyError: a coefficient breaks a rule.
    """

    name: str
    coefficients: tuple[int, ...]

    def __post_init__(self) -> None:
        field = f"factorisation {self.name}: coefficients"
        if not self.coefficients:
            raise PolicyError(f"{field}: are empty; at least one")
        for epoch, value in enumerate(self.coefficients):
            least = 0 if epoch else 1
            if type(value) is not int or not least <= value <= MAX_COEFFICIENT:
                raise PolicyError(
                    f"{field}[{epoch}]: is {value!r}; an integer from {least} to {MAX_COEFFICIENT}"
                )

    @property
    def epochs(self) -> int:
        """T, the longest schedule that the factorisation serves."""
        return len(self.coefficients)

    @cached_property
    def encoder(self) -> NDArray[np.int64]:
        """C, shape (T, T), read-only."""
        return _read_only(np.tril(toeplitz(np.array(self.coefficients, dtype=np.int64))))

    @cached_property
    def decoder(self) -> NDArray[np.float64]:
        """B, shape (T, T), read-only: lower-triangular Toeplitz with first column C⁻¹·1."""
        column = solve_triangular(self.encoder.astype(np.float64), np.ones(self.epochs), lower=True)
        return _read_only(np.tril(toeplitz(column)))

    @cached_property
    def decoder_row_norms(self) -> NDArray[np.float64]:
        """‖B_t‖₂ of each epoch, shape (T,), read-only: the estimates' deviations per unit of noise."""
        norms: NDArray[np.float64] = np.linalg.norm(self.decoder, axis=1)
        return _read_only(norms)

    def truncated(self, epochs: int) -> Factorisation:
        """Return the factorisation for a shorter schedule; its sensitivity is at most that of the whole.

        Raises:
            PolicyError: the factorisation serves fewer epochs.
        """
        if not 1 <= epochs <= self.epochs:
            raise PolicyError(
                f"mechanism.factorisation: {self.name} serves 1 to {self.epochs} epochs, not {epochs}"
            )
        return Factorisation(self.name, self.coefficients[:epochs])

    def encode(self, x: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return C·x of each row, exactly: its query at every epoch.

        Args:
            x: net changes, shape (…, T') with T' <= T.

        Returns:
            the same shape.

        Raises:
            TypeError: x is not of 64-bit integers.
            OverflowError: a result might leave no room for the noise in 64 bits.
        """
        if x.dtype != np.int64:
            raise TypeError(f"x: is of {x.dtype}; the query is exact on int64 only")
        epochs = x.shape[-1]
        largest = MAX_ENCODED // sum(self.coefficients[:epochs])
        if x.size and not -largest <= int(x.min()) <= int(x.max()) <= largest:
            raise OverflowError(f"x: has an entry beyond ±{largest}; the encoded value might not fit 64 bits")
        encoded: NDArray[np.int64] = x @ self.encoder[:epochs, :epochs].T
        return encoded

    def decode(self, y: NDArray[np.int64], at: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return (B·y)_t of each row at its own epoch: the estimate of the sum of x up to t.

        Args:
            y: measurements, shape (rows, T') with T' <= T.
            at: the epoch t of each row, below T', shape (rows,).

        Returns:
            shape (rows,).
        """
        decoded: NDArray[np.float64] = np.einsum("rt,rt->r", self.decoder[at, : y.shape[-1]], y)
        return decoded


def power_factorisation(
    exponent: str | float | Fraction, epochs: int, scale: int = DEFAULT_SCALE
) -> Factorisation:
    """Return the encoder 1/(1-x)^exponent; its decoder is 1/(1-x)^(1-exponent), as generating functions.

    Args:
        exponent: strictly between 0 and 1; ½ gives the square root of A.
        epochs: T.
        scale: the first coefficient; the others are rounded to integers.

    Raises:
        PolicyError: the exponent is out of range or there is no epoch.
    """
    power = Fraction(str(exponent))
    if not 0 < power < 1:
        raise PolicyError(f"mechanism.factorisation: exponent is {exponent}; above 0 and below 1")
    if epochs < 1:
        raise PolicyError(f"mechanism.factorisation: is for {epochs} epochs; at least one")
    series = accumulate(
        range(1, epochs), lambda value, j: value * (power + j - 1) / j, initial=Fraction(scale)
    )
    return Factorisation(f"power-{exponent}", tuple(round(value) for value in series))


def load_factorisation(name: str, epochs: int) -> Factorisation:
    """Load the factorisation that a policy names, truncated to its schedule.

    Args:
        name: name of a file in `factorisations/`, or `power-E` with an exponent E such as 0.6.
        epochs: T, the number of epochs of the schedule.

    Raises:
        PolicyError: the name is unknown, or the factorisation serves fewer epochs.
    """
    if power := _POWER_NAME.fullmatch(name):
        return power_factorisation(power[1], epochs)
    folder = resources.files("privacy.mechanism").joinpath("factorisations")
    files = {file.name.removesuffix(".json"): file for file in folder.iterdir()}
    if name not in files:
        raise PolicyError(
            f"mechanism.factorisation: is {name!r}; one of {sorted(files)}, or power-E such as power-0.6"
        )
    document = json.loads(files[name].read_text(encoding="utf-8"))
    return Factorisation(name, tuple(document["coefficients"])).truncated(epochs)


def _read_only(array: NDArray[Scalar]) -> NDArray[Scalar]:
    array.flags.writeable = False
    return array
