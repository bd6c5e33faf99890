"""Draws the measurements of a release: an exact integer query plus exact integer noise, drawn only once.

The work is the same whatever the counts are: noise is drawn for every stream and every step so far, and what
is not due is discarded unseen. Otherwise the duration of a release would tell which counts have reached k.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privacy.mechanism.accounting import Calibration
from privacy.mechanism.discrete_gaussian import DiscreteGaussian
from privacy.mechanism.entropy import EntropySource
from privacy.release.history import StreamRecords


@dataclass(frozen=True)
class Measured:
    """The measurements of several series.

    Args:
        known: which streams are measured, shape (series, streams).
        values: measurements, shape (series, streams, steps); zero for a stream that is not measured, and
            after the current step.
        drawn: measurements drawn for this release, to be written once.
    """

    known: NDArray[np.bool_]
    values: NDArray[np.int64]
    drawn: StreamRecords


def measure(
    net: StreamRecords,
    exact: NDArray[np.int64],
    steps: NDArray[np.intp],
    before: StreamRecords,
    calibration: Calibration,
    entropy: EntropySource,
    *,
    equal_work: bool = True,
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
        equal_work: false to draw only what is kept. That changes no measurement's distribution, and is for
            samples of the audit and for a past that is told in one go, which nobody times.

    Raises:
        OverflowError: a count exceeds the range of exact 64-bit arithmetic.
    """
    shape = (*exact.shape, int(steps.max()) + 1)
    known = np.zeros(exact.shape, np.bool_)
    known[before.series_index, before.streams] = True
    reached = exact >= calibration.min_counts
    worked = np.ones_like(known) if equal_work else known | reached
    series_index, streams = np.nonzero(worked)
    so_far = np.arange(shape[2]) <= steps[series_index, None]
    due = _select_due(known[worked], reached[worked], steps[series_index], so_far)
    fresh = calibration.factorisation.encode(net.lay_out(shape)[worked])
    drawn_at = so_far if equal_work else due
    scales = np.broadcast_to(calibration.stream_scales[streams, None], fresh.shape)[drawn_at]
    fresh[drawn_at] += _draw_noise(scales, entropy)
    values = before.lay_out(shape)
    values[worked] = np.where(due, fresh, values[worked])
    rows, at = np.nonzero(due)
    drawn = StreamRecords(series_index[rows], streams[rows], at, fresh[due])
    return Measured(known | reached, values, drawn)


def _select_due(
    known: NDArray[np.bool_], reached: NDArray[np.bool_], steps: NDArray[np.intp], so_far: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Select what is kept: a known stream's current step, and all steps so far of a stream that is new.

    Args:
        known: which rows were measured before, shape (rows,).
        reached: which have their minimum count now, the same shape.
        steps: the current step of each row, the same shape.
        so_far: which steps are not after the current one, shape (rows, steps).
    """
    now = np.arange(so_far.shape[1]) == steps[:, None]
    return so_far & np.where(known[:, None], now, reached[:, None])


def _draw_noise(scales: NDArray[np.int64], entropy: EntropySource) -> NDArray[np.int64]:
    """Draw independent noise, one value per scale, shape (len(scales),)."""
    noise = np.empty(scales.shape, np.int64)
    for scale in np.unique(scales).tolist():
        selected = scales == scale
        noise[selected] = DiscreteGaussian(scale=scale, entropy=entropy).noise(int(selected.sum()))
    return noise
