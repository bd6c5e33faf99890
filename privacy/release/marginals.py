"""Computes the net change of every statistic stream from a log of changes, in integers only."""

import numpy as np
from numpy.typing import NDArray

from privacy.model.change import CHANGE_BITS, GAINED
from privacy.model.dimension import UNDISCLOSED_EVERYWHERE
from privacy.policy.policy import Policy


def compute_net_changes(
    series_index: NDArray[np.intp], changes: NDArray[np.uint32], series: int, policy: Policy
) -> NDArray[np.int64]:
    """Add up changes by stream.

    Args:
        series_index: index of the series of each change, shape (changes,).
        changes: codes made by `privacy.model.change.change_code`, shape (changes,).
        series: number of series.
        policy: its dimensions define the joint cells.

    Returns:
        Net change of each stream, shape (series, streams); removals never decrease.
    """
    layout = policy.layout
    width = layout.count
    base = series_index * width
    change = changes & ((1 << CHANGE_BITS) - 1)
    joint = changes >> CHANGE_BITS
    joint = np.where(joint == UNDISCLOSED_EVERYWHERE, policy.domain.undisclosed_code, joint).astype(np.uint32)
    lost = np.flatnonzero(change != GAINED)
    net = np.zeros(series * width, np.int64)

    def add(streams: NDArray[np.intp]) -> None:
        net[:] += np.bincount(streams, minlength=net.size)
        if lost.size:
            net[:] -= 2 * np.bincount(streams[lost], minlength=net.size)

    add(base + layout.total)
    for dimension, cells_at in zip(layout.dimensions, layout.breakdowns, strict=True):
        whole = joint // np.uint32(policy.domain.stride_of[dimension.name])
        cells = np.uint32(len(dimension.cells))
        # The remainder, by operations that NumPy vectorises, unlike `%`.
        add(base + cells_at.start + (whole - whole // cells * cells))
    if lost.size:
        removed = base[lost] + layout.removals.start + (change[lost].astype(np.intp) - 1)
        net[:] += np.bincount(removed, minlength=net.size)
    return net.reshape(series, width)
