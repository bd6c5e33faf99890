"""Targets with histories chosen by the audit, released by the production engine."""

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

Result = TypeVar("Result")

TARGET_ID = "audited"


@dataclass(frozen=True)
class CountChange:
    """Equal changes of a target's count in one epoch.

    Args:
        cell: the value of each disclosed dimension.
        times: number of changes.
        change: `GAINED`, or the number of the reason for a removal.
    """

    cell: Mapping[str, str]
    times: int
    change: int = GAINED


def encode_log(policy: Policy, changes: Sequence[CountChange]) -> bytes:
    """Encodes changes as the log that the relay would have written."""
    codes = [change_code(policy.domain.code(change.cell), change.change) for change in changes]
    return np.repeat(np.array(codes, "<u4"), [change.times for change in changes]).tobytes()


@dataclass(frozen=True)
class TargetHistories:
    """Targets at one epoch of their schedule.

    Args:
        calibration: their mechanism.
        histories: packed net changes and measurements of the earlier steps of each target.
        first_epoch: epoch in which they were registered.
        epoch: the next epoch.
    """

    calibration: Calibration
    histories: tuple[tuple[bytes, bytes], ...]
    first_epoch: int = 0
    epoch: int = 0

    @classmethod
    def create(cls, calibration: Calibration, count: int, first_epoch: int = 0) -> TargetHistories:
        """Creates targets without any changes."""
        return cls(calibration, ((b"", b""),) * count, first_epoch, first_epoch)

    def release(
        self, logs: Sequence[bytes], entropy: EntropySource, *, equal_work: bool = False
    ) -> list[NewRelease]:
        """Releases each target, given its log of this epoch.

        Without equal work, noise that would be discarded unseen is not drawn: some hundred million draws.
        """
        version, kind = self.calibration.policy.version, self.calibration.kind
        batch = [
            DueSeries(
                SeriesState(
                    number * KINDS_PER_TARGET + kind, TARGET_ID, 0, version, self.first_epoch, self.epoch
                ),
                log,
                net_changes,
                measurements,
            )
            for number, (log, (net_changes, measurements)) in enumerate(
                zip(logs, self.histories, strict=True)
            )
        ]
        return make_releases(batch, self.calibration, entropy, equal_work=equal_work)

    def advance(self, releases: Sequence[NewRelease]) -> TargetHistories:
        """Returns the same targets after these releases."""
        histories = tuple(
            (net_changes + release.net_changes, measurements + release.measurements)
            for release, (net_changes, measurements) in zip(releases, self.histories, strict=True)
        )
        return TargetHistories(self.calibration, histories, self.first_epoch, self.epoch + 1)

    def replicate(self, count: int) -> TargetHistories:
        """Returns the given number of copies of the first target."""
        return TargetHistories(self.calibration, self.histories[:1] * count, self.first_epoch, self.epoch)


def build_history(
    calibration: Calibration, logs: Sequence[bytes], entropy: EntropySource, first_epoch: int = 0
) -> TargetHistories:
    """Returns one target after the given epochs, each released in turn."""
    targets = TargetHistories.create(calibration, 1, first_epoch)
    for log in logs:
        targets = targets.advance(targets.release([log], entropy))
    return targets


def map_documents(releases: Sequence[NewRelease], read: Callable[[ReleaseDocument], Result]) -> list[Result]:
    """Applies a function to the document of each release; equal bytes are read only once."""
    results: dict[bytes, Result] = {}
    for release in releases:
        if release.encoded not in results:
            results[release.encoded] = read(release.document)
    return [results[release.encoded] for release in releases]
