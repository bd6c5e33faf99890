"""Two neighbouring worlds for every statistic at once, and what the engine measures in them.

One engagement moves a measurement by a quarter of its deviation, which 100,000 samples cannot resolve to a
tenth. m engagements at once move it m times as far, and ρ-zCDP for one is m²·ρ-zCDP for m: the same claim,
where it can be seen. The neighbouring world has two groups of m accounts more. The first flips w times at
the epochs that move the total and one cell of each breakdown most. The second likes and unlikes w times
within the first epoch, which moves the removals most and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from privacy.audit.exact_gaussian import OutputSet, best_event
from privacy.audit.independent_accounting import Recomputed
from privacy.audit.target_histories import CountChange, TargetHistories, lived, log_of
from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource
from privacy.model.engagement import Reason
from privacy.release.history import MEASUREMENT

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH = 250
CROWD = 100
"""Engagements beside those of the two groups; they come in the last epoch, when all is measured at once."""


@dataclass(frozen=True)
class StreamWorlds:
    """Both worlds under one mechanism.

    Args:
        calibration: the mechanism that is audited.
        own: the same, worked out by the audit.
        samples: releases in each world.
    """

    calibration: Calibration
    own: Recomputed
    samples: int

    @cached_property
    def group(self) -> int:
        """m: where the hardest statistic is measured best; below k, so that k hides both groups."""

        def worst_error(size: int) -> float:
            return max(event.relative_error(self.samples) for event in self._events(size))

        return min(range(1, self.own.policy.k), key=worst_error)

    @cached_property
    def events(self) -> tuple[OutputSet, ...]:
        """The event of each statistic, chosen before anything is drawn."""
        return self._events(self.group)

    @cached_property
    def event_of_all(self) -> OutputSet:
        """That of the total and the breakdowns together."""
        rho = sum(self.own.budgets[:-1]) * self.group**2
        return best_event(float(2 * rho) ** 0.5, self.samples)

    @cached_property
    def streams(self) -> NDArray[np.intp]:
        """The stream of each statistic that is looked at."""
        return np.array([place.start for place in self.own.streams], np.intp)

    @cached_property
    def shifts(self) -> NDArray[np.float64]:
        """What the groups add to each measurement, in noise scales, shape (statistics, steps)."""
        policy, steps = self.own.policy, self.own.encoder.shape[0]
        scales = self.calibration.stream_scales[self.streams]
        flips, removals = np.zeros(steps), np.zeros(steps)
        for place, epoch in enumerate(self.own.worst_history):
            flips[epoch] = -self.group if place % 2 else self.group
        removals[0] = self.group * (policy.flip_cap // 2)
        encoded = [self.own.encoder @ flips] * (len(scales) - 1) + [self.own.encoder @ removals]
        return np.stack(encoded) / scales[:, None]

    def noise(self, neighbour: bool, releases: int, entropy: EntropySource) -> Iterator[NDArray[np.float64]]:
        """Measurements less what was to be measured in the world without the groups, in noise scales.

        Args:
            neighbour: whether the groups are there.
            releases: how many, in batches.
            entropy: where the noise comes from.

        Yields:
            shape (batch, statistics, steps).
        """
        *past, last = self._logs(neighbour)
        before = lived(self.calibration, past, entropy)
        query = self._query()
        scales = self.calibration.stream_scales[self.streams]
        for start in range(0, releases, BATCH):
            size = min(BATCH, releases - start)
            targets: TargetHistories = before.times(size)
            made = targets.release([last] * size, entropy)
            blobs = (
                history[1] + release.measurements
                for history, release in zip(targets.histories, made, strict=True)
            )
            measured = np.stack([self._laid_out(blob) for blob in blobs])
            yield (measured - query) / scales[:, None]

    def _events(self, size: int) -> tuple[OutputSet, ...]:
        return tuple(best_event(size * float(2 * rho) ** 0.5, self.samples) for rho in self.own.budgets)

    def _logs(self, neighbour: bool) -> list[bytes]:
        """The log of each step."""
        policy, removals = self.own.policy, self.own.policy.flip_cap // 2
        cell = {dimension.name: dimension.values[0] for dimension in policy.domain.dimensions}
        logs = [[] for _ in self.own.coefficients]  # type: list[list[CountChange]]
        if neighbour:
            for place, epoch in enumerate(self.own.worst_history):
                logs[epoch].append(CountChange(cell, self.group, Reason.POLICY if place % 2 else 0))
            logs[0] += [
                CountChange({}, self.group * removals),
                CountChange({}, self.group * removals, Reason.UNLIKED),
            ]
        gone = policy.k * removals
        logs[-1] += [CountChange(cell, CROWD + policy.k + gone), CountChange(cell, gone, Reason.UNLIKED)]
        return [log_of(policy, log) for log in logs]

    def _query(self) -> NDArray[np.int64]:
        """C·x of the world without the groups, exactly, shape (statistics, steps)."""
        policy = self.own.policy
        counts = np.zeros((len(self.streams), self.own.encoder.shape[0]), np.int64)
        counts[:-1, -1] = CROWD + policy.k
        counts[-1, -1] = policy.k * (policy.flip_cap // 2)
        return counts @ self.own.encoder.T

    def _laid_out(self, blob: bytes) -> NDArray[np.int64]:
        """Measurements by statistic and step; a missing one is a zero, which no test takes for noise."""
        rows = np.frombuffer(blob, MEASUREMENT)
        laid = np.zeros((int(rows["stream"].max()) + 1, self.own.encoder.shape[0]), np.int64)
        laid[rows["stream"], rows["step"]] = rows["value"]
        return laid[self.streams]
