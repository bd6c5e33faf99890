"""Lives of targets made up at random, most numbers near a threshold, exact counts beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from privacy.audit.independent_accounting import Recomputed
from privacy.audit.target_histories import CountChange, TargetHistories, log_of
from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource
from privacy.release.engine import NewRelease

if TYPE_CHECKING:
    from numpy.typing import NDArray

CROWDS = 8
MAX_AT_ONCE = 300
"""Of one crowd in one epoch: thresholds of the default policy lie between 100 and 400."""
KEPT = 0.6
"""Share of the crowds that lose nobody in an epoch."""

Cell = tuple[tuple[str, str], ...]


@dataclass
class TargetHistory:
    """One target: what happened to it, counted without the code that releases it.

    Args:
        own: the audit's view of the policy.
        standing: engagements that stand, by joint cell.
        exact: count of each stream after each step.
    """

    own: Recomputed
    standing: Counter[Cell] = field(default_factory=Counter)
    exact: list[NDArray[np.int64]] = field(default_factory=list)

    def epoch(self, chance: np.random.Generator) -> bytes:
        """Let one epoch happen; its log."""
        gained = [
            (self._cell(chance), int(times))
            for times in chance.integers(0, MAX_AT_ONCE, CROWDS) ** 2 // MAX_AT_ONCE
        ]
        lost = [
            (cell, int(chance.integers(0, times + 1)), int(chance.integers(1, 6)))
            for cell, times in self.standing.items()
            if times and chance.random() > KEPT
        ]
        count = self.exact[-1].copy() if self.exact else np.zeros(self.own.streams[-1].stop, np.int64)
        for cell, times in gained:
            self.standing[cell] += times
            count[self._places(cell)] += times
        for cell, times, reason in lost:
            self.standing[cell] -= times
            count[self._places(cell)] -= times
            count[self.own.streams[-1].start + reason - 1] += times
        self.exact.append(count)
        happenings = [CountChange(dict(cell), times) for cell, times in gained]
        happenings += [CountChange(dict(cell), times, reason) for cell, times, reason in lost]
        return log_of(self.own.policy, happenings)

    def _cell(self, chance: np.random.Generator) -> Cell:
        """A joint cell; two in three of its values are among the first three, one in eight is undisclosed."""
        cell = []
        for dimension in self.own.policy.domain.dimensions:
            if chance.random() > 1 / 8:
                few = min(3, len(dimension.values)) if chance.random() < 2 / 3 else len(dimension.values)
                cell.append((dimension.name, dimension.values[int(chance.integers(few))]))
        return tuple(cell)

    def _places(self, cell: Cell) -> list[int]:
        """The streams that an engagement of this cell stands in."""
        disclosed, places = dict(cell), [0]
        for dimension, place in zip(self.own.policy.domain.dimensions, self.own.streams[1:], strict=False):
            value = disclosed.get(dimension.name)
            within = len(dimension.values) if value is None else dimension.values.index(value)
            places.append(place.start + within)
        return places


@dataclass(frozen=True)
class Epoch:
    """One release of one invented target, with all that an examiner needs.

    Args:
        release: what the engine made.
        exact: true counts of each stream at each step so far, shape (steps, streams).
        measured_before: measurements of earlier releases, packed.
        step: the current one.
        epoch: its number in the schedule.
    """

    release: NewRelease
    exact: NDArray[np.int64]
    measured_before: bytes
    step: int
    epoch: int


def invented_epochs(
    calibration: Calibration, own: Recomputed, size: tuple[int, int, int], entropy: EntropySource
) -> Iterator[Epoch]:
    """Release made-up targets epoch by epoch.

    Args:
        calibration: the mechanism that is audited.
        own: the audit's view of it.
        size: number of targets, of epochs, and the first epoch.
        entropy: of the noise, and of what happens.
    """
    count, epochs, first_epoch = size
    chance = np.random.default_rng(int.from_bytes(entropy(16)))
    lives = [TargetHistory(own) for _ in range(count)]
    targets = TargetHistories.fresh(calibration, count, first_epoch)
    for step in range(epochs):
        releases = targets.release([life.epoch(chance) for life in lives], entropy)
        for life, release, (_, measured_before) in zip(lives, releases, targets.histories, strict=True):
            yield Epoch(release, np.stack(life.exact), measured_before, step, targets.epoch)
        targets = targets.after(releases)
