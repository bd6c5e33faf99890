"""Generates random histories of targets with their exact counts; most numbers are near a threshold."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from privacy.audit.independent_accounting import IndependentAccounting
from privacy.audit.noise_replay import draw_again
from privacy.audit.recorded_entropy import RecordedEntropy, ReplayError
from privacy.audit.reference_sampler import ReferenceSampler
from privacy.audit.target_histories import CountChange, TargetHistories, encode_log
from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource
from privacy.release.engine import NewRelease
from privacy.release.history import NET_CHANGE

CROWDS = 8
MAX_AT_ONCE = 300
"""Most gains of one cell in one epoch; thresholds of the default policy are between 100 and 400."""
CROWDED_SHARE = 0.04
CROWDED = 100
"""Share of the targets that gain this many times as much."""
UNCHANGED_SHARE = 0.6
"""Share of the cells without losses in an epoch."""

Cell = tuple[tuple[str, str], ...]


@dataclass
class SyntheticTarget:
    """One target, counted without the release code.

    Args:
        reference: the audit's own accounting.
        crowd: factor on all gains.
        counted: counted engagements, by joint cell.
        exact: count of each stream after each step.
    """

    reference: IndependentAccounting
    crowd: int = 1
    counted: Counter[Cell] = field(default_factory=Counter)
    exact: list[NDArray[np.int64]] = field(default_factory=list)

    def advance(self, rng: np.random.Generator) -> bytes:
        """Generates the changes of one epoch and returns their log."""
        gained = [
            (self._draw_cell(rng), self.crowd * int(times))
            for times in rng.integers(0, MAX_AT_ONCE, CROWDS) ** 2 // MAX_AT_ONCE
        ]
        lost = [
            (cell, int(rng.integers(0, times + 1)), int(rng.integers(1, 6)))
            for cell, times in self.counted.items()
            if times and rng.random() > UNCHANGED_SHARE
        ]
        count = self.exact[-1].copy() if self.exact else self._no_counts()
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

    def rest(self, steps: int) -> None:
        """Passes over steps without changes."""
        self.exact += [self.exact[-1] if self.exact else self._no_counts()] * steps

    def gain_at_once(self, rng: np.random.Generator, times: int) -> bytes:
        """Passes over a step in which one cell gains more than a log needs to hold.

        Returns:
            The packed net changes of the step. What was gained in this way is never lost.
        """
        streams = self._streams_of(self._draw_cell(rng))
        count = self.exact[-1].copy() if self.exact else self._no_counts()
        count[streams] += times
        rows = np.empty(len(streams), NET_CHANGE)
        rows["step"], rows["stream"], rows["value"] = len(self.exact), streams, times
        self.exact.append(count)
        return rows.tobytes()

    def _no_counts(self) -> NDArray[np.int64]:
        return np.zeros(self.reference.streams[-1].stop, np.int64)

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
            self.reference.policy.series_dimensions, self.reference.streams[1:], strict=False
        ):
            value = disclosed.get(dimension.name)
            within = len(dimension.values) if value is None else dimension.values.index(value)
            streams.append(stream_slice.start + within)
        return streams


@dataclass(frozen=True)
class HistoryShape:
    """Size of the histories of targets that are released together.

    Args:
        targets: number of targets; one call of the engine releases all of them.
        first_epoch: epoch in which they were registered.
        quiet_steps: steps without changes and releases that come first: everything is drawn at once later.
        releases: number of releases of each target.
    """

    targets: int
    first_epoch: int
    quiet_steps: int
    releases: int


@dataclass(frozen=True)
class ReleaseCase:
    """One release of a synthetic target, with everything needed to check it.

    Args:
        release: made by the engine.
        exact: true counts of each stream at each step so far, shape (steps, streams).
        measured_before: measurements of earlier releases, packed.
        noise: noise of the measurements that are new, drawn again, shape (streams, steps); or why not.
        step: the current step.
        epoch: its number in the schedule.
    """

    release: NewRelease
    exact: NDArray[np.int64]
    measured_before: bytes
    noise: NDArray[np.int64] | ReplayError
    step: int
    epoch: int


def generate_cases(
    calibration: Calibration,
    reference: IndependentAccounting,
    shape: HistoryShape,
    entropy: EntropySource,
) -> Iterator[ReleaseCase]:
    """Generates synthetic targets and releases them epoch by epoch.

    Args:
        calibration: the audited mechanism.
        reference: the audit's own accounting.
        shape: size of the histories.
        entropy: source of the noise and of the histories.
    """
    rng = np.random.default_rng(int.from_bytes(entropy(16)))
    synthetic_targets = [
        SyntheticTarget(reference, CROWDED if rng.random() < CROWDED_SHARE else 1)
        for _ in range(shape.targets)
    ]
    for target in synthetic_targets:
        target.rest(shape.quiet_steps)
    created = TargetHistories.create(calibration, shape.targets, shape.first_epoch)
    targets = replace(created, epoch=shape.first_epoch + shape.quiet_steps)
    for _ in range(shape.releases):
        recorded = RecordedEntropy(entropy)
        logs = [target.advance(rng) for target in synthetic_targets]
        releases = targets.release(logs, recorded, equal_work=True)
        noise = _draw_again(targets, reference, synthetic_targets, recorded)
        for target, release, (_, measured_before), drawn in zip(
            synthetic_targets, releases, targets.histories, noise, strict=True
        ):
            exact = np.stack(target.exact)
            yield ReleaseCase(release, exact, measured_before, drawn, len(exact) - 1, targets.epoch)
        targets = targets.advance(releases)


def _draw_again(
    targets: TargetHistories,
    reference: IndependentAccounting,
    synthetic_targets: Sequence[SyntheticTarget],
    recorded: RecordedEntropy,
) -> Sequence[NDArray[np.int64] | ReplayError]:
    reached = np.stack([target.exact[-1] for target in synthetic_targets]) >= reference.min_counts()
    replay = recorded.replay()
    try:
        scales, sampler = targets.calibration.stream_scales, ReferenceSampler(replay)
        noise = draw_again(targets, reached, scales, sampler, equal_work=True)
        replay.finish()
        return list(noise)
    except ReplayError as error:
        return [error] * len(synthetic_targets)
