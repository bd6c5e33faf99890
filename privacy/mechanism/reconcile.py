"""Makes a breakdown consistent with its total, from published estimates only: this is post-processing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Reconciled:
    """A reconciled breakdown of several series.

    Args:
        values: integers, shape (series, cells); meaningful where `shown`.
        centres: the estimates behind them, before rounding, the same shape.
        deviations: their standard deviations, the same shape.
        shown: which cells are shown, the same shape.
        tied: which breakdowns were corrected so that their shown cells add up to the total, shape (series,).
        other: total less the shown cells, shape (series,).
        other_deviations: shape (series,).
    """

    values: NDArray[np.int64]
    centres: NDArray[np.float64]
    deviations: NDArray[np.float64]
    shown: NDArray[np.bool_]
    tied: NDArray[np.bool_]
    other: NDArray[np.int64]
    other_deviations: NDArray[np.float64]


def reconcile(
    totals: NDArray[np.float64],
    total_deviations: NDArray[np.float64],
    cells: NDArray[np.float64],
    cell_deviations: NDArray[np.float64],
    passed: NDArray[np.bool_],
    sizes: NDArray[np.intp] | None = None,
) -> Reconciled:
    """Reconcile the cells that passed the gate with their total, by weighted least squares.

    If every cell is shown, they must add up to the total; if some are withheld, they must not exceed it.
    All cells of one breakdown have one variance v, so the correction is the same for each: for m cells, with
    the total's variance u, a corrected cell has the variance v·(1 − 1/m) + u/m².

    Args:
        totals: estimates of the totals, shape (series,).
        total_deviations: shape (series,).
        cells: estimates, shape (series, cells).
        cell_deviations: standard deviation of every cell, shape (series,).
        passed: which cells passed the gate, shape (series, cells).
        sizes: how many cells each breakdown has, shape (series,), where some columns are only padding, which
            has not passed; None if none is.

    Returns:
        The breakdown whose shown values and `other` add up to the rounded total, all non-negative.
    """
    counts = passed.sum(axis=1)
    m = np.maximum(counts, 1)
    missing = totals - np.where(passed, cells, 0.0).sum(axis=1)
    tied = (counts == (passed.shape[1] if sizes is None else sizes)) | ((missing < 0) & (counts > 0))
    centres = cells + np.where(tied, missing / m, 0.0)[:, None]
    # A correction below zero would need a contradiction of very many deviations; then no cell is shown.
    sound: NDArray[np.bool_] = ~np.any(passed & (centres < 0), axis=1)
    shown = passed & sound[:, None]
    counts = np.where(sound, counts, 0)
    cell_variances, total_variances = cell_deviations**2, total_deviations**2
    tied_variances = cell_variances * (1 - 1 / m) + total_variances / m**2
    values, other = _round_to_total(totals, centres, shown, tied & sound)
    return Reconciled(
        values=values,
        centres=centres,
        deviations=np.broadcast_to(
            np.sqrt(np.where(tied, tied_variances, cell_variances))[:, None], cells.shape
        ),
        shown=shown,
        tied=tied & sound,
        other=other,
        other_deviations=np.sqrt(total_variances + counts * cell_variances),
    )


def _round_to_total(
    totals: NDArray[np.float64],
    centres: NDArray[np.float64],
    shown: NDArray[np.bool_],
    tied: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Round cells and `other` so that they add up to the rounded total: largest remainders first."""
    parts = np.where(shown, centres, 0.0)
    other = np.where(tied, 0.0, totals - parts.sum(axis=1))
    parts = np.concatenate([parts, other[:, None]], axis=1)
    may_round_up = np.concatenate([shown, ~tied[:, None]], axis=1)
    # The tolerance keeps a sum that is an integer up to float error from being floored to one less.
    floors = np.floor(parts + FLOAT_TOLERANCE)
    short = np.rint(totals).astype(np.int64) - floors.sum(axis=1).astype(np.int64)
    remainders = np.where(may_round_up, parts - floors, -np.inf)
    rank = np.argsort(np.argsort(-remainders, axis=1, kind="stable"), axis=1, kind="stable")
    rounded = floors.astype(np.int64) + (rank < short[:, None])
    return rounded[:, :-1], rounded[:, -1]


FLOAT_TOLERANCE = 1e-6
