"""The flaw that the moment of a release tells of: noise is drawn only where it is due."""

import numpy as np
from numpy.typing import NDArray

from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource
from privacy.release import measure
from privacy.release.history import StreamRecords


def measure_what_is_due(
    net: StreamRecords,
    exact: NDArray[np.int64],
    steps: NDArray[np.intp],
    before: StreamRecords,
    calibration: Calibration,
    entropy: EntropySource,
) -> measure.Measured:
    """Measures as `measure.measure` does, with the same distribution, but draws nothing that is not kept."""
    shape = (*exact.shape, int(steps.max()) + 1)
    known = np.zeros(exact.shape, np.bool_)
    known[before.series_index, before.streams] = True
    reached = exact >= calibration.min_counts
    so_far = np.broadcast_to(np.arange(shape[2]) <= steps[:, None, None], shape)
    due = measure._select_due(known, reached, steps, so_far)
    series_index, streams, at = np.nonzero(due)
    encoded = calibration.factorisation.encode(net.lay_out(shape))[due]
    drawn = encoded + measure._draw_noise(calibration.stream_scales[streams], entropy)
    values = before.lay_out(shape)
    values[due] = drawn
    return measure.Measured(known | reached, values, StreamRecords(series_index, streams, at, drawn))
