"""Checks single streams: samples the engine's measurements on two neighbouring datasets."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from privacy.audit.check import Check
from privacy.audit.neighbouring_streams import NeighbouringStreams
from privacy.audit.noise_statistics import CorrelationSums, exact_bins
from privacy.audit.report_model import Section
from privacy.audit.stream_sections import WRONG_SCALE, Sampled, bound_section, noise_section
from privacy.mechanism.entropy import EntropySource


def stream_check(
    name: str, streams: NeighbouringStreams, entropy: EntropySource, jobs: int, *, require_power: bool
) -> Check:
    """Makes the check of ε of single streams and of the fit and independence of their noise.

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
        base, neighbour = results[:jobs], results[jobs:]
        return bound_section(name, streams, base, neighbour, require_power=require_power), noise_section(
            name, base
        )

    return Check(f"single streams, {name}", tuple(work), conclude)


def _sample(streams: NeighbouringStreams, neighbour: bool, releases: int, entropy: EntropySource) -> Sampled:
    directions = streams.shifts / np.linalg.norm(streams.shifts, axis=1)[:, None]
    of_all = streams.shifts[:-1] / np.linalg.norm(streams.shifts[:-1])
    scales = streams.calibration.stream_scales[streams.streams]
    thresholds = np.array([half_line.threshold for half_line in streams.half_lines])
    hits = np.zeros(len(thresholds) + 1, np.int64)
    fit = {int(scale): np.zeros(len(exact_bins(int(scale)).probabilities), np.int64) for scale in set(scales)}
    misfit = {scale: np.zeros(len(exact_bins(scale * WRONG_SCALE).probabilities), np.int64) for scale in fit}
    correlations: CorrelationSums | None = None
    before: NDArray[np.float64] | None = None
    for noise in streams.noise(neighbour, releases, entropy):
        hits[:-1] += (np.einsum("rst,st->rs", noise, directions) >= thresholds).sum(axis=0)
        hits[-1] += (np.einsum("rst,st->r", noise[:, :-1], of_all) >= streams.joint_half_line.threshold).sum()
        if neighbour:
            continue
        for scale in fit:
            drawn = np.rint(noise[:, scales == scale] * scale).astype(np.int64)
            fit[scale] += exact_bins(scale).counts(drawn)
            misfit[scale] += exact_bins(scale * WRONG_SCALE).counts(drawn)
        flat = noise.reshape(len(noise), -1)
        batch = CorrelationSums.from_noise(flat, before)
        correlations, before = (correlations + batch if correlations else batch), flat
    return Sampled(hits, releases, fit, misfit, correlations)
