"""Draws the measurements of a release: an exact integer query plus exact integer noise, once and for ever."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from privacy.mechanism.accounting import Calibration
from privacy.mechanism.discrete_gaussian import DiscreteGaussian
from privacy.mechanism.entropy import EntropySource
from privacy.release.history import StreamRecords

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Measured:
    """The measured streams of several series, one row a stream.

    Args:
        places: which row a stream of a series has, −1 where it is not measured, shape (series, streams).
        owners: the series of each row, shape (rows,).
        streams: its stream, shape (rows,).
        net: exact net changes, shape (rows, steps): read by the query and the gate only.
        values: measurements, the same shape, zero past the current step.
        drawn: the measurements of this release, to be written once.
    """

    places: NDArray[np.intp]
    owners: NDArray[np.intp]
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
    """Measure every stream that was measured before or now reaches its least count.

    A stream that reaches it for the first time is measured at all its steps so far, each from its own exact
    net changes: when that happens depends on other people, so the steps must not be lumped into one.

    Args:
        net: exact net changes of all steps up to the current ones.
        exact: their sums, shape (series, streams).
        steps: the current step of each series, shape (series,).
        before: the measurements of earlier releases.
        calibration: encoder and noise scales.
        entropy: where the noise comes from.

    Raises:
        OverflowError: a count is beyond what exact 64-bit arithmetic carries.
    """
    known = np.zeros(exact.shape, np.bool_)
    known[before.owners, before.streams] = True
    owners, streams = np.nonzero(known | (exact >= calibration.min_counts))
    places = np.full(exact.shape, -1, np.intp)
    places[owners, streams] = np.arange(len(owners))
    width = int(steps.max()) + 1
    changes = net.rows(places, len(owners), width)
    values = before.rows(places, len(owners), width)
    rows, at = _to_draw(known[owners, streams], steps[owners])
    noise = _noise(calibration.stream_scales[streams[rows]], entropy)
    values[rows, at] = calibration.factorisation.encode(changes[rows], at) + noise
    drawn = StreamRecords(owners[rows], streams[rows], at, values[rows, at])
    return Measured(places, owners, streams, changes, values, drawn)


def _to_draw(known: NDArray[np.bool_], steps: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which rows to draw at which steps: a known row at its current one, a fresh one at all so far."""
    counts = np.where(known, 1, steps + 1)
    rows = np.repeat(np.arange(len(known)), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    at = np.arange(counts.sum()) - first + np.where(known, steps, 0)[rows]
    return rows, at


def _noise(scales: NDArray[np.int64], entropy: EntropySource) -> NDArray[np.int64]:
    """Independent noise, one draw for each scale, shape (len(scales),)."""
    noise = np.empty(scales.shape, np.int64)
    for scale in np.unique(scales).tolist():
        places = scales == scale
        noise[places] = DiscreteGaussian(scale=scale, entropy=entropy).noise(int(places.sum()))
    return noise
