"""Finds the history of one engagement that changes the encoded stream most, without the accountant's code."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

EXHAUSTIVE_EPOCHS: Final = 200
"""Up to this number of epochs all pairs of pairs are compared."""
EXHAUSTIVE_FLIPS: Final = 4


def worst_history(coefficients: Sequence[int], flips: int) -> tuple[int, ...]:
    """Returns epochs t1 < t2 < … of at most `flips` alternating flips that maximise ‖C_t1 − C_t2 + …‖.

    For up to four flips in up to 200 epochs all histories are compared. Beyond that, pairs of flips are
    inserted where they gain most; the result is a lower bound of the maximum that an attacker can reach.
    """
    columns = _columns(coefficients)
    epochs = len(coefficients)
    if epochs == 1 or flips == 1:
        return (0,)
    history = _search_up_to_four(columns, flips) if epochs <= EXHAUSTIVE_EPOCHS else (0,)
    while len(history) + 2 <= flips:
        longer = _insert_best_pair(columns, history)
        if _norm(columns, longer) <= _norm(columns, history):
            break
        history = longer
    return history


def norm_squared(coefficients: Sequence[int], history: Sequence[int]) -> int:
    """Returns ‖C_t1 − C_t2 + …‖² in exact integers."""
    column = [0] * len(coefficients)
    for index, start in enumerate(history):
        sign = -1 if index % 2 else 1
        for epoch in range(start, len(column)):
            column[epoch] += sign * coefficients[epoch - start]
    return sum(value * value for value in column)


def _columns(coefficients: Sequence[int]) -> NDArray[np.float64]:
    """Returns the columns of C as rows; doubles represent inner products below 2^53 exactly."""
    epochs = len(coefficients)
    columns = np.zeros((epochs, epochs))
    for start in range(epochs):
        columns[start, start:] = coefficients[: epochs - start]
    return columns


def _norm(columns: NDArray[np.float64], history: Sequence[int]) -> float:
    signs = np.where(np.arange(len(history)) % 2, -1.0, 1.0)
    return float(((signs[:, None] * columns[list(history)]).sum(axis=0) ** 2).sum())


def _search_up_to_four(columns: NDArray[np.float64], flips: int) -> tuple[int, ...]:
    epochs = len(columns)
    first, second = np.triu_indices(epochs, 1)
    differences = columns[first] - columns[second]
    of_pairs = (differences**2).sum(axis=1)
    of_singles = (columns**2).sum(axis=1)
    best = float(of_singles.max())
    found: tuple[int, ...] = (int(of_singles.argmax()),)
    tails = [(np.arange(epochs), columns, of_singles)] if flips >= EXHAUSTIVE_FLIPS - 1 else []
    if flips >= EXHAUSTIVE_FLIPS:
        tails.append((first, differences, of_pairs))
    for pair in range(len(first)):
        a, b = int(first[pair]), int(second[pair])
        if of_pairs[pair] > best:
            best, found = float(of_pairs[pair]), (a, b)
        for starts, vectors, norms in tails:
            later = int(np.searchsorted(starts, b, side="right"))
            if later == len(starts):
                continue
            sums = of_pairs[pair] + norms[later:] + 2 * (vectors[later:] @ differences[pair])
            index = int(sums.argmax())
            if sums[index] > best:
                best = float(sums[index])
                ends = (int(starts[later + index]),)
                found = (a, b, *ends) if vectors is columns else (a, b, *ends, int(second[later + index]))
    return found


def _insert_best_pair(columns: NDArray[np.float64], history: tuple[int, ...]) -> tuple[int, ...]:
    """Inserts two consecutive flips where they gain most; the signs of the others do not change."""
    best, found = -1.0, history
    edges = (-1, *history, len(columns))
    for index in range(len(history) + 1):
        free = range(edges[index] + 1, edges[index + 1])
        for first in free:
            for second in range(first + 1, free.stop):
                longer = (*history[:index], first, second, *history[index:])
                size = _norm(columns, longer)
                if size > best:
                    best, found = size, longer
    return found
