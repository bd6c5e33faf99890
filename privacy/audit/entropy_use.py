"""Checks that the noise comes from the given entropy source alone, and uses enough of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from hashlib import shake_256
from itertools import count
from math import e, log2, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from privacy.audit.check import Check
from privacy.audit.independent_accounting import IndependentAccounting
from privacy.audit.noise_statistics import FALSE_ALARM, exact_bins, fit_p_value
from privacy.audit.report_model import Finding, Section
from privacy.audit.target_histories import CountChange, TargetHistories, encode_log
from privacy.errors import LikewiseError
from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource
from privacy.release.history import MEASUREMENT

TARGETS = 20
SMALL_SCALES = (1, 8)
"""At small scales a rounded normal or other float noise differs visibly from the discrete Gaussian."""
SMALL_DRAWS = 200_000


@dataclass
class _CountingSource:
    """An entropy source that counts the bytes taken."""

    source: EntropySource
    bytes_taken: int = field(default=0, init=False)

    def __call__(self, size: int) -> bytes:
        self.bytes_taken += size
        return self.source(size)


def entropy_check(
    name: str, calibration: Calibration, reference: IndependentAccounting, entropy: EntropySource
) -> Check:
    """Makes the check of how the engine uses entropy."""
    work = (
        partial(_check_repeatability, calibration, entropy),
        partial(_check_amount, calibration, reference, entropy),
        partial(_check_exhaustion, calibration),
        *(partial(_check_small_scale, calibration, reference, scale, entropy) for scale in SMALL_SCALES),
    )

    def conclude(findings: Sequence[Finding]) -> Sequence[Section]:
        return [
            Section(
                f"entropy-{name}",
                f"The noise comes from the operating system's entropy ({name})",
                "The engine was run with repeated entropy, with counted entropy, and with entropy that runs "
                "out; and with noise of scales 1 and 8, where rounded floats differ from exact integers.",
                "Noise from another source or from a seed, noise that depends on the data, fewer random bits "
                "than the noise requires, a release without noise, noise made from floats.",
                f"Certain, except for the two fits: a false alarm has probability {FALSE_ALARM:g} each.",
                tuple(findings),
            )
        ]

    return Check(f"entropy, {name}", work, conclude)


def _draw(calibration: Calibration, entropy: EntropySource, targets: int = TARGETS) -> NDArray[np.int64]:
    """Returns measurements of identical targets, all steps in one release, shape (measurements,)."""
    policy = calibration.policy
    cell = {dimension.name: dimension.values[0] for dimension in policy.domain.dimensions}
    last = calibration.schedule.epochs - 1
    before = replace(TargetHistories.create(calibration, targets), epoch=last)
    releases = before.release([encode_log(policy, [CountChange(cell, 10 * policy.k)])] * targets, entropy)
    rows = np.frombuffer(b"".join(release.measurements for release in releases), MEASUREMENT)
    return rows["value"].astype(np.int64)


def _fixed_source(seed: bytes) -> EntropySource:
    calls = count()
    return lambda size: shake_256(seed + next(calls).to_bytes(8, "big")).digest(size)


def _check_repeatability(calibration: Calibration, entropy: EntropySource) -> Finding:
    one, other = entropy(16), entropy(16)
    first, again, different = (_draw(calibration, _fixed_source(seed)) for seed in (one, one, other))
    same, shared = np.array_equal(first, again), float((first == different).mean())
    return Finding(
        "repeated entropy and different entropy",
        "the same entropy gives the same measurements; with different entropy at most 1 in 100 are the same",
        f"same entropy: {'same' if same else 'different'}; different entropy: {shared:.4f} the same",
        bool(first.size) and same and shared <= 1 / 100,
    )


def _check_amount(
    calibration: Calibration, reference: IndependentAccounting, entropy: EntropySource
) -> Finding:
    source = _CountingSource(entropy)
    drawn = _draw(calibration, source)
    scales = [int(calibration.stream_scales[streams.start]) for streams in reference.streams[:-1]]
    bits = sum(log2(scale * sqrt(2 * pi * e)) for scale in scales) / len(scales)
    needed = bits * drawn.size / 8
    return Finding(
        f"entropy of {drawn.size:,} measurements",
        f"at least {needed:,.0f} bytes, the entropy of this noise",
        f"{source.bytes_taken:,} bytes",
        source.bytes_taken >= needed > 0,
    )


def _check_exhaustion(calibration: Calibration) -> Finding:
    outcome = "a release was made"
    try:
        _draw(calibration, lambda size: bytes(size // 2))
    except LikewiseError as error:
        outcome = f"refused: {error}"
    return Finding(
        "entropy that runs out",
        "the release is refused",
        outcome,
        outcome.startswith("refused"),
    )


def _check_small_scale(
    calibration: Calibration, reference: IndependentAccounting, scale: int, entropy: EntropySource
) -> Finding:
    """Checks the engine's noise at a small scale; all likes fall into the last epoch."""
    statistics = tuple(
        replace(statistic, rho=Fraction(1, 2), sensitivity_squared=scale * scale)
        for statistic in calibration.statistics
    )
    small = replace(calibration, statistics=statistics)
    steps, streams = calibration.schedule.epochs, len(reference.streams) - 1
    targets = -(-SMALL_DRAWS // (steps * streams))
    drawn = _draw(small, entropy, targets).reshape(targets * streams, steps)
    noise = drawn - 10 * reference.policy.k * reference.encoder[:, -1]
    bins = exact_bins(scale)
    p_value = fit_p_value(bins.counts(noise), bins.probabilities)
    return Finding(
        f"noise of scale {scale}, {noise.size:,} draws",
        f"χ² does not reject the exact probabilities (p ≥ {FALSE_ALARM:g})",
        f"p = {p_value:.3g}",
        p_value >= FALSE_ALARM,
    )
