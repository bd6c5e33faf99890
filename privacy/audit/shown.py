"""What is shown: releases of made-up targets, each number worked out again from the measurements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial

from privacy.audit.check import Check
from privacy.audit.independent_accounting import Recomputed
from privacy.audit.release_checker import RULES, ReleaseChecker
from privacy.audit.report_model import Finding, Section
from privacy.audit.synthetic_histories import invented_epochs
from privacy.audit.target_histories import CountChange, TargetHistories, log_of
from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource

EPOCHS = 6
TARGETS = 50

Faults = tuple[int, int, Counter[str], dict[str, str]]
"""Releases and numbers looked at, faults by rule, an example of each."""


def shown_check(
    name: str, calibration: Calibration, own: Recomputed, entropy: EntropySource, jobs: int
) -> Check:
    """Examine so many times 300 releases."""
    last = max(0, calibration.schedule.epochs - EPOCHS)
    firsts = [0, min(22, last), min(45, last), last]
    work = [partial(_examine, calibration, own, firsts[job % len(firsts)], entropy) for job in range(jobs)]
    alike = partial(_alike, calibration, entropy)

    def conclude(results: Sequence[Faults]) -> Sequence[Section]:
        return [_section(name, results)]

    return Check(f"what is shown, {name}", (*work, alike), conclude)


def _examine(calibration: Calibration, own: Recomputed, first_epoch: int, entropy: EntropySource) -> Faults:
    epochs = min(EPOCHS, calibration.schedule.epochs)
    noise = tuple(int(calibration.stream_scales[place.start]) for place in own.streams)
    examiner = ReleaseChecker(own, noise)
    faults: Counter[str] = Counter()
    examples: dict[str, str] = {}
    releases = 0
    for epoch in invented_epochs(calibration, own, (TARGETS, epochs, first_epoch), entropy):
        releases += 1
        for rule, detail in examiner.faults(epoch):
            faults[rule] += 1
            examples.setdefault(rule, detail)
    numbers = own.streams[-1].stop + len(own.names) - 2 + 1
    return releases, releases * numbers, faults, examples


ALIKE = "nothing, too few and almost enough give the same bytes"


def _alike(calibration: Calibration, entropy: EntropySource) -> Faults:
    """Targets with 0, 1, …, k engagements: all withhold everything, in the same bytes."""
    policy = calibration.policy
    cell = {dimension.name: dimension.values[0] for dimension in policy.domain.dimensions}
    logs = [log_of(policy, [CountChange(cell, times)]) for times in range(policy.k + 1)]
    releases = TargetHistories.fresh(calibration, len(logs)).release(logs, entropy)
    bodies = {release.encoded for release in releases}
    examples = {ALIKE: f"{len(bodies)} different bodies"} if len(bodies) > 1 else {}
    return len(releases), 0, Counter(dict.fromkeys(examples, len(bodies))), examples


def _section(name: str, results: Sequence[Faults]) -> Section:
    releases, numbers = sum(result[0] for result in results), sum(result[1] for result in results)
    faults: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for _, _, found, detail in results:
        faults.update(found)
        examples |= detail
    findings = tuple(
        Finding(
            rule,
            f"in all {numbers:,} numbers of {releases:,} releases",
            f"{faults[rule]:,} faults" + (f", such as: {examples[rule]}" if rule in examples else ""),
            faults[rule] == 0,
        )
        for rule in (*RULES, ALIKE)
    )
    return Section(
        f"shown-{name}",
        f"What is shown follows from the measurements, and from nothing else ({name})",
        "Targets with made-up lives, most of their numbers near a threshold, were released epoch by epoch, "
        "early and late in the schedule. Every number of every release was worked out again from the "
        "measurements alone, with the audit's own decoder, deviations and thresholds; the exact counts "
        "were used for one question: are they below k?",
        "A number that the measurements do not explain, a number shown below its threshold or below k, "
        "`other` or a change made of anything but published numbers, a measurement drawn twice or left "
        "out, a number that is no JSON integer.",
        "Certain for what was looked at. A number within 1e-6 of its threshold may fall to either side.",
        findings,
    )
