"""Reconciles all breakdowns of several series with their totals, and computes what is left of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privacy.mechanism.reconcile import reconcile
from privacy.release.selection import HalfWidths, reconciled_half_widths, selected_half_widths


@dataclass(frozen=True)
class Gated:
    """Estimates and what passed the gate; all arrays have the shape (series, streams).

    Args:
        estimates: not rounded.
        deviations: their standard deviations.
        widths: their 95 % intervals, corrected for selection.
        passed: whether their numbers may be shown.
    """

    estimates: NDArray[np.float64]
    deviations: NDArray[np.float64]
    widths: HalfWidths
    passed: NDArray[np.bool_]


@dataclass(frozen=True)
class Consistent:
    """Numbers that add up, around centres with half widths; every array has shape (series, numbers)."""

    values: NDArray[np.int64]
    centres: NDArray[np.float64]
    widths: HalfWidths
    shown: NDArray[np.bool_]


def reconcile_breakdowns(
    gated: Gated, total: int, breakdowns: Sequence[slice], *, k: int, z: float
) -> tuple[Consistent, Consistent]:
    """Reconcile the cells of each breakdown with the total.

    All breakdowns are computed together, as rows of equal length: the shorter ones are padded with cells that
    never pass.

    Args:
        gated: estimates of all streams.
        total: the stream of the totals.
        breakdowns: the streams of each breakdown.
        k: what an `other` reaches at least if it is shown,
        z: and by how many of its deviations it clears that.

    Returns:
        The numbers of all streams, and the `other` cell of each breakdown.
    """
    series = len(gated.estimates)
    grid = _Grid.of(breakdowns)

    def repeat_total(streams: NDArray[Any]) -> NDArray[Any]:
        """Return what belongs to the total, once for each breakdown of each series."""
        return np.repeat(streams[:, total], len(breakdowns))

    part = reconcile(
        repeat_total(gated.estimates),
        repeat_total(gated.deviations),
        grid.gather(gated.estimates),
        gated.deviations[:, grid.columns[:, 0]].ravel(),
        grid.gather(gated.passed) & np.tile(grid.is_cell, (series, 1)),
        np.tile(grid.is_cell.sum(axis=1), series),
    )
    of_totals = HalfWidths(repeat_total(gated.widths.below), repeat_total(gated.widths.above))
    of_cells = HalfWidths(grid.gather(gated.widths.below), grid.gather(gated.widths.above))
    corrected, rest = reconciled_half_widths(of_totals, of_cells, part.shown, part.tied)
    thresholds = k + z * part.other_deviations
    own = selected_half_widths(part.other.astype(np.float64), part.other_deviations, thresholds)
    is_shown = (part.other >= thresholds) & repeat_total(gated.passed)
    shape = (series, len(breakdowns))
    others = part.other.reshape(shape)
    widest = rest.widest(own)
    return (
        Consistent(
            grid.scatter(part.values, np.rint(gated.estimates).astype(np.int64)),
            grid.scatter(part.centres, gated.estimates),
            HalfWidths(
                grid.scatter(corrected.below, gated.widths.below),
                grid.scatter(corrected.above, gated.widths.above),
            ),
            grid.scatter(part.shown, gated.passed),
        ),
        Consistent(
            others,
            others.astype(np.float64),
            HalfWidths(widest.below.reshape(shape), widest.above.reshape(shape)),
            is_shown.reshape(shape),
        ),
    )


@dataclass(frozen=True)
class _Grid:
    """The cells of all breakdowns, padded to rows of equal length.

    Args:
        columns: the stream of each cell, shape (breakdowns, cells).
        is_cell: false for the padding, the same shape.
    """

    columns: NDArray[np.intp]
    is_cell: NDArray[np.bool_]

    @classmethod
    def of(cls, breakdowns: Sequence[slice]) -> _Grid:
        starts = np.array([cells.start for cells in breakdowns], np.intp)[:, None]
        ends = np.array([cells.stop for cells in breakdowns], np.intp)[:, None]
        columns = starts + np.arange(max((cells.stop - cells.start for cells in breakdowns), default=1))
        return cls(np.minimum(columns, ends - 1), columns < ends)

    def gather(self, streams: NDArray[Any]) -> NDArray[Any]:
        """Return a row for each breakdown of each series, shape (series · breakdowns, cells)."""
        breakdowns, cells = self.columns.shape
        return streams[:, self.columns.ravel()].reshape(len(streams) * breakdowns, cells)

    def scatter(self, rows: NDArray[Any], streams: NDArray[Any]) -> NDArray[Any]:
        """Return a copy of the streams with the cells of the rows in their places."""
        result = streams.copy()
        is_cell = self.is_cell.ravel()
        result[:, self.columns.ravel()[is_cell]] = rows.reshape(len(streams), is_cell.size)[:, is_cell]
        return result
