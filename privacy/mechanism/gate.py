"""The gate: hard k-anonymity, with a pre-threshold that makes the exact check safe.

The exact check alone would reveal the moment when a count crosses k. The margin requires the estimate to
clear k by so much that a count that has just crossed it is shown with probability at most the gate's delta
(pre-thresholding, as in Google's differential-privacy library, applied to continual release):
`docs/proofs/gate.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def passes_gate(
    exact: NDArray[np.int64],
    estimates: NDArray[np.float64],
    margins: NDArray[np.float64],
    least: NDArray[np.int64] | int,
) -> NDArray[np.bool_]:
    """Decide for each number whether it may be published.

    Args:
        exact: exact counts n, shape (series, streams).
        estimates: n̂, the same shape.
        margins: how far n̂ must exceed `least`, the same shape.
        least: minimum count at which a number certainly covers k accounts, by stream.

    Returns:
        The same shape.
    """
    passed: NDArray[np.bool_] = (exact >= least) & (estimates >= least + margins)
    return passed
