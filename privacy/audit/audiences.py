"""Checks audiences: their noise, thresholds and cost, whole releases, fewer than k, and ε."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from privacy.audit.audience_cases import RULES, AudienceChecker, build_due, generate_audiences
from privacy.audit.audience_reference import AudienceReference
from privacy.audit.audience_streams import NeighbouringAudiences, audience_bound_section
from privacy.audit.check import Check
from privacy.audit.recalculation import Faults, add_up
from privacy.audit.recorded_entropy import RecordedEntropy
from privacy.audit.report_model import Finding, Section
from privacy.audit.target_histories import CountChange, encode_log
from privacy.mechanism.accounting import Calibration, Statistic
from privacy.mechanism.audience_accounting import AudienceCalibration, calibrate_audience
from privacy.mechanism.entropy import EntropySource
from privacy.mechanism.guarantee import guarantee
from privacy.model.documents import LedgerEntry
from privacy.release.audiences import make_audience_releases
from privacy.release.ledger import LedgerHead

AUDIENCES_PER_JOB = 60
STATED_DIGITS = 1e-3
LARGE = 400
EQUAL_BYTES = "audiences of any number of accounts up to k are answered with the same bytes"
EQUAL_WORK = "as much entropy is read for audiences of nobody as for audiences of many"
MAX_WORK_GAP = 0.03
WORK_DRAWS = 40_000
MAX_WORK_AUDIENCES = 5_000
"""For work to be compared; that of audiences with few numbers is done by the same code."""


def audience_checks(
    calibrations: Sequence[Calibration], entropy: EntropySource, samples: int, jobs: int
) -> list[Check]:
    """Makes the checks of audiences; none for a policy without.

    Args:
        calibrations: of all kinds of the policy.
        entropy: source of the noise.
        samples: measurements of each of the two datasets.
        jobs: number of jobs that recalculate, for each scope and length of period.
    """
    references = AudienceReference.list_all(calibrations)
    if not references:
        return []
    pairs = [(calibrate_audience(one.policy, one.period), one) for one in references]
    neighbours = [NeighbouringAudiences(*pair, samples) for pair in pairs]
    parameters = partial(_check_parameters, pairs, entropy)
    recalculated = [partial(_recalculate, *pair, entropy) for pair in pairs for _ in range(jobs)]
    below_k = [partial(_check_below_k, *pair, entropy) for pair in pairs]
    sampled = [
        partial(one.count_hits, neighbour, samples, entropy)
        for one in neighbours
        for neighbour in (False, True)
    ]

    def conclude(results: Sequence[Any]) -> Sequence[Section]:
        first, rest = results[0], results[1:]
        faults, rest = rest[: len(recalculated)], rest[len(recalculated) :]
        found, hits = rest[: len(below_k)], rest[len(below_k) :]
        return (
            _parameter_section(first),
            _recalculation_section(faults),
            _below_k_section([finding for findings in found for finding in findings]),
            audience_bound_section(neighbours, list(zip(hits[::2], hits[1::2], strict=True))),
        )

    return [Check("audiences", (parameters, *recalculated, *below_k, *sampled), conclude)]


def _check_parameters(
    pairs: Sequence[tuple[AudienceCalibration, AudienceReference]], entropy: EntropySource
) -> tuple[Finding, ...]:
    stated = guarantee(pairs[0][1].policy)["audiences"]
    findings = [_check_stated_costs([reference for _, reference in pairs], stated)]
    for (calibration, reference), described in zip(pairs, stated["periods"], strict=True):
        findings += _check_scales(calibration, reference)
        findings.append(_check_thresholds(calibration, reference, described))
        findings.append(_check_ledger(calibration, reference, entropy))
    return tuple(findings)


def _check_stated_costs(references: Sequence[AudienceReference], stated: dict[str, Any]) -> Finding:
    """Compares stated costs with the declared ones, and with those of the noise in use."""
    wrong, all_rho = [], Fraction(0)
    for reference, described in zip(references, stated["periods"], strict=True):
        for number in described["statistics"]:
            name, scale = number["name"], max(number["noise_scale"], 1)
            spent = Fraction(reference.sensitivity_squared(name), 2 * scale * scale)
            if number["rho"] != float(reference.rho(name)) or spent > reference.rho(name):
                wrong.append(f"{reference.kind}, {name}: ρ = {number['rho']} and {float(spent):.6g}")
        of_scope = sum(map(reference.rho, reference.cells), Fraction(0))
        all_rho += reference.scopes * of_scope
        if described["rho"] != float(of_scope):
            wrong.append(f"{reference.kind}: ρ = {described['rho']}")
    if stated["rho"] != float(all_rho):
        wrong.append(f"all audiences: ρ = {stated['rho']}")
    return Finding(
        "stated ρ of each number, of each scope and of all audiences of an engagement",
        f"the declared ones, of which the noise spends no more; together ρ = {float(all_rho):g}",
        f"wrong: {'; '.join(wrong)}" if wrong else f"correct for all {len(references)} periods",
        not wrong,
    )


def _check_scales(calibration: AudienceCalibration, reference: AudienceReference) -> Iterator[Finding]:
    for name, place in reference.places.items():
        used = sorted({int(scale) for scale in calibration.stream_scales[place]})
        expected = reference.scales[name]
        spent = Fraction(reference.sensitivity_squared(name), 2 * max(used[0], 1) ** 2)
        yield Finding(
            f"{reference.kind}: noise scale of {name}",
            f"σ = {expected}, the smallest with Δ²/2σ² ≤ ρ = {float(reference.rho(name)):g}",
            f"σ = {', '.join(map(str, used))}: Δ²/2σ² = {float(spent):.6g}",
            used == [expected],
        )


def _check_thresholds(
    calibration: AudienceCalibration, reference: AudienceReference, described: dict[str, Any]
) -> Finding:
    used = calibration.least_count + calibration.margins
    gap = float(np.abs(used - reference.thresholds).max())
    starts = [place.start for place in reference.places.values()]
    stated = [
        (statistic["name"], statistic["sd"], statistic["threshold"]) for statistic in described["statistics"]
    ]
    right = [
        stated_name == name
        and abs(deviation - reference.deviations[start]) <= STATED_DIGITS
        and abs(threshold - reference.thresholds[start]) <= 1
        for (stated_name, deviation, threshold), name, start in zip(
            stated, reference.places, starts, strict=True
        )
    ]
    return Finding(
        f"{reference.kind}: thresholds, used and stated",
        f"k + z·σ + one step of the noise, where z = {reference.z:.6f}, for a union over all that is touched",
        f"differ by at most {gap:.1e}; stated {'right' if all(right) else 'wrong'}",
        gap <= 1e-9 * float(reference.thresholds.max()) and all(right),
    )


def _check_ledger(
    calibration: AudienceCalibration, reference: AudienceReference, entropy: EntropySource
) -> Finding:
    due = build_due(reference, 0, b"")
    (release,) = make_audience_releases([due], calibration, entropy)
    encoded, _ = LedgerHead(0, 0, "").append_audience(release, calibration)
    entry = msgspec.json.decode(encoded, type=LedgerEntry)
    cost = sum((reference.rho(name) for name in reference.cells), Fraction(0))
    return Finding(
        f"{reference.kind}: cost stated in a ledger entry",
        f"ρ = {float(cost):g}, of all its numbers together",
        f"ρ = {entry.rho} of {entry.kind}",
        Fraction(entry.rho) == cost and entry.kind == reference.kind,
    )


def _recalculate(
    calibration: AudienceCalibration, reference: AudienceReference, entropy: EntropySource
) -> Faults:
    checker, faults, examples, releases = AudienceChecker(reference), Counter[str](), dict[str, str](), 0
    for case in generate_audiences(calibration, reference, AUDIENCES_PER_JOB, entropy):
        releases += 1
        for rule, detail in checker.find_faults(case):
            faults[rule] += 1
            examples.setdefault(rule, f"{reference.kind}: {detail}")
    for rule, detail in _find_differences(calibration, reference, entropy):
        faults[rule] += 1
        examples.setdefault(rule, f"{reference.kind}: {detail}")
    return releases, releases * len(reference.deviations), faults, examples


def _find_differences(
    calibration: AudienceCalibration, reference: AudienceReference, entropy: EntropySource
) -> Iterator[tuple[str, str]]:
    """Yields what tells audiences of nobody, of few and of k accounts apart."""
    cell = {dimension.name: dimension.values[0] for dimension in reference.policy.domain.dimensions}
    logs = [
        encode_log(reference.policy, [CountChange(cell, count)]) for count in range(reference.policy.k + 1)
    ]
    due = [replace(build_due(reference, 0, b""), log=log) for log in logs]
    bodies = {release.encoded for release in make_audience_releases(due, calibration, entropy)}
    if len(bodies) > 1:
        yield EQUAL_BYTES, f"{len(bodies)} different bodies"
    audiences, sizes = -(-WORK_DRAWS // len(reference.deviations)), []
    for count in (0, LARGE) if audiences <= MAX_WORK_AUDIENCES else ():
        log, source = encode_log(reference.policy, [CountChange(cell, count)]), RecordedEntropy(entropy)
        make_audience_releases(
            [replace(build_due(reference, 0, b""), log=log)] * audiences, calibration, source
        )
        sizes.append(source.size)
    if sizes and not 0 < max(sizes) <= (1 + MAX_WORK_GAP) * min(sizes):
        yield EQUAL_WORK, f"{sizes} bytes"


@dataclass(frozen=True)
class _Unguarded(AudienceCalibration):
    """A mechanism without margins and almost without noise: neither can hide a fault of the exact check."""

    @property
    def margins(self) -> NDArray[np.float64]:
        """Margins that every estimate clears."""
        return np.full(self.count, -np.inf)

    @classmethod
    def from_calibration(cls, calibration: AudienceCalibration) -> _Unguarded:
        """Returns the same mechanism without margins and noise."""
        quiet = tuple(Statistic(each.name, Fraction(1, 2), 1) for each in calibration.statistics)
        return cls(calibration.policy, calibration.period, quiet)


def _check_below_k(
    calibration: AudienceCalibration, reference: AudienceReference, entropy: EntropySource
) -> list[Finding]:
    """Releases totals and cells of every number below k almost without noise, and of k with it."""
    quiet = _Unguarded.from_calibration(calibration)
    cell, other = (
        {dimension.name: dimension.values[at] for dimension in reference.policy.domain.dimensions}
        for at in (0, 1)
    )
    k = reference.policy.k
    findings = []
    for name, mechanism, counts in (
        ("every number below k, without margins and almost without noise", quiet, range(k)),
        ("k, with the margins of the policy", calibration, [k] * 50),
    ):
        shown = checked = 0
        for crowd in (0, LARGE):
            logs = [
                encode_log(reference.policy, [CountChange(other, crowd), CountChange(cell, count)])
                for count in counts
            ]
            due = [build_due(reference, 0, log) for log in logs]
            for release in make_audience_releases(due, mechanism, entropy):
                document = release.document
                figures = [] if crowd else [document.total]
                figures += [
                    document.breakdowns[breakdown].cells.get(reference.cells[breakdown][stream - place.start])
                    if breakdown in document.breakdowns
                    else None
                    for (breakdown, place), stream in zip(
                        reference.places.items(), reference.streams_of(cell), strict=True
                    )
                    if breakdown != "total"
                ]
                shown += sum(figure is not None for figure in figures)
                checked += len(figures)
        found = f"{shown} of {checked:,} shown"
        findings.append(Finding(f"{reference.kind}: {name}", "never shown", found, shown == 0 < checked))
    return findings


def _parameter_section(findings: tuple[Finding, ...]) -> Section:
    return Section(
        "audience-parameters",
        "Noise, thresholds and cost of audiences are recalculated",
        "Scale, threshold and ledger cost of each number of each scope and period were calculated from the "
        "policy by the audit's own code, and compared with those that the program uses and states.",
        "A breakdown that is calibrated for an account that is there or not, where it may also move from "
        "cell to cell; a budget spent twice; a threshold that forgets a number that an engagement can touch.",
        "Certain: exact arithmetic, and doubles to nine digits.",
        findings,
    )


def _recalculation_section(results: Sequence[Faults]) -> Section:
    return Section(
        "audience-recalculation",
        "Numbers of audiences follow from accounts and entropy, and from nothing else",
        "Audiences with random members, of whom some were taken out again, were released. The entropy that "
        "was read was recorded, and the noise of every number was drawn again from it with the audit's own "
        "sampler. Every document was written again from public facts and its figures.",
        "A count that is off by one; a number shown below its threshold or below k, or withheld above it; an "
        "`other` that does not follow from published numbers; a byte that depends on what is withheld; more "
        "work for larger audiences.",
        "Certain for the checked releases. A number within 1e-6 of its threshold may fall on either side.",
        add_up(results, (*RULES, EQUAL_BYTES, EQUAL_WORK)),
    )


def _below_k_section(findings: Sequence[Finding]) -> Section:
    return Section(
        "audience-hard-k",
        "Fewer than k accounts are never shown in an audience, nor just k",
        "Releases of audiences and of cells of every number of accounts below k, without margins and almost "
        "without noise, and of just k accounts, with the noise and the margins of the policy.",
        "Any such number that is shown.",
        "Below k certain: false alarms are impossible. At k, a false alarm has a probability below 1e-8.",
        tuple(findings),
    )
