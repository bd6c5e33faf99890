"""Compares the error factor max_t ‖B_t‖₂·Δ_w of the continual release with alternatives and a lower bound."""

from collections.abc import Iterator
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.figure import Bar, Figure, Measure, Reference
from bench.lower_bound import Certificate
from privacy.mechanism.accounting import Calibration
from privacy.mechanism.sensitivity import alternating_norms

MAX_FACTOR: Final = 3.59


def error_factors(calibration: Calibration) -> Iterator[Figure]:
    """Yields the deviation of the worst epoch under noise that hides one engagement with all its flips."""
    factorisation, flips = calibration.factorisation, calibration.policy.flip_cap
    epochs = calibration.schedule.epochs
    ours = float(factorisation.decoder_row_norms.max()) * sqrt(calibration.statistics[0].sensitivity_squared)
    yield Figure(
        f"error factor, {epochs} epochs and {flips} flips",
        ours,
        "",
        Reference("lower bound for every factorisation, certified", Certificate.load().bound(flips)),
        Bar(Measure.VALUE, high=MAX_FACTOR),
        note="standard deviation of the worst epoch in units of 1/√(2ρ)",
    )
    yield Figure("the same", ours, "", Reference("fresh noise at every epoch: √T", sqrt(epochs)))
    plain, best = tree_factors(epochs, flips)
    yield Figure(
        "the same",
        ours,
        "",
        Reference("binary tree with its best decoder", best),
        note=f"{plain:.3g} with the usual decoder, the sum of at most log₂T nodes",
    )


def tree_factors(epochs: int, flips: int) -> tuple[float, float]:
    """Returns the error factors of the binary tree mechanism with the usual and with the best decoder.

    The usual decoder adds up the dyadic intervals of a prefix. It never reads the right child of a node, so
    these are not measured (T.-H. H. Chan, E. Shi, D. Song, "Private and continual release of statistics",
    2011). The best decoder weights all nodes by least squares (J. Honaker, "Efficient use of differentially
    private binary trees", 2015).
    """
    prefix = np.tril(np.ones((epochs, epochs)))
    lefts, nodes = _tree(epochs, step=2), _tree(epochs, step=1)
    usual = np.linalg.norm(prefix @ np.linalg.inv(lefts), axis=1).max() * _sensitivity(lefts, flips)
    best = np.linalg.norm(prefix @ np.linalg.pinv(nodes), axis=1).max() * _sensitivity(nodes, flips)
    return float(usual), float(best)


def _tree(epochs: int, step: int) -> NDArray[np.float64]:
    """Returns indicators of the dyadic intervals: all, or every second one of each level."""
    rows = []
    for level in range(epochs.bit_length()):
        size = 1 << level
        for start in range(0, epochs - size + 1, size * step):
            row = np.zeros(epochs)
            row[start : start + size] = 1
            rows.append(row)
    return np.array(rows)


def _sensitivity(encoder: NDArray[np.float64], flips: int) -> float:
    gram = encoder.T @ encoder
    return sqrt(max(float(norms.max()) for _, norms in alternating_norms(gram, flips)))
