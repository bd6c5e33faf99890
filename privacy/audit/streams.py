"""Checks single streams: samples the engine's measurements on two neighbouring datasets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from privacy.audit.check import Check
from privacy.audit.neighbouring_streams import NeighbouringStreams
from privacy.audit.noise_dependence import CorrelationSums, RepetitionCounts
from privacy.audit.noise_sections import NoiseSample, dependence_section, shape_section
from privacy.audit.noise_shape import ShapeCounts
from privacy.audit.report_model import Section
from privacy.audit.stream_sections import StreamHits, bound_section, support_section
from privacy.mechanism.entropy import EntropySource


@dataclass(frozen=True)
class Sampled:
    """Samples of one dataset.

    Args:
        hits: of the output sets.
        noise: the sorted noise.
    """

    hits: StreamHits
    noise: NoiseSample

    def __add__(self, other: Sampled) -> Sampled:
        """Returns the sum of both."""
        return Sampled(self.hits + other.hits, self.noise + other.noise)


def stream_check(
    name: str, streams: NeighbouringStreams, entropy: EntropySource, jobs: int, *, require_power: bool
) -> Check:
    """Makes the check of ε of single streams, and of shape, support and independence of their noise.

    Args:
        name: of the kinds with this mechanism.
        streams: the two datasets.
        entropy: source of the noise.
        jobs: number of jobs per dataset.
        require_power: whether bounds must reach the share `REACH` of their claims.
    """
    share = -(-streams.samples // jobs)
    work = [
        partial(_sample, streams, neighbour, share, entropy)
        for neighbour in (False, True)
        for _ in range(jobs)
    ]

    def conclude(results: Sequence[Sampled]) -> Sequence[Section]:
        without, with_groups = reduce(add, results[:jobs]), reduce(add, results[jobs:])
        return (
            bound_section(name, streams, without.hits, with_groups.hits, require_power=require_power),
            support_section(name, streams, without.hits, with_groups.hits),
            shape_section(name, without.noise, with_groups.noise),
            dependence_section(name, without.noise + with_groups.noise),
        )

    return Check(f"single streams, {name}", tuple(work), conclude)


def _sample(streams: NeighbouringStreams, neighbour: bool, releases: int, entropy: EntropySource) -> Sampled:
    return reduce(add, _sample_batches(streams, neighbour, releases, entropy))


def _sample_batches(
    streams: NeighbouringStreams, neighbour: bool, releases: int, entropy: EntropySource
) -> Iterator[Sampled]:
    """Yields the samples of each batch; a batch is one call of the engine."""
    scales = streams.calibration.stream_scales[streams.streams]
    before: NDArray[np.float64] | None = None
    for measured in streams.measure(neighbour, releases, entropy):
        noise = measured - streams.shifts if neighbour else measured
        flat = noise.reshape(len(noise), -1)
        shapes, repetitions = {}, {}
        for scale in np.unique(scales).tolist():
            drawn = np.rint(noise[:, scales == scale] * scale).astype(np.int64)
            shapes[scale] = ShapeCounts.of_call(scale, drawn)
            repetitions[scale] = RepetitionCounts.of_call(scale, drawn)
        correlations = CorrelationSums.from_noise(flat, before)
        before = flat
        yield Sampled(StreamHits.of_batch(streams, measured), NoiseSample(shapes, repetitions, correlations))
