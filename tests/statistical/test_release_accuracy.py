"""The accuracy that a release states is true: deviations, intervals, no bias.

Statistical bars are 5.3 standard errors or more: a false alarm has probability below 2e-7 a comparison.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from math import sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy.mechanism.accounting import Calibration, calibrate
from privacy.model.documents import Figure, ReleaseDocument
from privacy.model.engagement import Kind
from privacy.policy.file import load_policy
from tests.support.profiles import entropy_of
from tests.support.simulation import LIKE, UNLIKED, Simulation, log_of

POLICY = load_policy()
LARGE = ("BR", "DE", "FR", "ID", "IN", "JP", "MX", "US")
GENDERS = ("female", "male", "other", "undisclosed")
IN_A_REGION, ELSEWHERE, GONE = 800, 88, 700
"""Likes of each large region, of each small one, and removed likes of accounts that said nothing."""
TOTAL = len(LARGE) * IN_A_REGION + 17 * ELSEWHERE
BATCH = 250


@cache
def mechanism() -> Calibration:
    """The default policy's."""
    return calibrate(POLICY, Kind.LIKE)


def one_history() -> bytes:
    """Return a target's log: large regions are always shown, small ones hardly ever, every gender always."""
    regions = next(d for d in POLICY.domain.dimensions if d.name == "region").values
    likes = [
        ({"region": region} | ({} if gender == "undisclosed" else {"gender": gender}), LIKE, count // 4)
        for region in regions
        for count in (IN_A_REGION if region in LARGE else ELSEWHERE,)
        for gender in GENDERS
    ]
    return log_of(POLICY, [*likes, ({}, LIKE, GONE), ({}, UNLIKED, GONE)])


def removing(accounts: int) -> bytes:
    """Return a log of likes that are withdrawn in their own epoch, with as many that stay."""
    return log_of(POLICY, [({}, LIKE, 2 * accounts), ({}, UNLIKED, accounts)])


@dataclass(frozen=True)
class Sample:
    """Published numbers of one kind.

    Args:
        figures: value and both ends of the interval, shape (numbers, 3).
        truth: what they estimate.
        deviation: as stated.
    """

    figures: NDArray[np.int64]
    truth: int
    deviation: float

    @classmethod
    def of(cls, figures: Iterable[Figure | None], truth: int, deviation: float) -> Sample:
        """All of them; each has to be shown, or what is left would be a choice."""
        shown = list(figures)
        assert None not in shown
        return cls(np.array(shown, np.int64), truth, deviation)

    def check_deviation(self, tolerance: float) -> None:
        """Measured standard deviation against the stated one."""
        errors = self.figures[:, 0] - self.truth
        assert sqrt(float((errors**2).mean())) == pytest.approx(self.deviation, rel=tolerance)

    def check_bias(self) -> None:
        """The mean error is zero, within 5.5 standard errors."""
        errors = self.figures[:, 0] - self.truth
        assert abs(float(errors.mean())) < 5.5 * self.deviation / sqrt(len(errors))

    def coverage(self) -> float:
        """Share of intervals that hold the truth."""
        return float(((self.figures[:, 1] <= self.truth) & (self.truth <= self.figures[:, 2])).mean())


def samples(documents: list[ReleaseDocument], epoch: int) -> dict[str, Sample]:
    """The numbers in the documents of one epoch, by kind of number."""
    layout = POLICY.layout
    stated = mechanism().deviations(np.array([epoch]))[0]
    total, cell, removal = (float(stated[at]) for at in (layout.total, 1, layout.removals.start))
    # Every gender is shown, so the four add up to the total: docstring of `reconcile`.
    tied = sqrt(cell**2 * (1 - 1 / 4) + total**2 / 4**2)
    other = sqrt(total**2 + len(LARGE) * cell**2)
    regions = [document.breakdowns["region"] for document in documents]
    genders = [document.breakdowns["gender"].cells for document in documents]
    hidden = [
        document for document, region in zip(documents, regions, strict=True) if only_large(region.cells)
    ]
    return {
        "total": Sample.of((d.total for d in documents), TOTAL, total),
        "cells": Sample.of((r.cells[name] for r in regions for name in LARGE), IN_A_REGION, cell),
        "tied cells": Sample.of((g[name] for g in genders for name in GENDERS), TOTAL // 4, tied),
        "other": Sample.of((d.breakdowns["region"].other for d in hidden), 17 * ELSEWHERE, other),
        "removals": Sample.of((d.removals["unliked"] for d in documents), GONE, removal),
    }


def only_large(cells: dict[str, Figure | None]) -> bool:
    """Return whether exactly the large regions are shown."""
    return {name for name, figure in cells.items() if figure} == set(LARGE)


def first_releases(epoch: int, targets: int) -> list[ReleaseDocument]:
    """Targets whose whole life happens in one epoch, so that all measurements are drawn at once."""
    simulation, log = Simulation.start(mechanism(), BATCH, epoch), one_history()
    entropy = entropy_of(f"first releases {epoch}")
    return [
        document
        for _ in range(0, targets, BATCH)
        for document in simulation.documents([log] * BATCH, entropy)
    ]


def check_epoch(epoch: int, targets: int) -> None:
    """Everything that a release says of itself, at one epoch."""
    for sample in samples(first_releases(epoch, targets), epoch).values():
        numbers = len(sample.figures)
        # The standard error of a measured deviation is 1/√(2·numbers) of it.
        sample.check_deviation(5.5 / sqrt(2 * numbers))
        sample.check_bias()
        # Ends are rounded outwards, which adds at most what half a unit more on either side adds.
        allowed = 5.5 * sqrt(0.95 * 0.05 / numbers)
        assert 0.95 - allowed < sample.coverage() < 0.95 + 0.12 / sample.deviation + allowed


@pytest.mark.parametrize("epoch", [0, 40])
def test_stated_accuracy_is_true(epoch: int) -> None:
    """Deviation, bias and coverage of total, cells, `other` and removals are as stated, over 750 targets."""
    check_epoch(epoch, 750)


def test_the_change_states_its_own_deviation() -> None:
    """The interval of a change over a day holds the noise of both totals, which share measurements.

    The standard error of the deviation of 750 changes is 2.6 % of it.
    """
    simulation, logs = Simulation.start(mechanism(), 750), [log_of(POLICY, [({}, LIKE, 400)])] * 750
    entropy = entropy_of("change")
    for _ in range(25):
        releases = simulation.release(logs, entropy)
        simulation, logs = simulation.after(releases), [b""] * 750
    changes = [release.document.change for release in releases]
    assert {release.document.change_since_epoch for release in releases} == {5}
    decoder = mechanism().factorisation.decoder
    stated = float(np.linalg.norm(decoder[24] - decoder[5])) * mechanism().statistics[0].scale
    sample = Sample.of(changes, 0, stated)
    sample.check_deviation(5.5 / sqrt(2 * 750))
    sample.check_bias()
    assert 0.90 < sample.coverage() < 0.99


def test_the_change_of_a_removal_states_its_own_deviation() -> None:
    """The same for what was removed for one reason: 90 of 1,000 since the release that it refers to.

    The standard error of the deviation of 750 changes is 2.6 % of it.
    """
    simulation, logs = Simulation.start(mechanism(), 750), [removing(1000)] * 750
    entropy = entropy_of("change of a removal")
    for epoch in range(25):
        releases = simulation.release(logs, entropy)
        simulation, logs = simulation.after(releases), [removing(90) if epoch == 10 else b""] * 750
    changes = [release.document.removal_changes.get("unliked") for release in releases]
    decoder = mechanism().factorisation.decoder
    stated = float(np.linalg.norm(decoder[24] - decoder[5])) * mechanism().statistics[-1].scale
    sample = Sample.of(changes, 90, stated)
    sample.check_deviation(5.5 / sqrt(2 * 750))
    sample.check_bias()
    assert 0.90 < sample.coverage() < 0.99


@pytest.mark.nightly(part="accuracy")
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("epoch", [0, 1, 23, 24, 40, 60, 86])
def test_stated_accuracy_is_true_within_three_percent(epoch: int) -> None:
    """The same over 17,000 targets, which bounds every deviation within 3 %."""
    check_epoch(epoch, 17_000)


@pytest.mark.nightly(part="accuracy")
@pytest.mark.timeout(7200)
def test_accuracy_of_whole_lives() -> None:
    """Over 2,000 targets released at every epoch, deviations are as stated at each: cells within 3 %.

    There are 16,000 cells, so that 3 % are 5.4 standard errors; the totals get as many of theirs. Coverage is
    bounded to 94 to 96 % over all epochs together.
    """
    simulations = [Simulation.start(mechanism(), BATCH) for _ in range(8)]
    logs = [one_history()] * BATCH
    coverages = []
    entropy = entropy_of("whole lives")
    for epoch in range(POLICY.schedule.epochs):
        documents = []
        for place, simulation in enumerate(simulations):
            releases = simulation.release(logs, entropy)
            documents += [release.document for release in releases]
            simulations[place] = simulation.after(releases)
        logs = [b""] * BATCH
        epoch_samples = samples(documents, epoch)
        epoch_samples["cells"].check_deviation(0.03)
        epoch_samples["total"].check_deviation(5.4 / sqrt(2 * len(documents)))
        coverages.append([epoch_samples["cells"].coverage(), epoch_samples["total"].coverage()])
    cells, totals = np.mean(coverages, axis=0)
    assert 0.94 < cells < 0.96
    assert 0.94 < totals < 0.96 + 0.12 / samples(documents, 0)["total"].deviation
