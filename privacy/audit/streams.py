"""Single streams: samples the engine's measurements in two neighbouring worlds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from privacy.audit.check import Check
from privacy.audit.noise_statistics import CorrelationSums, exact_bins
from privacy.audit.report_model import Section
from privacy.audit.stream_sections import WRONG_SCALE, Sampled, bound_section, noise_section
from privacy.audit.stream_worlds import StreamWorlds
from privacy.mechanism.entropy import EntropySource

if TYPE_CHECKING:
    from numpy.typing import NDArray


def stream_check(
    name: str, worlds: StreamWorlds, entropy: EntropySource, jobs: int, *, exacting: bool
) -> Check:
    """Bounds on ε of single streams, and the fit and independence of the noise behind them.

    Args:
        name: of the kinds that have this mechanism.
        worlds: what is sampled.
        entropy: where the noise comes from.
        jobs: into how many jobs each world is cut.
        exacting: whether bounds must reach the share `REACH` of their claims.
    """
    share = -(-worlds.samples // jobs)
    work = [
        partial(_sample, worlds, neighbour, share, entropy)
        for neighbour in (False, True)
        for _ in range(jobs)
    ]

    def conclude(results: Sequence[Sampled]) -> Sequence[Section]:
        base, neighbour = results[:jobs], results[jobs:]
        return bound_section(name, worlds, base, neighbour, exacting=exacting), noise_section(name, base)

    return Check(f"single streams, {name}", tuple(work), conclude)


def _sample(worlds: StreamWorlds, neighbour: bool, releases: int, entropy: EntropySource) -> Sampled:
    directions = worlds.shifts / np.linalg.norm(worlds.shifts, axis=1)[:, None]
    of_all = worlds.shifts[:-1] / np.linalg.norm(worlds.shifts[:-1])
    scales = worlds.calibration.stream_scales[worlds.streams]
    thresholds = np.array([event.threshold for event in worlds.events])
    hits = np.zeros(len(thresholds) + 1, np.int64)
    fit = {int(scale): np.zeros(len(exact_bins(int(scale)).probabilities), np.int64) for scale in set(scales)}
    misfit = {scale: np.zeros(len(exact_bins(scale * WRONG_SCALE).probabilities), np.int64) for scale in fit}
    together: CorrelationSums | None = None
    before: NDArray[np.float64] | None = None
    for noise in worlds.noise(neighbour, releases, entropy):
        hits[:-1] += (np.einsum("rst,st->rs", noise, directions) >= thresholds).sum(axis=0)
        hits[-1] += (np.einsum("rst,st->r", noise[:, :-1], of_all) >= worlds.event_of_all.threshold).sum()
        if neighbour:
            continue
        for scale in fit:
            drawn = np.rint(noise[:, scales == scale] * scale).astype(np.int64)
            fit[scale] += exact_bins(scale).counts(drawn)
            misfit[scale] += exact_bins(scale * WRONG_SCALE).counts(drawn)
        flat = noise.reshape(len(noise), -1)
        batch = CorrelationSums.of(flat, before)
        together, before = (together + batch if together else batch), flat
    return Sampled(hits, releases, fit, misfit, together)
