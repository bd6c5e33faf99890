"""Generates random histories of targets with their exact counts; most numbers are near a threshold."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from privacy.audit.independent_accounting import IndependentAccounting
from privacy.audit.target_histories import CountChange, TargetHistories, encode_log
from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource
from privacy.release.engine import NewRelease

CROWDS = 8
MAX_AT_ONCE = 300
"""Most gains of one cell in one epoch; thresholds of the default policy are between 100 and 400."""
UNCHANGED_SHARE = 0.6
"""Share of the cells without losses in an epoch."""

Cell = tuple[tuple[str, str], ...]


@dataclass
class SyntheticTarget:
    """One target, counted without the release code.

    Args:
        reference: the audit's own accounting.
        counted: counted engagements, by joint cell.
        exact: count of each stream after each step.
    """

    reference: IndependentAccounting
    counted: Counter[Cell] = field(default_factory=Counter)
    exact: list[NDArray[np.int64]] = field(default_factory=list)

    def advance(self, rng: np.random.Generator) -> bytes:
        """Generates the changes of one epoch and returns their log."""
        gained = [
            (self._draw_cell(rng), int(times))
            for times in rng.integers(0, MAX_AT_ONCE, CROWDS) ** 2 // MAX_AT_ONCE
        ]
        lost = [
            (cell, int(rng.integers(0, times + 1)), int(rng.integers(1, 6)))
            for cell, times in self.counted.items()
            if times and rng.random() > UNCHANGED_SHARE
        ]
        count = self.exact[-1].copy() if self.exact else np.zeros(self.reference.streams[-1].stop, np.int64)
        for cell, times in gained:
            self.counted[cell] += times
            count[self._streams_of(cell)] += times
        for cell, times, reason in lost:
            self.counted[cell] -= times
            count[self._streams_of(cell)] -= times
            count[self.reference.streams[-1].start + reason - 1] += times
        self.exact.append(count)
        changes = [CountChange(dict(cell), times) for cell, times in gained]
        changes += [CountChange(dict(cell), times, reason) for cell, times, reason in lost]
        return encode_log(self.reference.policy, changes)

    def _draw_cell(self, rng: np.random.Generator) -> Cell:
        """Draws a joint cell; of its values, 2/3 are among the first three and 1/8 are undisclosed."""
        cell = []
        for dimension in self.reference.policy.domain.dimensions:
            if rng.random() > 1 / 8:
                few = min(3, len(dimension.values)) if rng.random() < 2 / 3 else len(dimension.values)
                cell.append((dimension.name, dimension.values[int(rng.integers(few))]))
        return tuple(cell)

    def _streams_of(self, cell: Cell) -> list[int]:
        """Returns the streams that count an engagement of this cell."""
        disclosed, streams = dict(cell), [0]
        for dimension, stream_slice in zip(
            self.reference.policy.domain.dimensions, self.reference.streams[1:], strict=False
        ):
            value = disclosed.get(dimension.name)
            within = len(dimension.values) if value is None else dimension.values.index(value)
            streams.append(stream_slice.start + within)
        return streams


@dataclass(frozen=True)
class ReleaseCase:
    """One release of a synthetic target, with everything needed to check it.

    Args:
        release: made by the engine.
        exact: true counts of each stream at each step so far, shape (steps, streams).
        measured_before: measurements of earlier releases, packed.
        step: the current step.
        epoch: its number in the schedule.
    """

    release: NewRelease
    exact: NDArray[np.int64]
    measured_before: bytes
    step: int
    epoch: int


def generate_cases(
    calibration: Calibration,
    reference: IndependentAccounting,
    size: tuple[int, int, int],
    entropy: EntropySource,
) -> Iterator[ReleaseCase]:
    """Generates synthetic targets and releases them epoch by epoch.

    Args:
        calibration: the audited mechanism.
        reference: the audit's own accounting.
        size: number of targets, number of epochs, and the first epoch.
        entropy: source of the noise and of the histories.
    """
    count, epochs, first_epoch = size
    rng = np.random.default_rng(int.from_bytes(entropy(16)))
    synthetic_targets = [SyntheticTarget(reference) for _ in range(count)]
    targets = TargetHistories.create(calibration, count, first_epoch)
    for step in range(epochs):
        releases = targets.release([target.advance(rng) for target in synthetic_targets], entropy)
        for target, release, (_, measured_before) in zip(
            synthetic_targets, releases, targets.histories, strict=True
        ):
            yield ReleaseCase(release, np.stack(target.exact), measured_before, step, targets.epoch)
        targets = targets.advance(releases)
