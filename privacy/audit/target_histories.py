"""Targets whose whole life an audit chooses, released by the engine that releases everybody's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource
from privacy.model.change import GAINED, change_code
from privacy.model.documents import ReleaseDocument
from privacy.model.engagement import KINDS_PER_TARGET
from privacy.policy.policy import Policy
from privacy.release.engine import NewRelease, make_releases
from privacy.tally.series import DueSeries, SeriesState

Seen = TypeVar("Seen")

CUT_AT_MS = 0
TARGET_ID = "audited"


@dataclass(frozen=True)
class CountChange:
    """Something that happens to a target several times in one epoch.

    Args:
        cell: a value for each dimension that is disclosed.
        times: how often.
        change: +1, or the number of the reason for −1.
    """

    cell: Mapping[str, str]
    times: int
    change: int = GAINED


def log_of(policy: Policy, happenings: Sequence[CountChange]) -> bytes:
    """The log that the relay would have written."""
    codes = [change_code(policy.domain.code(happening.cell), happening.change) for happening in happenings]
    return np.repeat(np.array(codes, "<u4"), [happening.times for happening in happenings]).tobytes()


@dataclass(frozen=True)
class TargetHistories:
    """Targets that stand at one epoch of their schedule.

    Args:
        calibration: their mechanism.
        histories: net changes and measurements of each one's earlier steps, packed.
        first_epoch: the epoch that ran when they were registered.
        epoch: the next one.
    """

    calibration: Calibration
    histories: tuple[tuple[bytes, bytes], ...]
    first_epoch: int = 0
    epoch: int = 0

    @classmethod
    def fresh(cls, calibration: Calibration, count: int, first_epoch: int = 0) -> TargetHistories:
        """So many targets to which nothing has happened."""
        return cls(calibration, ((b"", b""),) * count, first_epoch, first_epoch)

    def release(self, logs: Sequence[bytes], entropy: EntropySource) -> list[NewRelease]:
        """The release of each, given what happened to it in this epoch."""
        version, kind = self.calibration.policy.version, self.calibration.kind
        batch = [
            DueSeries(
                SeriesState(
                    number * KINDS_PER_TARGET + kind, TARGET_ID, 0, version, self.first_epoch, self.epoch, 0
                ),
                log,
                net_changes,
                measurements,
            )
            for number, (log, (net_changes, measurements)) in enumerate(
                zip(logs, self.histories, strict=True)
            )
        ]
        return make_releases(batch, self.calibration, entropy, CUT_AT_MS)

    def after(self, releases: Sequence[NewRelease]) -> TargetHistories:
        """The same targets after these releases."""
        histories = tuple(
            (net_changes + release.net_changes, measurements + release.measurements)
            for release, (net_changes, measurements) in zip(releases, self.histories, strict=True)
        )
        return TargetHistories(self.calibration, histories, self.first_epoch, self.epoch + 1)

    def times(self, count: int) -> TargetHistories:
        """So many copies of the first of them."""
        return TargetHistories(self.calibration, self.histories[:1] * count, self.first_epoch, self.epoch)


def lived(
    calibration: Calibration, logs: Sequence[bytes], entropy: EntropySource, first_epoch: int = 0
) -> TargetHistories:
    """One target after these epochs, each released in its turn."""
    targets = TargetHistories.fresh(calibration, 1, first_epoch)
    for log in logs:
        targets = targets.after(targets.release([log], entropy))
    return targets


def each_shown(releases: Sequence[NewRelease], look: Callable[[ReleaseDocument], Seen]) -> list[Seen]:
    """What is seen in each release; bytes that are equal show the same, so they are read once."""
    seen: dict[bytes, Seen] = {}
    for release in releases:
        if release.encoded not in seen:
            seen[release.encoded] = look(release.document)
    return [seen[release.encoded] for release in releases]
