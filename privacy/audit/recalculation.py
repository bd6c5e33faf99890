"""Recalculates every number in releases of synthetic targets from the measurements."""

from collections import Counter
from collections.abc import Sequence
from functools import partial

from privacy.audit.check import Check
from privacy.audit.independent_accounting import IndependentAccounting
from privacy.audit.release_checker import RULES, ReleaseChecker
from privacy.audit.report_model import Finding, Section
from privacy.audit.synthetic_histories import HistoryShape, generate_cases
from privacy.audit.target_histories import CountChange, TargetHistories, encode_log
from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource

EPOCHS = 6
TARGETS = 50
LARGE = 256
"""Targets that a release worker releases in one call."""

Faults = tuple[int, int, Counter[str], dict[str, str]]
"""Number of releases and of numbers checked, faults by rule, an example of each."""


def recalculation_check(
    name: str, calibration: Calibration, reference: IndependentAccounting, entropy: EntropySource, jobs: int
) -> Check:
    """Makes the check of measurements and published numbers; the jobs take turns with the shapes."""
    shapes = _list_shapes(calibration.schedule.epochs)
    work = [
        partial(_recalculate, calibration, reference, shapes[job % len(shapes)], entropy)
        for job in range(jobs)
    ]
    equal_bytes = partial(_check_equal_bytes, calibration, entropy)

    def conclude(results: Sequence[Faults]) -> Sequence[Section]:
        return [_build_section(name, results)]

    return Check(f"recalculation, {name}", (*work, equal_bytes), conclude)


def _list_shapes(epochs: int) -> list[HistoryShape]:
    """Returns histories of some targets, early and late, of one target's whole life, and of a full batch."""
    releases = min(EPOCHS, epochs)
    last = epochs - releases
    return [
        HistoryShape(TARGETS, 0, 0, releases),
        HistoryShape(1, 0, 0, epochs),
        HistoryShape(TARGETS, min(45, last), 0, releases),
        HistoryShape(LARGE, 0, epochs - 1, 1),
        HistoryShape(TARGETS, min(22, last), 0, releases),
        HistoryShape(TARGETS, last, 0, releases),
    ]


def _recalculate(
    calibration: Calibration, reference: IndependentAccounting, shape: HistoryShape, entropy: EntropySource
) -> Faults:
    noise = tuple(int(calibration.stream_scales[streams.start]) for streams in reference.streams)
    checker = ReleaseChecker(reference, noise)
    faults: Counter[str] = Counter()
    examples: dict[str, str] = {}
    releases = 0
    for case in generate_cases(calibration, reference, shape, entropy):
        releases += 1
        for rule, detail in checker.find_faults(case):
            faults[rule] += 1
            examples.setdefault(rule, detail)
    numbers = reference.streams[-1].stop + len(reference.names) - 2 + 1
    return releases, releases * numbers, faults, examples


EQUAL_BYTES = "targets with any number of engagements up to k are answered with the same bytes"


def _check_equal_bytes(calibration: Calibration, entropy: EntropySource) -> Faults:
    """Checks that releases of targets with 0, 1, …, k engagements all have the same bytes."""
    policy = calibration.policy
    cell = {dimension.name: dimension.values[0] for dimension in policy.domain.dimensions}
    logs = [encode_log(policy, [CountChange(cell, times)]) for times in range(policy.k + 1)]
    releases = TargetHistories.create(calibration, len(logs)).release(logs, entropy)
    bodies = {release.encoded for release in releases}
    examples = {EQUAL_BYTES: f"{len(bodies)} different bodies"} if len(bodies) > 1 else {}
    return len(releases), 0, Counter(dict.fromkeys(examples, len(bodies))), examples


def _build_section(name: str, results: Sequence[Faults]) -> Section:
    return Section(
        f"recalculation-{name}",
        f"Measurements follow from the entropy, and published numbers from them and nothing else ({name})",
        "Targets with synthetic histories, most of their numbers near a threshold, were released epoch by "
        "epoch: early and late in the schedule, one over its whole life, and as many at once as a worker "
        "takes. The entropy that the engine read was recorded, and the noise of every measurement was drawn "
        "again from it with the audit's own sampler. Every number of every release was recalculated from the "
        "measurements alone, with the audit's own decoder, deviations and thresholds. The exact counts were "
        "used only to check the measurements and to decide whether a count is below k.",
        "A measurement that is off by one, ever; a number that does not follow from the measurements, a "
        "number shown below its threshold or below k, an `other` or a change that does not follow from "
        "published numbers, a measurement drawn twice or omitted, a number that is not a JSON integer.",
        "Certain for the checked releases. A number within 1e-6 of its threshold may fall on either side.",
        add_up(results, (*RULES, EQUAL_BYTES)),
    )


def add_up(results: Sequence[Faults], rules: Sequence[str]) -> tuple[Finding, ...]:
    """Returns a finding for each rule."""
    releases, numbers = sum(result[0] for result in results), sum(result[1] for result in results)
    faults: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for _, _, found, detail in results:
        faults.update(found)
        examples |= detail
    return tuple(
        Finding(
            rule,
            f"in all {numbers:,} numbers of {releases:,} releases",
            f"{faults[rule]:,} faults" + (f", such as: {examples[rule]}" if rule in examples else ""),
            faults[rule] == 0 < releases,
        )
        for rule in rules
    )
