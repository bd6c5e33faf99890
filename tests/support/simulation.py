"""Releases without a store: targets that are all at one epoch, and the logs that arrive in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource
from privacy.model.change import change_code
from privacy.model.documents import ReleaseDocument
from privacy.model.engagement import KINDS_PER_TARGET
from privacy.policy.policy import Policy
from privacy.release.engine import NewRelease, make_releases
from privacy.tally.series import DueSeries, SeriesState

LIKE, UNLIKED = 0, 1


@dataclass(frozen=True)
class Simulation:
    """Targets of one policy before a release; `after` gives the same targets before the one that follows.

    Args:
        calibration: their mechanism.
        histories: records of each target: net changes and measurements, packed.
        epoch: the next one.
    """

    calibration: Calibration
    histories: Sequence[tuple[bytes, bytes]]
    epoch: int = 0

    @classmethod
    def start(cls, calibration: Calibration, targets: int, epoch: int = 0) -> Simulation:
        """Return the given number of targets, registered at epoch 0, without changes before `epoch`."""
        return cls(calibration, [(b"", b"")] * targets, epoch)

    def batch(self, logs: Sequence[bytes]) -> list[DueSeries]:
        """The inputs of the next release of every target."""
        return [
            DueSeries(self._state(number), log, net, measured)
            for number, (log, (net, measured)) in enumerate(zip(logs, self.histories, strict=True))
        ]

    def release(
        self, logs: Sequence[bytes], entropy: EntropySource, *, equal_work: bool = False
    ) -> list[NewRelease]:
        """The release of every target, given what happened to it in this epoch.

        Without equal work, noise that would be discarded unseen is not drawn.
        """
        return make_releases(self.batch(logs), self.calibration, entropy, equal_work=equal_work)

    def documents(self, logs: Sequence[bytes], entropy: EntropySource) -> list[ReleaseDocument]:
        """The documents of `release`."""
        return [release.document for release in self.release(logs, entropy)]

    def after(self, releases: Sequence[NewRelease]) -> Simulation:
        """The targets after these releases."""
        histories = [
            (net + release.net_changes, measured + release.measurements)
            for release, (net, measured) in zip(releases, self.histories, strict=True)
        ]
        return Simulation(self.calibration, histories, self.epoch + 1)

    def _state(self, number: int) -> SeriesState:
        version = self.calibration.policy.version
        return SeriesState(number * KINDS_PER_TARGET, f"video-{number}", 0, version, 0, self.epoch)


def log_of(policy: Policy, changes: Sequence[tuple[Mapping[str, str], int, int]]) -> bytes:
    """A log.

    Args:
        policy: its domain gives the codes.
        changes: joint cell, change (0 or a reason), how many of them.
    """
    codes = [change_code(policy.domain.code(cell), change) for cell, change, _ in changes]
    return np.repeat(np.array(codes, "<u4"), [times for *_, times in changes]).tobytes()


@dataclass
class CountingEntropy:
    """An entropy source that counts the bytes it returned.

    Args:
        source: where the bytes come from.
    """

    source: EntropySource
    given: int = field(default=0, init=False)
    """Number of bytes returned so far."""

    def __call__(self, count: int) -> bytes:
        """Return the given number of bytes."""
        self.given += count
        return self.source(count)
