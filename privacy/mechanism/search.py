"""Find the encoder of a checked-in factorisation: `python -m privacy.mechanism.search --help`.

An offline program that the product never imports. It minimises max_t ‖B_t‖ · Δ_w(C) over all T coefficients
of C by sequential quadratic programming with constraint generation: minimise the norm of the last row of B,
the longest one, while the alternating column sums met so far have norm at most 1; add the longest sums of
the result; repeat until none is longer than 1. These constraints are convex. It starts at 1/(1-x)^0.6;
nothing is random.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nlargest
from math import log, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular, toeplitz
from scipy.optimize import Bounds, NonlinearConstraint, minimize

from privacy.mechanism.factorisation import DEFAULT_SCALE, Factorisation, power_factorisation
from privacy.mechanism.sensitivity import alternating_norms, alternating_sensitivity_squared

if TYPE_CHECKING:
    Vector = NDArray[np.float64]

TOLERANCE: Final = 1e-7
"""By how much a squared norm may exceed 1 at the end: far below what rounding to integers costs."""

ADDED_PER_ROUND: Final = 200


@dataclass(frozen=True)
class FlipSets:
    """Sets of flips, as constraints ‖Σ_i (-1)^i C_ti‖² <= 1 on the coefficients of C.

    Args:
        epochs: T.
        members: one row per set, shape (n, w); padded with T, whose column is zero.
    """

    epochs: int
    members: NDArray[np.int64]

    @classmethod
    def from_sets(cls, epochs: int, flips: int, sets: Iterable[tuple[int, ...]]) -> FlipSets:
        """Return the constraints of sets of at most `flips` epochs each."""
        return cls(epochs, np.array([members + (epochs,) * (flips - len(members)) for members in sets]))

    def slack(self, coefficients: Vector) -> Vector:
        """Return one minus the squared norms, shape (n,)."""
        slack: Vector = 1 - np.square(self._sums(coefficients)).sum(axis=1)
        return slack

    def slack_gradient(self, coefficients: Vector) -> Vector:
        """Return the gradient of `slack`, shape (n, T)."""
        sums = np.pad(self._sums(coefficients), ((0, 0), (0, self.epochs + 1)))
        shifts = self.members[:, :, None] + np.arange(self.epochs)
        rows = np.arange(len(sums))[:, None, None]
        return self._alternate(-2 * sums[rows, shifts])

    def _sums(self, coefficients: Vector) -> Vector:
        columns = np.pad(_encoder(coefficients), ((0, 0), (0, 1))).T
        return self._alternate(columns[self.members])

    @staticmethod
    def _alternate(terms: Vector) -> Vector:
        alternating: Vector = terms[:, ::2].sum(axis=1) - terms[:, 1::2].sum(axis=1)
        return alternating


def search(epochs: int, flips: int, scale: int) -> Factorisation:
    """Search for the best encoder, with integer coefficients and the given first one."""
    coefficients = np.array(power_factorisation("0.6", epochs, scale).coefficients, dtype=np.float64)
    longest = _longest_sums(coefficients, flips)
    coefficients /= sqrt(longest[0][0])
    known: set[tuple[int, ...]] = set()
    while not known or longest[0][0] > 1 + TOLERANCE:
        found = {members for _, members in longest}
        if found <= known:
            raise ArithmeticError("the minimiser leaves a known constraint broken")
        known |= found
        coefficients = _minimise(coefficients, FlipSets.from_sets(epochs, flips, sorted(known)))
        longest = _longest_sums(coefficients, flips)
        sys.stderr.write(
            f"{len(known)} flip sets; the longest has squared norm 1 + {longest[0][0] - 1:.1e}\n"
        )
    rounded = np.rint(coefficients * (scale / coefficients[0])).astype(int)
    return Factorisation(f"toeplitz-{epochs}-w{flips}", tuple(rounded.tolist()))


def describe(factorisation: Factorisation, flips: int) -> dict[str, Any]:
    """Return the document to check in: the coefficients and their figures of merit."""
    sensitivity_squared = alternating_sensitivity_squared(factorisation, flips)
    return {
        "name": factorisation.name,
        "epochs": factorisation.epochs,
        "flips": flips,
        "scale": factorisation.coefficients[0],
        "sensitivity_squared": sensitivity_squared,
        "product": round(sqrt(sensitivity_squared) * float(factorisation.decoder_row_norms.max()), 6),
        "coefficients": factorisation.coefficients,
    }


def main() -> None:
    """Search for an encoder, and print or write its JSON document."""
    parser = argparse.ArgumentParser(prog="python -m privacy.mechanism.search", description=__doc__)
    parser.add_argument("--epochs", type=int, default=87, help="T (default: %(default)s)")
    parser.add_argument(
        "--flips",
        type=int,
        default=4,
        choices=range(2, 15),
        metavar="W",
        help="w, 2 to 14 (default: %(default)s)",
    )
    parser.add_argument(
        "--scale", type=int, default=DEFAULT_SCALE, help="first coefficient (default: %(default)s)"
    )
    parser.add_argument("--output", type=Path, help="file to write (default, and -: standard output)")
    arguments = parser.parse_args()
    found = search(arguments.epochs, arguments.flips, arguments.scale)
    text = json.dumps(describe(found, arguments.flips), indent=2) + "\n"
    if arguments.output not in {None, Path("-")}:
        arguments.output.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


def _minimise(start: Vector, sets: FlipSets) -> Vector:
    result = minimize(
        _log_row_norm,
        start,
        jac=True,
        method="SLSQP",
        bounds=Bounds(0, np.inf),
        constraints=NonlinearConstraint(sets.slack, 0, np.inf, jac=sets.slack_gradient),
        options={"maxiter": 200, "ftol": 1e-12},
    )
    return np.asarray(result.x, dtype=np.float64)


def _log_row_norm(coefficients: Vector) -> tuple[float, Vector]:
    """Logarithm of ‖B_(T-1)‖ and its gradient; b = A/C as generating functions, so db = -(b/C)·dC."""
    encoder = _encoder(coefficients)
    row = solve_triangular(encoder, np.ones(len(coefficients)), lower=True)
    quotient = solve_triangular(encoder, row, lower=True)
    square = float(row @ row)
    return log(square) / 2, -np.correlate(row, quotient, "full")[len(row) - 1 :] / square


def _longest_sums(coefficients: Vector, flips: int) -> list[tuple[float, tuple[int, ...]]]:
    """Squared norm and members of long alternating sums, longest first: the longest with each beginning."""
    encoder = _encoder(coefficients)
    found: list[tuple[float, tuple[int, ...]]] = [(float(coefficients @ coefficients), (0,))]
    for first, norms in alternating_norms(encoder.T @ encoder, flips):
        i, j = np.unravel_index(np.argmax(norms), norms.shape)
        start = first[-1] + 1 if first else 0
        found.append((float(norms[i, j]), (*first, start + int(i), start + int(j))))
    return nlargest(ADDED_PER_ROUND, found)


def _encoder(coefficients: Vector) -> Vector:
    return np.tril(toeplitz(coefficients))


if __name__ == "__main__":
    main()
