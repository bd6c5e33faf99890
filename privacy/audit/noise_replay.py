"""Draws the noise of one call of the release engine with the audit's own sampler."""

import numpy as np
from numpy.typing import NDArray

from privacy.audit.reference_sampler import ReferenceSampler
from privacy.audit.target_histories import TargetHistories
from privacy.release.history import MEASUREMENT


def draw_again(
    targets: TargetHistories,
    reached: NDArray[np.bool_],
    scales: NDArray[np.int64],
    sampler: ReferenceSampler,
    *,
    equal_work: bool,
) -> NDArray[np.int64]:
    """Returns the noise that a release of these targets draws, shape (targets, streams, steps).

    Args:
        targets: the targets before the release.
        reached: the streams of each target that have reached their minimum count now.
        scales: noise scale of each stream.
        sampler: draws from what the engine read, or writes what it will read.
        equal_work: whether the engine also draws the noise that it discards.

    Raises:
        ReplayError: the engine read its entropy in another way.
    """
    drawn = np.full((*reached.shape, targets.epoch - targets.first_epoch + 1), equal_work)
    if not equal_work:
        drawn[reached] = True
        for target, (_, measurements) in enumerate(targets.histories):
            known = np.unique(np.frombuffer(measurements, MEASUREMENT)["stream"])
            drawn[target, known, :-1] = False
            drawn[target, known, -1] = True
    return draw_where(drawn, scales, sampler)


def draw_where(
    drawn: NDArray[np.bool_], scales: NDArray[np.int64], sampler: ReferenceSampler
) -> NDArray[np.int64]:
    """Returns the noise of a release that draws at these steps, zero elsewhere, in the engine's order.

    The engine draws scale by scale, from the smallest on; for one scale target by target, stream by stream,
    step by step.

    Args:
        drawn: whether the engine draws, shape (targets, streams, steps).
        scales: noise scale of each stream.
        sampler: as in `draw_again`.

    Raises:
        ReplayError: the engine read its entropy in another way.
    """
    noise = np.zeros(drawn.shape, np.int64)
    for scale in np.unique(scales[drawn.any(axis=(0, 2))]).tolist():
        selected = drawn & (scales == scale)[:, None]
        noise[selected] = sampler.draw(scale, int(selected.sum()))
    return noise
