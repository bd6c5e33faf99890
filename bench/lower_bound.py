"""Proves a lower bound of the error factor of every matrix factorisation, with verifiable weights.

For any factorisation A = B·C of the prefix sums, any weights p_t of epochs and q_v of alternating vectors v
with at most w entries, the weights of each kind adding up to 1,

    max_t ‖B_t‖²·max_v ‖C·v‖²  ≥  Σ_t p_t‖B_t‖² · Σ_v q_v‖C·v‖²  ≥  ‖diag(√p)·A·V·diag(√q)‖_*²,

since ‖X·Y‖_* ≤ ‖X‖_F·‖Y‖_F for the nuclear norm. For the best weights equality holds: the duality of the
γ₂ norm (J. Matoušek, A. Nikolov, K. Talwar, "Factorization norms and hereditary discrepancy", 2020), with the
polytope of what one engagement can do in place of single entries (A. Edmonds, A. Nikolov, J. Ullman, "The
power of factorization mechanisms in local and central differential privacy", 2020).

`python -m bench.lower_bound` searches for weights and prints them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from privacy.mechanism.sensitivity import alternating_norms

CERTIFICATE: Final = Path(__file__).with_name("lower-bound-87-w4.json")
_EPOCHS: Final = 87
_FLIPS: Final = 4
_ROUNDS: Final = 60
_STEPS_PER_ROUND: Final = 60
_NEW_SETS_PER_ROUND: Final = 40
_SHARE_OF_NEW_SETS: Final = 0.02
_KEPT_SETS: Final = 450
_MIN_WEIGHT: Final = 1e-7
_DIGITS: Final = 7

Epochs = tuple[int, ...]
"""Epochs at which an engagement flips, increasing."""


@dataclass(frozen=True)
class Certificate:
    """Weights that prove a lower bound.

    Args:
        rows: p, shape (T,); any positive numbers, scaled to a sum of 1 when used.
        sets: the vectors v, each given by the epochs of its entries.
        weights: q, one per set; any positive numbers, scaled to a sum of 1 when used.
    """

    rows: NDArray[np.float64]
    sets: tuple[Epochs, ...]
    weights: NDArray[np.float64]

    @classmethod
    def load(cls) -> Certificate:
        """Loads the certificate that the search found."""
        document = json.loads(CERTIFICATE.read_text(encoding="utf-8"))
        return cls(
            np.array(document["rows"]),
            tuple(tuple(epochs) for epochs, _ in document["sets"]),
            np.array([weight for _, weight in document["sets"]]),
        )

    def bound(self, flips: int) -> float:
        """Returns the smallest error factor of any factorisation of len(rows) epochs.

        Raises:
            ValueError: a vector has more than `flips` entries or unordered epochs, or a weight is negative.
        """
        if any(len(epochs) > flips or list(epochs) != sorted(set(epochs)) for epochs in self.sets):
            raise ValueError(f"a set of the certificate is not of at most {flips} increasing epochs")
        if min(self.rows.min(), self.weights.min()) < 0:
            raise ValueError("a weight of the certificate is negative")
        p, q = self.rows / self.rows.sum(), self.weights / self.weights.sum()
        weighted = np.sqrt(p)[:, None] * (_prefix_sums(len(p)) @ _vectors(self.sets, len(p))) * np.sqrt(q)
        return float(np.linalg.norm(weighted, "nuc"))

    def json(self) -> str:
        """Returns the certificate as stored in the repository."""
        rows = json.dumps([round(float(row), _DIGITS) for row in self.rows])
        sets = ",\n".join(
            json.dumps([list(epochs), round(float(weight), _DIGITS)])
            for epochs, weight in zip(self.sets, self.weights, strict=True)
        )
        return f'{{"rows": {rows},\n"sets": [\n{sets}\n]}}\n'


@dataclass(frozen=True)
class _Optimum:
    """The best CᵀC for given weights, with ‖B_t‖² and ‖C·v‖²."""

    gram: NDArray[np.float64]
    row_values: NDArray[np.float64]
    set_values: NDArray[np.float64]


def search(epochs: int, flips: int) -> Certificate:
    """Finds weights by multiplicative updates, adding sets that violate the optimum for the known ones."""
    sets: list[Epochs] = [(epoch,) for epoch in range(epochs)]
    weights, rows = np.ones(epochs) / epochs, np.ones(epochs) / epochs
    for _ in range(_ROUNDS):
        rows, weights, optimum = _ascend(rows, weights, sets)
        kept = np.nonzero(weights > _MIN_WEIGHT)[0].tolist()
        sets, weights = [sets[index] for index in kept], weights[kept]
        new = [found for found in _most_violated(optimum.gram, flips) if found not in set(sets)]
        sets += new
        shares = np.full(len(new), _SHARE_OF_NEW_SETS / max(1, len(new)))
        weights = np.concatenate([weights * (1 - _SHARE_OF_NEW_SETS), shares])
    heaviest = np.argsort(-weights)[:_KEPT_SETS].tolist()
    sets, weights = [sets[index] for index in heaviest], weights[heaviest]
    for _ in range(_ROUNDS // 6):
        rows, weights, _ = _ascend(rows, weights, sets)
    return Certificate(rows, tuple(sets), weights)


def _ascend(
    rows: NDArray[np.float64], weights: NDArray[np.float64], sets: list[Epochs]
) -> tuple[NDArray[np.float64], NDArray[np.float64], _Optimum]:
    vectors = _vectors(sets, len(rows))
    optimum = _optimum(rows, weights, vectors)
    for _ in range(_STEPS_PER_ROUND):
        rows, weights = rows * optimum.row_values, weights * optimum.set_values
        rows, weights = rows / rows.sum(), weights / weights.sum()
        optimum = _optimum(rows, weights, vectors)
    return rows, weights, optimum


def _optimum(
    rows: NDArray[np.float64], weights: NDArray[np.float64], vectors: NDArray[np.float64]
) -> _Optimum:
    """Solves X·Q·X = Aᵀ·diag(p)·A with Q = V·diag(q)·Vᵀ, for which the second inequality is an equality."""
    prefix = _prefix_sums(len(rows))
    root = np.linalg.cholesky(prefix.T @ (rows[:, None] * prefix))
    squares, directions = np.linalg.eigh(root.T @ (vectors * weights) @ vectors.T @ root)
    scales = np.sqrt(np.maximum(squares, 1e-12 * squares.max()))
    gram = root @ (directions / scales) @ directions.T @ root.T
    return _Optimum(
        gram,
        np.einsum("te,et->t", prefix, np.linalg.solve(gram, prefix.T)),
        np.einsum("ev,ef,fv->v", vectors, gram, vectors, optimize=True),
    )


def _most_violated(gram: NDArray[np.float64], flips: int) -> list[Epochs]:
    """Returns the sets with the largest ‖C·v‖², at most one per choice of the first flips."""
    found: list[tuple[float, Epochs]] = []
    for columns, table in alternating_norms(gram, flips):
        first, second = divmod(int(table.argmax()), table.shape[1])
        start = columns[-1] + 1 if columns else 0
        pair = (start + first, start + second) if first < second else ()
        found.append((float(table[first, second]), (*columns, *pair)))
    return [epochs for _, epochs in sorted(found, reverse=True)[:_NEW_SETS_PER_ROUND]]


def _prefix_sums(epochs: int) -> NDArray[np.float64]:
    """Returns A, shape (T, T)."""
    return np.tril(np.ones((epochs, epochs)))


def _vectors(sets: tuple[Epochs, ...] | list[Epochs], epochs: int) -> NDArray[np.float64]:
    """Returns V, shape (T, sets): +1, −1, +1, … at the epochs of each set."""
    vectors = np.zeros((epochs, len(sets)))
    for column, flipped in enumerate(sets):
        vectors[list(flipped), column] = [(-1) ** index for index in range(len(flipped))]
    return vectors


if __name__ == "__main__":
    print(search(_EPOCHS, _FLIPS).json(), end="")
