"""Which numbers may be published: hard k-anonymity, with a pre-threshold that makes the hard check safe.

The exact check alone would give away the moment when a count crosses k. The margin makes the estimate clear k
by so much that a count which has just crossed it is shown with probability at most the gate's delta
(pre-thresholding, as in Google's differential-privacy library, carried over to continual release):
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
    """Decide for each number whether it may be shown.

    Args:
        exact: exact counts n, shape (series, streams).
        estimates: n̂, the same shape.
        margins: how far n̂ must clear `least`, the same shape.
        least: the count from which on there are certainly k accounts behind a number, by stream.

    Returns:
        The same shape.
    """
    passed: NDArray[np.bool_] = (exact >= least) & (estimates >= least + margins)
    return passed
