"""Simulated targets through all their releases, and how far what was published is from the exact counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import os_entropy
from privacy.model.change import GAINED, change_code
from privacy.model.documents import Figure
from privacy.model.engagement import Reason
from privacy.policy.policy import Policy
from privacy.release.engine import NewRelease
from privacy.release.history import MEASUREMENT, StreamRecords
from tests.support.simulation import Simulation

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIRST_GAINS: Final = 22_000
FIRST_REMOVALS_PER_REASON: Final = 900
"""In epoch 0: every stream clears its threshold from then on. A sample of some of them would be biased."""
LATER_GAINS: Final = 40
LATER_REMOVALS: Final = 15
_UNDISCLOSED_GAINS: Final = 1_000


@dataclass(frozen=True)
class Life:
    """What happens to a target in each epoch: the log, and the exact counts after it.

    Args:
        logs: one an epoch.
        exact: shape (epochs, streams).
    """

    logs: Sequence[bytes]
    exact: NDArray[np.int64]

    @classmethod
    def varied(cls, policy: Policy, generator: np.random.Generator) -> Life:
        """Likes in all joint cells, and removals for all reasons."""
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
    def undisclosed(cls, policy: Policy) -> Life:
        """Likes of private accounts only: few streams, so many targets can be simulated."""
        codes = np.full(_UNDISCLOSED_GAINS, policy.domain.undisclosed_code)
        later = [(GAINED, codes[:LATER_GAINS])]
        return cls._of([[(GAINED, codes)], *([later] * (policy.schedule.epochs - 1))], policy)

    @classmethod
    def _of(cls, epochs: Sequence[Sequence[tuple[int, NDArray[np.int64]]]], policy: Policy) -> Life:
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
    """How far estimates were off, summed over targets.

    Args:
        squares: Σ ((n̂ − n)/stated deviation)² of each stream at each epoch, shape (epochs, streams).
        targets: how many.
        covered: how many published intervals held the exact number, shape (epochs, 3): of totals, of cells,
            of changes of the total.
        published: how many there were, the same shape.
    """

    squares: NDArray[np.float64]
    targets: int
    covered: NDArray[np.int64]
    published: NDArray[np.int64]

    def __add__(self, more: Errors) -> Errors:
        """Both together."""
        return Errors(
            self.squares + more.squares,
            self.targets + more.targets,
            self.covered + more.covered,
            self.published + more.published,
        )


def live(calibration: Calibration, life: Life, targets: int) -> Errors:
    """Let targets live the same life; their noise differs."""
    policy = calibration.policy
    epochs, streams = policy.schedule.epochs, policy.layout.count
    simulation = Simulation.of(calibration, targets)
    measured = np.zeros((targets, streams, epochs), np.int64)
    squares = np.zeros((epochs, streams))
    covered, published = np.zeros((epochs, 3), np.int64), np.zeros((epochs, 3), np.int64)
    for epoch, log in enumerate(life.logs):
        releases = simulation.release([log] * targets, os_entropy)
        simulation = simulation.after(releases)
        drawn = StreamRecords.unpack([release.measurements for release in releases], MEASUREMENT)
        measured[drawn.series_index, drawn.streams, drawn.steps] = drawn.values
        estimates = measured[:, :, : epoch + 1] @ calibration.factorisation.decoder[epoch, : epoch + 1]
        deviations = calibration.deviations(np.array([epoch]))[0]
        squares[epoch] = (((estimates - life.exact[epoch]) / deviations) ** 2).sum(axis=0)
        for kind, intervals in enumerate(_intervals(releases, life, policy, epoch)):
            published[epoch, kind] = len(intervals)
            covered[epoch, kind] = sum(low <= truth <= high for low, high, truth in intervals)
    return Errors(squares, targets, covered, published)


def _streams(codes: NDArray[np.int64], change: int, policy: Policy) -> NDArray[np.int64]:
    """What changes of one sort do to each stream, worked out as the policy's words say it."""
    layout = policy.layout
    net = np.zeros(layout.count, np.int64)
    sign = 1 if change == GAINED else -1
    net[layout.total] = sign * len(codes)
    shape = tuple(len(dimension.cells) for dimension in policy.domain.dimensions)
    for place, cells in zip(layout.breakdowns, np.unravel_index(codes, shape), strict=True):
        net[place] = sign * np.bincount(cells, minlength=place.stop - place.start)
    if change != GAINED:
        net[layout.removals.start + change - 1] = len(codes)
    return net


_Interval = tuple[int, int, int]
"""Low, high, and the exact number."""


def _intervals(
    releases: Sequence[NewRelease], life: Life, policy: Policy, epoch: int
) -> Iterator[list[_Interval]]:
    """Published intervals of totals, of cells, and of changes of the total."""
    documents = [release.document for release in releases]
    exact = life.exact[epoch].tolist()
    total = policy.layout.total
    yield _shown((document.total, exact[total]) for document in documents)
    yield _shown(
        pair
        for document in documents
        for dimension, place in zip(policy.domain.dimensions, policy.layout.breakdowns, strict=True)
        for pair in zip(document.breakdowns[dimension.name].cells.values(), exact[place], strict=True)
    )
    since = documents[0].change_since_epoch
    before = 0 if since in {None, -1} else int(life.exact[since, total])
    yield _shown((document.change, exact[total] - before) for document in documents)


def _shown(figures: Iterable[tuple[Figure | None, int]]) -> list[_Interval]:
    return [(figure[1], figure[2], truth) for figure, truth in figures if figure]
