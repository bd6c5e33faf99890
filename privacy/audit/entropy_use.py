"""Checks that the noise comes from the given entropy source alone, and uses enough of it."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from hashlib import shake_256
from itertools import count
from math import e, log2, pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from privacy.audit.check import Check
from privacy.audit.far_sampler import FarSampler, WrittenEntropy
from privacy.audit.independent_accounting import IndependentAccounting
from privacy.audit.noise_replay import draw_again
from privacy.audit.noise_shape import ShapeCounts
from privacy.audit.noise_statistics import FALSE_ALARM
from privacy.audit.recorded_entropy import RecordedEntropy, ReplayError
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
FAR_SCALES = (1, 2, 3, 4, 5, 6, 8, 12)
"""Distances at which noise is forced, in scales; by chance it is 12 scales out with probability 4e-33."""
FAR_TARGETS = 2
FAR_RELEASES = 200
"""Each calls the sampler once a scale: what it does in every 50th call to a tail is done in twelve of 600."""
WORK_DRAWS = 80_000
MAX_WORK_GAP = 0.03
"""Ten standard deviations of the difference between the bytes of these draws and of as many others."""
READS = 4_096
READ_BYTES = 32
MAX_DEVIATIONS = 5.5
"""A fair share of ones is further off with probability 4e-8."""


def entropy_check(
    name: str, calibration: Calibration, reference: IndependentAccounting, entropy: EntropySource
) -> Check:
    """Makes the check of how the engine uses entropy."""
    work = (
        partial(_check_repeatability, calibration, entropy),
        partial(_check_amount, calibration, reference, entropy),
        partial(_check_work, calibration, entropy),
        partial(_check_exhaustion, calibration),
        partial(_check_source, entropy),
        *(partial(_check_far_tail, calibration, reference, scales, entropy) for scales in FAR_SCALES),
        partial(_check_far_calls, calibration, reference, entropy),
        *(partial(_check_small_scale, calibration, reference, scale, entropy) for scale in SMALL_SCALES),
    )

    def conclude(findings: Sequence[Finding]) -> Sequence[Section]:
        return [
            Section(
                f"entropy-{name}",
                f"The noise comes from the given entropy, and from nothing else ({name})",
                "The engine was run with repeated entropy, with counted entropy, and with entropy that runs "
                "out; with entropy from which all noise is far out in the tails; and with noise of scales 1 "
                "and 8, where rounded floats differ from exact integers.",
                "Noise from another source or from a seed, noise that depends on the data, fewer random bits "
                "than the noise requires, a release without noise, noise whose support ends, noise made from "
                "floats; more work for larger counts; a source that repeats itself.",
                "Certain, except for repeated values, the two fits and the share of ones: a false alarm has "
                f"probability {FALSE_ALARM:g} or less for each of their tests.",
                tuple(findings),
            )
        ]

    return Check(f"entropy, {name}", work, conclude)


def _create(calibration: Calibration, targets: int) -> TargetHistories:
    """Returns targets that nothing happened to until their last epoch."""
    return replace(TargetHistories.create(calibration, targets), epoch=calibration.schedule.epochs - 1)


def _draw(calibration: Calibration, entropy: EntropySource, targets: int = TARGETS) -> NDArray[np.int64]:
    """Returns measurements of identical targets, all steps in one release, shape (measurements,)."""
    return _measure(_create(calibration, targets), entropy)


def _measure(before: TargetHistories, entropy: EntropySource) -> NDArray[np.int64]:
    """Returns the measurements of a release of targets that get all their likes now."""
    policy = before.calibration.policy
    cell = {dimension.name: dimension.values[0] for dimension in policy.domain.dimensions}
    log = encode_log(policy, [CountChange(cell, 10 * policy.k)])
    releases = before.release([log] * len(before.histories), entropy)
    rows = np.frombuffer(b"".join(release.measurements for release in releases), MEASUREMENT)
    return rows["value"].astype(np.int64)


def _fixed_source(seed: bytes) -> EntropySource:
    calls = count()
    return lambda size: shake_256(seed + next(calls).to_bytes(8, "big")).digest(size)


def _check_repeatability(calibration: Calibration, entropy: EntropySource) -> Finding:
    one, other = entropy(16), entropy(16)
    first, again, different = (_draw(calibration, _fixed_source(seed)) for seed in (one, one, other))
    same, shared = np.array_equal(first, again), int((first == different).sum())
    # Two draws are equal with probability 1 / (2 √π scale), and draws around different means more rarely.
    max_shared = int(binom.isf(FALSE_ALARM, first.size, 1 / (2 * sqrt(pi) * min(calibration.stream_scales))))
    return Finding(
        f"repeated entropy and different entropy, {first.size:,} measurements each",
        "the same entropy gives the same measurements; with different entropy at most "
        f"{max_shared} are the same",
        f"same entropy: {'same' if same else 'different'}; different entropy: {shared} the same",
        bool(first.size) and same and shared <= max_shared,
    )


def _check_amount(
    calibration: Calibration, reference: IndependentAccounting, entropy: EntropySource
) -> Finding:
    source = RecordedEntropy(entropy)
    drawn = _draw(calibration, source)
    scales = [int(calibration.stream_scales[streams.start]) for streams in reference.streams[:-1]]
    bits = sum(log2(scale * sqrt(2 * pi * e)) for scale in scales) / len(scales)
    needed = bits * drawn.size / 8
    return Finding(
        f"entropy of {drawn.size:,} measurements",
        f"at least {needed:,.0f} bytes, the entropy of this noise",
        f"{source.size:,} bytes",
        source.size >= needed > 0,
    )


def _check_work(calibration: Calibration, entropy: EntropySource) -> Finding:
    """Compares the entropy for targets that nobody likes with that for targets with many likes."""
    policy, likes = calibration.policy, 10 * calibration.policy.k
    targets = -(-WORK_DRAWS // (calibration.schedule.epochs * len(calibration.stream_scales)))
    before, sizes = _create(calibration, targets), []
    for count_of_likes in (0, likes):
        source = RecordedEntropy(entropy)
        log = encode_log(policy, [CountChange({}, count_of_likes)])
        before.release([log] * targets, source, equal_work=True)
        sizes.append(source.size)
    return Finding(
        f"entropy for {targets} targets without engagements, and for as many with {likes} each",
        f"the same, within {100 * MAX_WORK_GAP:g} %: work does not depend on counts",
        f"{sizes[0]:,} and {sizes[1]:,} bytes",
        min(sizes) > 0 and max(sizes) - min(sizes) <= MAX_WORK_GAP * min(sizes),
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


def _check_source(entropy: EntropySource) -> Finding:
    reads = [entropy(READ_BYTES) for _ in range(READS)]
    ones = int(np.unpackbits(np.frombuffer(b"".join(reads), np.uint8)).sum())
    bits = 8 * READS * READ_BYTES
    off = abs(ones - bits / 2) / (sqrt(bits) / 2)
    equal = READS - len(set(reads))
    return Finding(
        f"{READS:,} reads of {READ_BYTES} bytes from the source itself",
        f"no two are equal, and the share of ones is within {MAX_DEVIATIONS:g} deviations of a half",
        f"{equal} equal, {off:.2f} deviations",
        equal == 0 and off <= MAX_DEVIATIONS,
    )


def _check_far_tail(
    calibration: Calibration, reference: IndependentAccounting, scales: int, entropy: EntropySource
) -> Finding:
    """Forces all noise out by this number of scales; all likes fall into the last epoch."""
    try:
        off, forced = _force_far(_create(calibration, FAR_TARGETS), reference, scales, entropy)
    except (ReplayError, LikewiseError) as error:
        outcome, equal = f"refused: {error}", False
    else:
        outcome = f"{int((off > 0).sum()):,} of {off.size:,} draws differ, by up to {int(off.max()):,}"
        equal = not off.any() and bool((forced > 0).any() and (forced < 0).any())
    return Finding(
        f"noise that entropy forces to be {scales} to {scales + 1} scales from 0, on both sides",
        "the same as the audit's sampler draws from it",
        outcome,
        equal,
    )


def _check_far_calls(
    calibration: Calibration, reference: IndependentAccounting, entropy: EntropySource
) -> Finding:
    """Forces noise out in many calls, for what a sampler does only now and then."""
    before = TargetHistories.create(calibration, 1)
    differing = drawn = 0
    try:
        for chosen in entropy(FAR_RELEASES):  # at random: in no step with what happens now and then
            off, _ = _force_far(before, reference, FAR_SCALES[chosen % len(FAR_SCALES)], entropy)
            differing, drawn = differing + int((off > 0).any()), drawn + off.size
    except (ReplayError, LikewiseError) as error:
        outcome, equal = f"refused: {error}", False
    else:
        outcome = f"{drawn:,} draws, which differ in {differing:,} releases"
        equal = differing == 0
    return Finding(
        f"noise that entropy forces to be far from 0, in {FAR_RELEASES} releases of their own",
        "the same as the audit's sampler draws from it",
        outcome,
        equal,
    )


def _force_far(
    before: TargetHistories, reference: IndependentAccounting, scales: int, entropy: EntropySource
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns by how much the engine's noise differs from the noise that is forced, and that noise."""
    written = WrittenEntropy(entropy)
    measured = np.array([streams.start for streams in reference.streams[:-1]])
    reached = np.zeros((len(before.histories), reference.streams[-1].stop), np.bool_)
    reached[:, measured] = True
    sampler = FarSampler(written, scales)
    noise_scales = before.calibration.stream_scales
    forced = draw_again(before, reached, noise_scales, sampler, equal_work=False)[:, measured]
    drawn = _measure(before, written.replay()).reshape(forced.shape)
    now = before.epoch - before.first_epoch
    exact = 10 * reference.policy.k * reference.encoder[: now + 1, now]
    return np.abs(drawn - exact - forced), forced


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
    p_values = ShapeCounts.of_call(scale, noise).p_values()
    return Finding(
        f"noise of scale {scale}, {noise.size:,} draws",
        f"no test rejects the exact probabilities (p ≥ {FALSE_ALARM:g})",
        ", ".join(f"{test}: p = {p_value:.3g}" for test, p_value in p_values.items()),
        min(p_values.values()) >= FALSE_ALARM,
    )
