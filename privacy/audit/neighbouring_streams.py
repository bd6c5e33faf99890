"""Samples the engine's measurements on two neighbouring datasets, for all statistics at once.

One engagement shifts a measurement by a quarter of its deviation, which 100,000 samples cannot resolve to a
tenth. m engagements at once shift it m times as far, and ρ-zCDP for one is m²·ρ-zCDP for m: the same claim,
at a size that can be measured. The neighbouring dataset has two additional groups of m accounts. The first
flips w times, at the epochs that change the total and one cell of each breakdown most. The second likes and
unlikes w times within the first epoch, which changes the removals most and nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from privacy.audit.exact_gaussian import HalfLine, best_half_line, far_half_line
from privacy.audit.independent_accounting import IndependentAccounting
from privacy.audit.target_histories import CountChange, TargetHistories, build_history, encode_log
from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource
from privacy.model.engagement import Reason
from privacy.release.history import MEASUREMENT

BATCH = 256
"""Releases of one call of the engine; a release worker makes as many."""
CROWD = 100
"""Engagements in addition to the two groups; they arrive in the last epoch, when everything is measured."""


@dataclass(frozen=True)
class FarTail:
    """The far tail of the measurement that the groups shift most.

    Args:
        statistics: indexes of the statistics whose measurements are counted together.
        step: the step of the measurement.
        shift: its shift by the groups, in noise scales.
        half_line: the tail, on the side of the shift.
    """

    statistics: tuple[int, ...]
    step: int
    shift: float
    half_line: HalfLine

    def hits(self, measured: NDArray[np.float64]) -> tuple[int, int]:
        """Counts what is in the tail that is rare without the groups, and in the one that is rare with them.

        Args:
            measured: in noise scales, shape (releases, statistics, steps).
        """
        here = measured[:, self.statistics, self.step] * np.sign(self.shift)
        start = self.half_line.threshold
        return int((here >= start).sum()), int((here <= abs(self.shift) - start).sum())


@dataclass(frozen=True)
class NeighbouringStreams:
    """Both datasets under one mechanism.

    Args:
        calibration: the audited mechanism.
        reference: the audit's own accounting.
        samples: releases of each dataset.
    """

    calibration: Calibration
    reference: IndependentAccounting
    samples: int

    @cached_property
    def group(self) -> int:
        """m: the size that measures the hardest statistic best; below k, so that k hides both groups."""

        def worst_error(size: int) -> float:
            return max(half_line.relative_error(self.samples) for half_line in self._best_half_lines(size))

        return min(range(1, self.reference.policy.k), key=worst_error)

    @cached_property
    def half_lines(self) -> tuple[HalfLine, ...]:
        """The half-line of each statistic, chosen before anything is drawn."""
        return self._best_half_lines(self.group)

    @cached_property
    def joint_half_line(self) -> HalfLine:
        """The half-line of the total and the breakdowns together."""
        rho = sum(self.reference.budgets[:-1]) * self.group**2
        return best_half_line(float(2 * rho) ** 0.5, self.samples)

    @cached_property
    def streams(self) -> NDArray[np.intp]:
        """The sampled stream of each statistic."""
        return np.array([index.start for index in self.reference.streams], np.intp)

    @cached_property
    def shifts(self) -> NDArray[np.float64]:
        """Shift of each measurement by the groups, in noise scales, shape (statistics, steps)."""
        policy, steps = self.reference.policy, self.reference.encoder.shape[0]
        scales = self.calibration.stream_scales[self.streams]
        flips, removals = np.zeros(steps), np.zeros(steps)
        for index, epoch in enumerate(self.reference.worst_history):
            flips[epoch] = -self.group if index % 2 else self.group
        removals[0] = self.group * (policy.flip_cap // 2)
        encoded = [self.reference.encoder @ flips] * (len(scales) - 1) + [self.reference.encoder @ removals]
        return np.stack(encoded) / scales[:, None]

    @cached_property
    def far_tails(self) -> tuple[FarTail, ...]:
        """The far tails, one for all statistics with the same scale and shift."""
        scales, steps = self.calibration.stream_scales[self.streams], np.abs(self.shifts).argmax(axis=1)
        groups: dict[tuple[int, int, float], list[int]] = {}
        for statistic, (scale, step) in enumerate(zip(scales.tolist(), steps.tolist(), strict=True)):
            groups.setdefault((scale, step, float(self.shifts[statistic, step])), []).append(statistic)
        return tuple(
            FarTail(tuple(group), step, shift, far_half_line(abs(shift), self.samples * len(group)))
            for (_, step, shift), group in groups.items()
        )

    def measure(
        self, neighbour: bool, releases: int, entropy: EntropySource
    ) -> Iterator[NDArray[np.float64]]:
        """Yields measurements minus the exact values of the dataset without the groups, in noise scales.

        Args:
            neighbour: whether the groups are included.
            releases: number of releases; they are made in batches.
            entropy: source of the noise.

        Yields:
            Arrays of shape (batch, statistics, steps).
        """
        *past, last = self._build_logs(neighbour)
        before = build_history(self.calibration, past, entropy)
        query = self._exact_query()
        scales = self.calibration.stream_scales[self.streams]
        for start in range(0, releases, BATCH):
            size = min(BATCH, releases - start)
            targets: TargetHistories = before.replicate(size)
            made = targets.release([last] * size, entropy)
            blobs = (
                history[1] + release.measurements
                for history, release in zip(targets.histories, made, strict=True)
            )
            measured = np.stack([self._arrange(blob) for blob in blobs])
            yield (measured - query) / scales[:, None]

    def _best_half_lines(self, size: int) -> tuple[HalfLine, ...]:
        return tuple(
            best_half_line(size * float(2 * rho) ** 0.5, self.samples) for rho in self.reference.budgets
        )

    def _build_logs(self, neighbour: bool) -> list[bytes]:
        """Returns the log of each step."""
        policy, removals = self.reference.policy, self.reference.policy.flip_cap // 2
        cell = {dimension.name: dimension.values[0] for dimension in policy.domain.dimensions}
        logs = [[] for _ in self.reference.coefficients]  # type: list[list[CountChange]]
        if neighbour:
            for index, epoch in enumerate(self.reference.worst_history):
                logs[epoch].append(CountChange(cell, self.group, Reason.POLICY if index % 2 else 0))
            logs[0] += [
                CountChange({}, self.group * removals),
                CountChange({}, self.group * removals, Reason.UNLIKED),
            ]
        gone = policy.k * removals
        logs[-1] += [CountChange(cell, CROWD + policy.k + gone), CountChange(cell, gone, Reason.UNLIKED)]
        return [encode_log(policy, log) for log in logs]

    def _exact_query(self) -> NDArray[np.int64]:
        """Returns the exact C·x of the dataset without the groups, shape (statistics, steps)."""
        policy = self.reference.policy
        counts = np.zeros((len(self.streams), self.reference.encoder.shape[0]), np.int64)
        counts[:-1, -1] = CROWD + policy.k
        counts[-1, -1] = policy.k * (policy.flip_cap // 2)
        return counts @ self.reference.encoder.T

    def _arrange(self, blob: bytes) -> NDArray[np.int64]:
        """Arranges measurements by statistic and step; a missing one is 0, which no test accepts as noise."""
        rows = np.frombuffer(blob, MEASUREMENT)
        laid = np.zeros((int(rows["stream"].max()) + 1, self.reference.encoder.shape[0]), np.int64)
        laid[rows["stream"], rows["step"]] = rows["value"]
        return laid[self.streams]
