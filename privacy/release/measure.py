"""Draws the measurements of a release: an exact integer query plus exact integer noise, once and for ever."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from privacy.mechanism.discrete_gaussian import DiscreteGaussian
from privacy.release.history import Records

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from privacy.mechanism.accounting import Calibration
    from privacy.mechanism.entropy import EntropySource


@dataclass(frozen=True)
class Measured:
    """What a release knows of several series after measuring.

    Args:
        drawn: the measurements of this release, to be written once.
        values: all measurements, shape (series, streams, steps), zero where there is none.
        streams: which streams are measured, shape (series, streams).
    """

    drawn: Records
    values: NDArray[np.int64]
    streams: NDArray[np.bool_]


def measure(
    net: NDArray[np.int64],
    steps: NDArray[np.intp],
    before: Records,
    calibration: Calibration,
    entropy: EntropySource,
) -> Measured:
    """Measure every stream that was measured before or now reaches k.

    A stream that reaches k for the first time is measured at all its steps so far, each from its own exact net
    changes: when that happens depends on other people, so the steps must not be lumped into one.

    Args:
        net: exact net changes, shape (series, streams, steps); zero past the current step of a series.
        steps: the current step of each series, shape (series,).
        before: the measurements of earlier releases.
        calibration: encoder and noise scales.
        entropy: where the noise comes from.
    """
    known = np.zeros(net.shape[:2], np.bool_)
    known[before.owners, before.streams] = True
    fresh = ~known & (net.sum(axis=2) >= calibration.policy.k)
    owners, streams, at = _places(known, fresh, steps)
    queries = _encoded(net, owners, streams, at, calibration)
    values = queries + _noise(calibration.stream_scales[streams], entropy)
    drawn = Records(owners, streams, at, values)
    dense = before.dense(net.shape)
    dense[owners, streams, at] = values
    return Measured(drawn, dense, known | fresh)


def _places(
    known: NDArray[np.bool_], fresh: NDArray[np.bool_], steps: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Where to draw: series, streams and steps. Known streams at the current step, fresh ones at all so far."""
    known_owners, known_streams = np.nonzero(known)
    owners, streams = np.nonzero(fresh)
    repeats = steps[owners] + 1
    ends = np.cumsum(repeats)
    fresh_steps = np.arange(repeats.sum()) - np.repeat(ends - repeats, repeats)
    return (
        np.concatenate([known_owners, np.repeat(owners, repeats)]),
        np.concatenate([known_streams, np.repeat(streams, repeats)]),
        np.concatenate([steps[known_owners], fresh_steps]),
    )


def _encoded(
    net: NDArray[np.int64],
    owners: NDArray[np.intp],
    streams: NDArray[np.intp],
    at: NDArray[np.intp],
    calibration: Calibration,
) -> NDArray[np.int64]:
    """The exact integer query (C·x)_at of each place.

    Raises:
        OverflowError: it might not fit 64 bits.
    """
    if not len(owners):
        return np.zeros(0, np.int64)
    encoder = calibration.factorisation.encoder[:, : net.shape[2]]
    if net.size and int(np.abs(net).max()) * int(encoder.sum(axis=1).max()) > MAX_QUERY:
        raise OverflowError("net: an encoded value might not fit 64 bits")
    encoded: NDArray[np.int64] = np.einsum("ds,ds->d", encoder[at], net[owners, streams])
    return encoded


MAX_QUERY = 2**61
"""Leaves room for any noise within 64 bits."""


def _noise(scales: NDArray[np.int64], entropy: EntropySource) -> NDArray[np.int64]:
    """Independent noise, one draw for each scale, shape (places,)."""
    noise = np.empty(scales.shape, np.int64)
    for scale in np.unique(scales).tolist():
        places = scales == scale
        noise[places] = DiscreteGaussian(scale=scale, entropy=entropy).noise(int(places.sum()))
    return noise
