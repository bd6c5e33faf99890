"""Draws the measurements of a release: an exact integer query plus exact integer noise, drawn only once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privacy.mechanism.accounting import Calibration
from privacy.mechanism.discrete_gaussian import DiscreteGaussian
from privacy.mechanism.entropy import EntropySource
from privacy.release.history import StreamRecords


@dataclass(frozen=True)
class Measured:
    """The measured streams of several series, one row per stream.

    Args:
        row_index: row of each stream of each series, −1 if it is not measured, shape (series, streams).
        series_index: index of the series of each row, shape (rows,).
        streams: stream of each row, shape (rows,).
        net: exact net changes, shape (rows, steps); read only by the query and the gate.
        values: measurements, same shape, zero after the current step.
        drawn: measurements drawn for this release, to be written once.
    """

    row_index: NDArray[np.intp]
    series_index: NDArray[np.intp]
    streams: NDArray[np.intp]
    net: NDArray[np.int64]
    values: NDArray[np.int64]
    drawn: StreamRecords


def measure(
    net: StreamRecords,
    exact: NDArray[np.int64],
    steps: NDArray[np.intp],
    before: StreamRecords,
    calibration: Calibration,
    entropy: EntropySource,
) -> Measured:
    """Measure every stream that was measured before or now reaches its minimum count.

    A stream that reaches it for the first time is measured at all its steps so far, each from its own exact
    net changes: the moment depends on other people, so the steps must not be merged into one.

    Args:
        net: exact net changes of all steps up to the current ones.
        exact: their sums, shape (series, streams).
        steps: the current step of each series, shape (series,).
        before: the measurements of earlier releases.
        calibration: encoder and noise scales.
        entropy: source of the noise.

    Raises:
        OverflowError: a count exceeds the range of exact 64-bit arithmetic.
    """
    known = np.zeros(exact.shape, np.bool_)
    known[before.series_index, before.streams] = True
    series_index, streams = np.nonzero(known | (exact >= calibration.min_counts))
    row_index = np.full(exact.shape, -1, np.intp)
    row_index[series_index, streams] = np.arange(len(series_index))
    width = int(steps.max()) + 1
    changes = net.lay_out(row_index, len(series_index), width)
    values = before.lay_out(row_index, len(series_index), width)
    rows, at = _select_draws(known[series_index, streams], steps[series_index])
    noise = _draw_noise(calibration.stream_scales[streams[rows]], entropy)
    values[rows, at] = calibration.factorisation.encode(changes[rows], at) + noise
    drawn = StreamRecords(series_index[rows], streams[rows], at, values[rows, at])
    return Measured(row_index, series_index, streams, changes, values, drawn)


def _select_draws(
    known: NDArray[np.bool_], steps: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Select rows and steps to draw: a known row at its current step, a new row at all steps so far."""
    counts = np.where(known, 1, steps + 1)
    rows = np.repeat(np.arange(len(known)), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    at = np.arange(counts.sum()) - first + np.where(known, steps, 0)[rows]
    return rows, at


def _draw_noise(scales: NDArray[np.int64], entropy: EntropySource) -> NDArray[np.int64]:
    """Draw independent noise, one value per scale, shape (len(scales),)."""
    noise = np.empty(scales.shape, np.int64)
    for scale in np.unique(scales).tolist():
        selected = scales == scale
        noise[selected] = DiscreteGaussian(scale=scale, entropy=entropy).noise(int(selected.sum()))
    return noise
