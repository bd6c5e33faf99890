"""The gate: fewer than k is never shown, and k itself not before its margin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial, reduce
from operator import add
from typing import TYPE_CHECKING

import numpy as np

from privacy.audit.check import Check
from privacy.audit.confidence import Hits
from privacy.audit.independent_accounting import Recomputed
from privacy.audit.report_model import Finding, Section
from privacy.audit.target_histories import CountChange, each_shown, lived, log_of
from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource
from privacy.model.dimension import Dimension
from privacy.model.documents import Figure, ReleaseDocument
from privacy.model.engagement import Reason

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH = 500
LARGE = 400
SHARE = 10
"""Jobs that a long scene is cut into."""
RATE_ALPHA = 0.01


@dataclass(frozen=True)
class BareCheck(Calibration):
    """Without margins and with next to no noise: neither can hide a fault of the exact check."""

    def margins(self, steps: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return what every estimate clears."""
        return np.full((len(steps), self.policy.layout.count), -np.inf)

    @classmethod
    def of(cls, calibration: Calibration) -> BareCheck:
        """The same mechanism."""
        quiet = tuple(
            replace(statistic, rho=Fraction(1, 2), sensitivity_squared=1)
            for statistic in calibration.statistics
        )
        return cls(calibration.policy, calibration.kind, calibration.factorisation, quiet)


@dataclass(frozen=True)
class Scene:
    """Targets with small numbers in them, and what may not be shown of them.

    Args:
        name: what the numbers are.
        calibration: their mechanism.
        past: logs of the epochs before.
        log: what then happens.
        small: the small numbers of a release; each must be withheld.
        at_once: releases that one release stands for, where it has many numbers alike.
    """

    name: str
    calibration: Calibration
    past: tuple[bytes, ...]
    log: bytes
    small: Callable[[ReleaseDocument], Sequence[Figure | None]]
    at_once: int = 1


def gate_check(
    name: str, calibration: Calibration, own: Recomputed, entropy: EntropySource, releases: int
) -> Check:
    """So many releases of each scene."""
    hard = _below_k(BareCheck.of(calibration), own)
    brink = _at_k(calibration, own)
    scenes = [*hard, *brink]
    work = tuple(
        partial(_shown, scene, -(-releases // (scene.at_once * SHARE)), entropy)
        for scene in scenes
        for _ in range(SHARE)
    )

    def conclude(results: Sequence[Hits]) -> Sequence[Section]:
        hits = [reduce(add, results[SHARE * place : SHARE * (place + 1)]) for place in range(len(scenes))]
        return (
            _hard_k(name, [scene.name for scene in hard], hits[: len(hard)]),
            _margin(name, calibration, [scene.name for scene in brink], hits[len(hard) :]),
        )

    return Check(f"gate, {name}", work, conclude)


def _shown(scene: Scene, releases: int, entropy: EntropySource) -> Hits:
    """How many of the small numbers are shown."""
    shown = looked_at = 0
    before = lived(scene.calibration, scene.past, entropy)
    for start in range(0, releases, BATCH):
        size = min(BATCH, releases - start)
        made = before.times(size).release([scene.log] * size, entropy)
        for hits in each_shown(made, partial(_small_shown, scene)):
            shown, looked_at = shown + hits.hits, looked_at + hits.samples
    return Hits(shown, looked_at)


def _small_shown(scene: Scene, document: ReleaseDocument) -> Hits:
    figures = scene.small(document)
    return Hits(sum(figure is not None for figure in figures), len(figures))


def _below_k(calibration: Calibration, own: Recomputed) -> list[Scene]:
    policy, widest = own.policy, _widest(own)
    # `undisclosed` is a cell as every other one; the first cell makes room for them in the total. It comes an
    # epoch before, so that it is not counted anew in each release.
    cells, crowd = widest.cells[1:], CountChange({widest.name: widest.values[0]}, LARGE)
    scenes = [
        Scene(
            f"targets with {count} engagements",
            calibration,
            (),
            log_of(policy, [CountChange({widest.name: widest.values[0]}, count)]),
            _everything,
        )
        for count in range(policy.k)
    ]
    for start in range(1, policy.k, len(cells)):
        counts = dict(zip(cells, range(start, policy.k), strict=False))
        scenes.append(
            Scene(
                f"cells with {start} to {start + len(counts) - 1}",
                calibration,
                (log_of(policy, [crowd]),),
                log_of(policy, _happenings(widest, counts)),
                partial(_cells, widest.name, tuple(counts)),
            )
        )
        risen = [crowd, *_happenings(widest, dict.fromkeys(counts, policy.k))]
        fall = {cell: policy.k - count for cell, count in counts.items()}
        scenes.append(
            Scene(
                f"cells fallen to {start} to {start + len(counts) - 1}",
                calibration,
                (log_of(policy, risen),),
                log_of(policy, _happenings(widest, fall, Reason.UNLIKED)),
                partial(_cells, widest.name, tuple(counts)),
            )
        )
    return scenes + _few_removals(calibration, own)


def _few_removals(calibration: Calibration, own: Recomputed) -> list[Scene]:
    """Every number of removals that fewer than k accounts can make, five at a time."""
    least = own.policy.k * (own.policy.flip_cap // 2)
    reasons = list(Reason)
    scenes = []
    for start in range(1, least, len(reasons)):
        counts = dict(zip(reasons, range(start, least), strict=False))
        lost = [CountChange({}, count, reason) for reason, count in counts.items()]
        scenes.append(
            Scene(
                f"removals: {start} to {start + len(counts) - 1}",
                calibration,
                (log_of(own.policy, [CountChange({}, LARGE)]),),
                log_of(own.policy, lost),
                partial(_removals, tuple(reason.label for reason in counts)),
            )
        )
    return scenes


def _at_k(calibration: Calibration, own: Recomputed) -> list[Scene]:
    """As many as the exact check lets through: the margin must hold them back."""
    policy, widest = own.policy, _widest(own)
    cells = widest.cells[1:]
    at_once = policy.flip_cap // 2
    brink = policy.k * at_once - 1 + at_once
    crowd = CountChange({widest.name: widest.values[0]}, LARGE)
    return [
        Scene("totals of k", calibration, (), log_of(policy, [CountChange({}, policy.k)]), _everything),
        Scene(
            "cells of k",
            calibration,
            (),
            log_of(policy, [crowd, *_happenings(widest, dict.fromkeys(cells, policy.k))]),
            partial(_cells, widest.name, cells),
            at_once=len(cells),
        ),
        Scene(
            f"removals of {brink}",
            calibration,
            (),
            log_of(policy, [crowd, CountChange({}, brink, Reason.UNLIKED)]),
            partial(_removals, (Reason.UNLIKED.label,)),
        ),
    ]


def _hard_k(name: str, scenes: Sequence[str], results: Sequence[Hits]) -> Section:
    findings = tuple(
        Finding(scene, "never shown", f"{hits.hits} of {hits.samples:,} numbers shown", hits.hits == 0)
        for scene, hits in zip(scenes, results, strict=True)
    )
    return Section(
        f"hard-k-{name}",
        f"Fewer than k is never shown ({name})",
        "Releases of targets, cells and removals about every number of accounts below k, with the margins "
        "taken away and next to no noise, so that neither hides a fault of the exact check.",
        "One number about fewer than k accounts.",
        "No false alarm is possible: the claim holds with certainty.",
        findings,
    )


def _margin(name: str, calibration: Calibration, scenes: Sequence[str], results: Sequence[Hits]) -> Section:
    trials = calibration.schedule.epochs * calibration.policy.layout.touched_by_one_engagement(
        calibration.policy.flip_cap
    )
    design = float(calibration.policy.gate_delta) / trials
    findings = tuple(
        Finding(
            f"{scene}, with the margins of the policy",
            f"none shown: the design rate is {design:.1e} a number",
            f"{hits.hits} of {hits.samples:,} shown; the rate is below {hits.at_most(RATE_ALPHA):.1e}",
            hits.hits == 0,
        )
        for scene, hits in zip(scenes, results, strict=True)
    )
    return Section(
        f"gate-{name}",
        f"A number that just reached k is not shown ({name})",
        "Releases of numbers that just pass the exact check: the worst place for the gate, since one "
        "engagement decides it.",
        "A number that is shown: its neighbour, one engagement smaller, never is.",
        f"Clopper–Pearson, {100 * (1 - RATE_ALPHA):g} %. A false alarm has a probability below 1e-8. The "
        "proof, not this sample, gives the rate; the thresholds are worked out again beside it.",
        findings,
    )


def _widest(own: Recomputed) -> Dimension:
    return max(own.policy.domain.dimensions, key=lambda dimension: len(dimension.values))


def _happenings(dimension: Dimension, counts: dict[str, int], change: int = 0) -> list[CountChange]:
    """So many in each cell; `undisclosed` is the absence of a value."""
    return [
        CountChange({dimension.name: cell} if cell in dimension.values else {}, count, change)
        for cell, count in counts.items()
    ]


def _everything(document: ReleaseDocument) -> list[Figure | None]:
    figures = [document.total, document.change, *document.removals.values()]
    figures += document.removal_changes.values()
    for breakdown in document.breakdowns.values():
        figures += [*breakdown.cells.values(), breakdown.other]
    return figures


def _cells(dimension: str, cells: tuple[str, ...], document: ReleaseDocument) -> list[Figure | None]:
    return [document.breakdowns[dimension].cells[cell] for cell in cells]


def _removals(reasons: tuple[str, ...], document: ReleaseDocument) -> list[Figure | None]:
    return [document.removals[reason] for reason in reasons]
