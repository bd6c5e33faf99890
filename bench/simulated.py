"""Releases simulated targets in all their epochs and measures the errors of the published numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import os_entropy
from privacy.model.change import GAINED, change_code
from privacy.model.documents import Figure
from privacy.model.engagement import Reason
from privacy.policy.policy import Policy
from privacy.release.engine import NewRelease
from privacy.release.history import MEASUREMENT, StreamRecords
from tests.support.simulation import Simulation

FIRST_GAINS: Final = 22_000
FIRST_REMOVALS_PER_REASON: Final = 900
"""In epoch 0: every stream is above its threshold from then on; a subset of shown streams would be biased."""
LATER_GAINS: Final = 40
LATER_REMOVALS: Final = 15
_UNDISCLOSED_GAINS: Final = 1_000


@dataclass(frozen=True)
class History:
    """The history of a target: the log of each epoch, and the exact counts after it.

    Args:
        logs: one per epoch.
        exact: shape (epochs, streams).
    """

    logs: Sequence[bytes]
    exact: NDArray[np.int64]

    @classmethod
    def varied(cls, policy: Policy, generator: np.random.Generator) -> History:
        """Generates likes in all joint cells, and removals for all reasons."""
        size = policy.domain.size
        first = [(GAINED, generator.integers(size, size=FIRST_GAINS))]
        first += [
            (int(reason), generator.integers(size, size=FIRST_REMOVALS_PER_REASON)) for reason in Reason
        ]
        later = [
            [
                (GAINED, generator.integers(size, size=LATER_GAINS)),
                (int(Reason.UNLIKED), generator.integers(size, size=LATER_REMOVALS)),
            ]
            for _ in range(1, policy.schedule.epochs)
        ]
        return cls._of([first, *later], policy)

    @classmethod
    def undisclosed(cls, policy: Policy) -> History:
        """Generates likes of private accounts only: few streams, so that many targets can be simulated."""
        codes = np.full(_UNDISCLOSED_GAINS, policy.domain.undisclosed_code)
        later = [(GAINED, codes[:LATER_GAINS])]
        return cls._of([[(GAINED, codes)], *([later] * (policy.schedule.epochs - 1))], policy)

    @classmethod
    def _of(cls, epochs: Sequence[Sequence[tuple[int, NDArray[np.int64]]]], policy: Policy) -> History:
        net = np.zeros((policy.schedule.epochs, policy.layout.count), np.int64)
        logs = []
        for epoch, changes in enumerate(epochs):
            for change, codes in changes:
                net[epoch] += _streams(codes, change, policy)
            log = [change_code(code, change) for change, codes in changes for code in codes.tolist()]
            logs.append(np.array(log, "<u4").tobytes())
        return cls(logs, net.cumsum(axis=0))


@dataclass(frozen=True)
class Errors:
    """Errors of estimates, summed over targets.

    Args:
        squares: Σ ((n̂ − n)/stated deviation)² of each stream at each epoch, shape (epochs, streams).
        targets: number of targets.
        covered: number of published intervals that contain the exact number, shape (epochs, 3): of totals, of
            cells, of changes of the total.
        published: number of published intervals, same shape.
    """

    squares: NDArray[np.float64]
    targets: int
    covered: NDArray[np.int64]
    published: NDArray[np.int64]

    def __add__(self, more: Errors) -> Errors:
        """Returns the sum of both."""
        return Errors(
            self.squares + more.squares,
            self.targets + more.targets,
            self.covered + more.covered,
            self.published + more.published,
        )


def simulate(calibration: Calibration, history: History, targets: int) -> Errors:
    """Simulates targets with the same history and different noise."""
    policy = calibration.policy
    epochs, streams = policy.schedule.epochs, policy.layout.count
    simulation = Simulation.start(calibration, targets)
    measured = np.zeros((targets, streams, epochs), np.int64)
    squares = np.zeros((epochs, streams))
    covered, published = np.zeros((epochs, 3), np.int64), np.zeros((epochs, 3), np.int64)
    for epoch, log in enumerate(history.logs):
        releases = simulation.release([log] * targets, os_entropy)
        simulation = simulation.after(releases)
        drawn = StreamRecords.unpack([release.measurements for release in releases], MEASUREMENT)
        measured[drawn.series_index, drawn.streams, drawn.steps] = drawn.values
        estimates = measured[:, :, : epoch + 1] @ calibration.factorisation.decoder[epoch, : epoch + 1]
        deviations = calibration.deviations(np.array([epoch]))[0]
        squares[epoch] = (((estimates - history.exact[epoch]) / deviations) ** 2).sum(axis=0)
        for kind, intervals in enumerate(_intervals(releases, history, policy, epoch)):
            published[epoch, kind] = len(intervals)
            covered[epoch, kind] = sum(low <= truth <= high for low, high, truth in intervals)
    return Errors(squares, targets, covered, published)


def _streams(codes: NDArray[np.int64], change: int, policy: Policy) -> NDArray[np.int64]:
    """Returns the effect of equal changes on each stream, calculated from the policy's definitions."""
    layout = policy.layout
    net = np.zeros(layout.count, np.int64)
    sign = 1 if change == GAINED else -1
    net[layout.total] = sign * len(codes)
    shape = tuple(len(dimension.cells) for dimension in policy.domain.dimensions)
    names = [dimension.name for dimension in policy.domain.dimensions]
    cells_of = dict(zip(names, np.unravel_index(codes, shape), strict=True))
    for dimension, index in zip(layout.dimensions, layout.breakdowns, strict=True):
        cells = cells_of[dimension.name]
        net[index] = sign * np.bincount(cells, minlength=index.stop - index.start)
    if change != GAINED:
        net[layout.removals.start + change - 1] = len(codes)
    return net


_Interval = tuple[int, int, int]
"""Low, high, and the exact number."""


def _intervals(
    releases: Sequence[NewRelease], history: History, policy: Policy, epoch: int
) -> Iterator[list[_Interval]]:
    """Yields the published intervals of totals, of cells, and of changes of the total."""
    documents = [release.document for release in releases]
    exact = history.exact[epoch].tolist()
    total = policy.layout.total
    yield _shown((document.total, exact[total]) for document in documents)
    yield _shown(
        pair
        for document in documents
        for dimension, index in zip(policy.series_dimensions, policy.layout.breakdowns, strict=True)
        for pair in zip(document.breakdowns[dimension.name].cells.values(), exact[index], strict=True)
    )
    since = documents[0].change_since_epoch
    before = 0 if since in {None, -1} else int(history.exact[since, total])
    yield _shown((document.change, exact[total] - before) for document in documents)


def _shown(figures: Iterable[tuple[Figure | None, int]]) -> list[_Interval]:
    return [(figure[1], figure[2], truth) for figure, truth in figures if figure]
