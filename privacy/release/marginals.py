"""From the log of changes to the net change of every statistic stream. Integers only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from privacy.model.change import CHANGE_BITS, GAINED
from privacy.model.dimension import UNDISCLOSED_EVERYWHERE
from privacy.policy.policy import Policy

if TYPE_CHECKING:
    from numpy.typing import NDArray


def net_changes(
    owners: NDArray[np.intp], changes: NDArray[np.uint32], series: int, policy: Policy
) -> NDArray[np.int64]:
    """Add up changes by stream.

    Args:
        owners: which series each change belongs to, shape (changes,).
        changes: codes as `privacy.model.change.change_code` makes them, shape (changes,).
        series: number of series.
        policy: its dimensions say what a joint cell is.

    Returns:
        Net change of each stream, shape (series, streams); removals only ever grow.
    """
    layout = policy.layout
    width = layout.count
    base = owners * width
    what = changes & ((1 << CHANGE_BITS) - 1)
    joint = changes >> CHANGE_BITS
    joint = np.where(joint == UNDISCLOSED_EVERYWHERE, policy.domain.undisclosed_code, joint).astype(np.uint32)
    lost = np.flatnonzero(what != GAINED)
    net = np.zeros(series * width, np.int64)

    def add(streams: NDArray[np.intp]) -> None:
        net[:] += np.bincount(streams, minlength=net.size)
        if lost.size:
            net[:] -= 2 * np.bincount(streams[lost], minlength=net.size)

    add(base + layout.total)
    for dimension, stride, place in zip(
        policy.domain.dimensions, policy.domain.strides, layout.breakdowns, strict=True
    ):
        whole = joint // np.uint32(stride)
        cells = np.uint32(len(dimension.cells))
        # The remainder, by operations that NumPy vectorises; `%` is none of them.
        add(base + place.start + (whole - whole // cells * cells))
    if lost.size:
        removed = base[lost] + layout.removals.start + (what[lost].astype(np.intp) - 1)
        net[:] += np.bincount(removed, minlength=net.size)
    return net.reshape(series, width)
