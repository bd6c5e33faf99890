"""Where the noise comes from: the entropy that the engine is given, enough of it, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from hashlib import shake_256
from itertools import count
from math import e, log2, pi, sqrt
from typing import TYPE_CHECKING

import numpy as np

from privacy.audit.check import Check
from privacy.audit.independent_accounting import Recomputed
from privacy.audit.noise_statistics import FALSE_ALARM, exact_bins, fit_p_value
from privacy.audit.report_model import Finding, Section
from privacy.audit.target_histories import CountChange, TargetHistories, log_of
from privacy.errors import LikewiseError
from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource
from privacy.release.history import MEASUREMENT

if TYPE_CHECKING:
    from numpy.typing import NDArray

TARGETS = 20
SMALL_SCALES = (1, 8)
"""A rounded normal, or a float trick, differs from the discrete Gaussian where it is small."""
SMALL_DRAWS = 200_000


@dataclass
class _Counted:
    """An entropy source that keeps account."""

    source: EntropySource
    given: int = field(default=0, init=False)

    def __call__(self, size: int) -> bytes:
        self.given += size
        return self.source(size)


def entropy_check(name: str, calibration: Calibration, own: Recomputed, entropy: EntropySource) -> Check:
    """Follow the entropy into the noise."""
    work = (
        partial(_repeats, calibration, entropy),
        partial(_suffices, calibration, own, entropy),
        partial(_fails_closed, calibration),
        *(partial(_small_scale, calibration, own, scale, entropy) for scale in SMALL_SCALES),
    )

    def conclude(findings: Sequence[Finding]) -> Sequence[Section]:
        return [
            Section(
                f"entropy-{name}",
                f"The noise is made of the operating system's entropy ({name})",
                "The engine was given entropy that repeats, entropy that is counted, and entropy that runs "
                "dry; and noise of scales 1 and 8, where rounded floats differ from integers.",
                "Noise from another source or a seed, noise that follows the data, fewer random bits than "
                "the noise has, a release without noise, noise made of floats.",
                f"Certain, and for the two fits a false alarm with probability {FALSE_ALARM:g} each.",
                tuple(findings),
            )
        ]

    return Check(f"entropy, {name}", work, conclude)


def _drawn(calibration: Calibration, entropy: EntropySource, targets: int = TARGETS) -> NDArray[np.int64]:
    """Measurements of targets all alike, all steps in one release, shape (measurements,)."""
    policy = calibration.policy
    cell = {dimension.name: dimension.values[0] for dimension in policy.domain.dimensions}
    last = calibration.schedule.epochs - 1
    before = replace(TargetHistories.fresh(calibration, targets), epoch=last)
    releases = before.release([log_of(policy, [CountChange(cell, 10 * policy.k)])] * targets, entropy)
    rows = np.frombuffer(b"".join(release.measurements for release in releases), MEASUREMENT)
    return rows["value"].astype(np.int64)


def _fixed(seed: bytes) -> EntropySource:
    calls = count()
    return lambda size: shake_256(seed + next(calls).to_bytes(8, "big")).digest(size)


def _repeats(calibration: Calibration, entropy: EntropySource) -> Finding:
    one, other = entropy(16), entropy(16)
    first, again, different = (_drawn(calibration, _fixed(seed)) for seed in (one, one, other))
    same, shared = np.array_equal(first, again), float((first == different).mean())
    return Finding(
        "the same entropy, and other entropy",
        "the same entropy gives the same measurements, other entropy leaves at most 1 in 100 the same",
        f"the same: {'yes' if same else 'no'}; other entropy: {shared:.4f} the same",
        bool(first.size) and same and shared <= 1 / 100,
    )


def _suffices(calibration: Calibration, own: Recomputed, entropy: EntropySource) -> Finding:
    source = _Counted(entropy)
    drawn = _drawn(calibration, source)
    scales = [int(calibration.stream_scales[place.start]) for place in own.streams[:-1]]
    bits = sum(log2(scale * sqrt(2 * pi * e)) for scale in scales) / len(scales)
    needed = bits * drawn.size / 8
    return Finding(
        f"entropy of {drawn.size:,} measurements",
        f"at least the {needed:,.0f} bytes that so much noise holds",
        f"{source.given:,} bytes were taken",
        source.given >= needed > 0,
    )


def _fails_closed(calibration: Calibration) -> Finding:
    outcome = "released all the same"
    try:
        _drawn(calibration, lambda size: bytes(size // 2))
    except LikewiseError as error:
        outcome = f"refused: {error}"
    return Finding(
        "entropy that runs dry",
        "no release is made",
        outcome,
        outcome.startswith("refused"),
    )


def _small_scale(calibration: Calibration, own: Recomputed, scale: int, entropy: EntropySource) -> Finding:
    """The engine's own noise where it is small; one crowd in the last epoch is what is measured."""
    statistics = tuple(
        replace(statistic, rho=Fraction(1, 2), sensitivity_squared=scale * scale)
        for statistic in calibration.statistics
    )
    small = replace(calibration, statistics=statistics)
    steps, streams = calibration.schedule.epochs, len(own.streams) - 1
    targets = -(-SMALL_DRAWS // (steps * streams))
    drawn = _drawn(small, entropy, targets).reshape(targets * streams, steps)
    noise = drawn - 10 * own.policy.k * own.encoder[:, -1]
    bins = exact_bins(scale)
    p_value = fit_p_value(bins.counts(noise), bins.probabilities)
    return Finding(
        f"noise of scale {scale}, {noise.size:,} draws",
        f"χ² does not reject the exact probabilities (p ≥ {FALSE_ALARM:g})",
        f"p = {p_value:.3g}",
        p_value >= FALSE_ALARM,
    )
