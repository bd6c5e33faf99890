"""Makes the releases of many series at once. No store, no clock, no randomness but its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource
from privacy.model.documents import PointDocument, ReleaseDocument
from privacy.policy.schedule import Schedule
from privacy.release.figures import NO_STEP, publishable_estimates
from privacy.release.history import MEASUREMENT, NET_CHANGE, StreamRecords
from privacy.release.marginals import net_changes
from privacy.release.measure import measure
from privacy.release.render import render
from privacy.tally.series import DueSeries, SeriesState

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(ReleaseDocument).decode


@dataclass(frozen=True)
class NewRelease:
    """One release, not yet written.

    Args:
        due: what it was made from.
        as_of_ms: when the epoch ended by its schedule.
        cut_at_ms: when the counts were cut, as the document says it.
        encoded: the release document, byte for byte as the gallery will hold it permanently.
        point: its encoded point in the time series.
        net_changes: exact net changes of this step, packed.
        measurements: what was drawn, packed.
    """

    due: DueSeries
    as_of_ms: int
    cut_at_ms: int
    encoded: bytes
    point: bytes
    net_changes: bytes
    measurements: bytes

    @property
    def document(self) -> ReleaseDocument:
        """What the bytes say."""
        return _DECODE(self.encoded)


def make_releases(
    batch: Sequence[DueSeries], calibration: Calibration, entropy: EntropySource, cut_at_ms: int
) -> list[NewRelease]:
    """Measure, gate and render the next release of each series.

    Args:
        batch: series of the calibration's kind, bound to its policy.
        calibration: the mechanism.
        entropy: where the noise comes from.
        cut_at_ms: the time at which their logs were read.

    Raises:
        OverflowError: a count is beyond what the exact arithmetic can carry.
    """
    policy = calibration.policy
    states = [due.state for due in batch]
    steps = np.array([state.epoch - state.first_epoch for state in states], np.intp)
    logs = [np.frombuffer(due.log, "<u4") for due in batch]
    owners = np.repeat(np.arange(len(batch)), [len(log) for log in logs])
    now = net_changes(owners, np.concatenate(logs), len(batch), policy)
    this_step = _nonzero_records(now, steps)
    net = StreamRecords.unpack([due.net_changes for due in batch], NET_CHANGE) + this_step
    exact = net.totals(now.shape)
    before = StreamRecords.unpack([due.measurements for due in batch], MEASUREMENT)
    measured = measure(net, exact, steps, before, calibration, entropy)
    shown = publishable_estimates(exact, steps, _since(states, calibration.schedule), measured, calibration)
    return [
        NewRelease(
            due,
            document.as_of_ms,
            document.cut_at_ms,
            _ENCODE(document),
            _ENCODE(PointDocument.from_release(document)),
            changes,
            measurements,
        )
        for due, document, changes, measurements in zip(
            batch,
            render(states, shown, calibration, cut_at_ms),
            this_step.pack(len(batch), NET_CHANGE),
            measured.drawn.pack(len(batch), MEASUREMENT),
            strict=True,
        )
    ]


def _nonzero_records(now: NDArray[np.int64], steps: NDArray[np.intp]) -> StreamRecords:
    owners, streams = np.nonzero(now)
    return StreamRecords(owners, streams, steps[owners], now[owners, streams])


def _since(states: Sequence[SeriesState], schedule: Schedule) -> NDArray[np.intp]:
    """The step at least a day before each series' current one; before its first step all counts were zero."""
    since = []
    for state in states:
        epoch = schedule.day_before(state.epoch)
        since.append(NO_STEP if epoch is None else max(epoch - state.first_epoch, -1))
    return np.array(since, np.intp)
