"""Checks the gate: numbers below k are never shown, and numbers at k not without the margin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial, reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from privacy.audit.check import Check
from privacy.audit.confidence import Hits
from privacy.audit.independent_accounting import IndependentAccounting
from privacy.audit.report_model import Finding, Section
from privacy.audit.target_histories import CountChange, build_history, encode_log, map_documents
from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource
from privacy.model.dimension import Dimension
from privacy.model.documents import Figure, ReleaseDocument
from privacy.model.engagement import Reason

BATCH = 500
LARGE = 400
JOBS_PER_CASE = 10
"""Number of jobs per case."""
RATE_ALPHA = 0.01


@dataclass(frozen=True)
class CalibrationWithoutMargins(Calibration):
    """A mechanism without margins and almost without noise: neither can hide a fault of the exact check."""

    def margins(self, steps: NDArray[np.intp]) -> NDArray[np.float64]:
        """Returns margins that every estimate clears."""
        return np.full((len(steps), self.policy.layout.count), -np.inf)

    @classmethod
    def from_calibration(cls, calibration: Calibration) -> CalibrationWithoutMargins:
        """Returns the same mechanism without margins and noise."""
        quiet = tuple(
            replace(statistic, rho=Fraction(1, 2), sensitivity_squared=1)
            for statistic in calibration.statistics
        )
        return cls(calibration.policy, calibration.kind, calibration.factorisation, quiet)


@dataclass(frozen=True)
class GateCase:
    """A target with small numbers that must be withheld.

    Args:
        name: describes the numbers.
        calibration: the mechanism.
        past: logs of earlier epochs.
        log: log of the released epoch.
        small: returns the small numbers of a release, all of which must be withheld.
        samples_per_release: number of equivalent small numbers in one release.
    """

    name: str
    calibration: Calibration
    past: tuple[bytes, ...]
    log: bytes
    small: Callable[[ReleaseDocument], Sequence[Figure | None]]
    samples_per_release: int = 1


def gate_check(
    name: str,
    calibration: Calibration,
    reference: IndependentAccounting,
    entropy: EntropySource,
    releases: int,
) -> Check:
    """Makes the check of the gate, with the given number of releases per case."""
    below_k = _build_below_k_cases(CalibrationWithoutMargins.from_calibration(calibration), reference)
    at_k = _build_margin_cases(calibration, reference)
    cases = [*below_k, *at_k]
    work = tuple(
        partial(_count_shown, case, -(-releases // (case.samples_per_release * JOBS_PER_CASE)), entropy)
        for case in cases
        for _ in range(JOBS_PER_CASE)
    )

    def conclude(results: Sequence[Hits]) -> Sequence[Section]:
        hits = [
            reduce(add, results[JOBS_PER_CASE * index : JOBS_PER_CASE * (index + 1)])
            for index in range(len(cases))
        ]
        return (
            _hard_k_section(name, [case.name for case in below_k], hits[: len(below_k)]),
            _margin_section(name, calibration, [case.name for case in at_k], hits[len(below_k) :]),
        )

    return Check(f"gate, {name}", work, conclude)


def _count_shown(case: GateCase, releases: int, entropy: EntropySource) -> Hits:
    """Counts the small numbers that are shown."""
    shown = checked = 0
    before = build_history(case.calibration, case.past, entropy)
    for start in range(0, releases, BATCH):
        size = min(BATCH, releases - start)
        made = before.replicate(size).release([case.log] * size, entropy)
        for hits in map_documents(made, partial(_count_small_shown, case)):
            shown, checked = shown + hits.hits, checked + hits.samples
    return Hits(shown, checked)


def _count_small_shown(case: GateCase, document: ReleaseDocument) -> Hits:
    figures = case.small(document)
    return Hits(sum(figure is not None for figure in figures), len(figures))


def _build_below_k_cases(calibration: Calibration, reference: IndependentAccounting) -> list[GateCase]:
    policy, widest = reference.policy, _widest_dimension(reference)
    # `undisclosed` is a cell like any other. The first cell makes the total large enough; it is filled one
    # epoch earlier, so that it is not encoded again for each release.
    cells, crowd = widest.cells[1:], CountChange({widest.name: widest.values[0]}, LARGE)
    cases = [
        GateCase(
            f"targets with {count} engagements",
            calibration,
            (),
            encode_log(policy, [CountChange({widest.name: widest.values[0]}, count)]),
            _all_figures,
        )
        for count in range(policy.k)
    ]
    cases += [
        GateCase(
            f"targets fallen to {count} engagements",
            calibration,
            (encode_log(policy, [crowd]),),
            encode_log(policy, [replace(crowd, times=LARGE - count, change=Reason.UNLIKED)]),
            _all_figures,
        )
        for count in sorted({0, policy.k // 2, policy.k - 1})
    ]
    for start in range(1, policy.k, len(cells)):
        counts = dict(zip(cells, range(start, policy.k), strict=False))
        cases.append(
            GateCase(
                f"cells with {start} to {start + len(counts) - 1}",
                calibration,
                (encode_log(policy, [crowd]),),
                encode_log(policy, _changes_by_cell(widest, counts)),
                partial(_cell_figures, widest.name, tuple(counts)),
            )
        )
        risen = [crowd, *_changes_by_cell(widest, dict.fromkeys(counts, policy.k))]
        fall = {cell: policy.k - count for cell, count in counts.items()}
        cases.append(
            GateCase(
                f"cells fallen to {start} to {start + len(counts) - 1}",
                calibration,
                (encode_log(policy, risen),),
                encode_log(policy, _changes_by_cell(widest, fall, Reason.UNLIKED)),
                partial(_cell_figures, widest.name, tuple(counts)),
            )
        )
    return cases + _build_removal_cases(calibration, reference)


def _build_removal_cases(calibration: Calibration, reference: IndependentAccounting) -> list[GateCase]:
    """Returns cases of every number of removals that fewer than k accounts can make, five per case."""
    least = reference.policy.k * (reference.policy.flip_cap // 2)
    reasons = list(Reason)
    cases = []
    for start in range(1, least, len(reasons)):
        counts = dict(zip(reasons, range(start, least), strict=False))
        lost = [CountChange({}, count, reason) for reason, count in counts.items()]
        cases.append(
            GateCase(
                f"removals: {start} to {start + len(counts) - 1}",
                calibration,
                (encode_log(reference.policy, [CountChange({}, LARGE)]),),
                encode_log(reference.policy, lost),
                partial(_removal_figures, tuple(reason.label for reason in counts)),
            )
        )
    return cases


def _build_margin_cases(calibration: Calibration, reference: IndependentAccounting) -> list[GateCase]:
    """Returns cases of numbers that just pass the exact check: the margin must withhold them."""
    policy, widest = reference.policy, _widest_dimension(reference)
    cells = widest.cells[1:]
    removals_per_account = policy.flip_cap // 2
    removals_at_k = policy.k * removals_per_account - 1 + removals_per_account
    crowd = CountChange({widest.name: widest.values[0]}, LARGE)
    return [
        GateCase(
            "totals of k", calibration, (), encode_log(policy, [CountChange({}, policy.k)]), _all_figures
        ),
        GateCase(
            "cells of k",
            calibration,
            (),
            encode_log(policy, [crowd, *_changes_by_cell(widest, dict.fromkeys(cells, policy.k))]),
            partial(_cell_figures, widest.name, cells),
            samples_per_release=len(cells),
        ),
        GateCase(
            f"removals of {removals_at_k}",
            calibration,
            (),
            encode_log(policy, [crowd, CountChange({}, removals_at_k, Reason.UNLIKED)]),
            partial(_removal_figures, (Reason.UNLIKED.label,)),
        ),
    ]


def _hard_k_section(name: str, cases: Sequence[str], results: Sequence[Hits]) -> Section:
    findings = tuple(
        Finding(case, "never shown", f"{hits.hits} of {hits.samples:,} numbers shown", hits.hits == 0)
        for case, hits in zip(cases, results, strict=True)
    )
    return Section(
        f"hard-k-{name}",
        f"Fewer than k is never shown ({name})",
        "Releases of targets, cells and removals for every number of accounts below k, without margins and "
        "almost without noise, so that neither hides a fault of the exact check.",
        "Any published number about fewer than k accounts.",
        "Certain: false alarms are impossible.",
        findings,
    )


def _margin_section(
    name: str, calibration: Calibration, cases: Sequence[str], results: Sequence[Hits]
) -> Section:
    trials = calibration.schedule.epochs * calibration.policy.layout.count_touched_by_one_engagement(
        calibration.policy.flip_cap
    )
    design = float(calibration.policy.gate_delta) / trials
    findings = tuple(
        Finding(
            f"{case}, with the margins of the policy",
            f"none shown; the design rate is {design:.1e} per number",
            f"{hits.hits} of {hits.samples:,} shown; the rate is below {hits.upper_bound(RATE_ALPHA):.1e}",
            hits.hits == 0,
        )
        for case, hits in zip(cases, results, strict=True)
    )
    return Section(
        f"gate-{name}",
        f"A number that has just reached k is not shown ({name})",
        "Releases of numbers that just pass the exact check. This is the worst case for the gate, because "
        "one engagement decides the exact check.",
        "A published number: with one engagement less, it would never be published.",
        f"Clopper–Pearson, {100 * (1 - RATE_ALPHA):g} %. A false alarm has a probability below 1e-8. The "
        "rate follows from the proof, not from this sample; another section recalculates the thresholds.",
        findings,
    )


def _widest_dimension(reference: IndependentAccounting) -> Dimension:
    return max(reference.policy.series_dimensions, key=lambda dimension: len(dimension.values))


def _changes_by_cell(dimension: Dimension, counts: dict[str, int], change: int = 0) -> list[CountChange]:
    """Returns the given number of changes in each cell; `undisclosed` is the absence of a value."""
    return [
        CountChange({dimension.name: cell} if cell in dimension.values else {}, count, change)
        for cell, count in counts.items()
    ]


def _all_figures(document: ReleaseDocument) -> list[Figure | None]:
    figures = [document.total, document.change, *document.removals.values()]
    figures += document.removal_changes.values()
    for breakdown in document.breakdowns.values():
        figures += [*breakdown.cells.values(), breakdown.other]
    return figures


def _cell_figures(dimension: str, cells: tuple[str, ...], document: ReleaseDocument) -> list[Figure | None]:
    return [document.breakdowns[dimension].cells[cell] for cell in cells]


def _removal_figures(reasons: tuple[str, ...], document: ReleaseDocument) -> list[Figure | None]:
    return [document.removals[reason] for reason in reasons]
