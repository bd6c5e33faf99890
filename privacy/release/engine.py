"""Makes the releases of many series at once, as pure functions: store, clock and randomness are arguments."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource
from privacy.model.documents import ReleaseDocument
from privacy.policy.schedule import Schedule
from privacy.release.estimates import NO_STEP, publishable_estimates
from privacy.release.history import MEASUREMENT, NET_CHANGE, StreamRecords
from privacy.release.marginals import compute_net_changes
from privacy.release.measure import measure
from privacy.release.render import render
from privacy.tally.series import DueSeries, SeriesState

_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(ReleaseDocument).decode


class NewRelease(msgspec.Struct, frozen=True, gc=False):
    """A release that is not yet written.

    Args:
        due: its inputs.
        as_of_ms: scheduled end of the epoch.
        encoded: the release document, byte for byte as the gallery will hold it permanently.
        net_changes: exact net changes of this step, packed.
        measurements: measurements drawn for this release, packed.
    """

    due: DueSeries
    as_of_ms: int
    encoded: bytes
    net_changes: bytes
    measurements: bytes

    @property
    def document(self) -> ReleaseDocument:
        """The document, decoded from its bytes."""
        return _DECODE(self.encoded)


def make_releases(
    batch: Sequence[DueSeries], calibration: Calibration, entropy: EntropySource, *, equal_work: bool = True
) -> list[NewRelease]:
    """Measure, gate and render the next release of each series.

    Args:
        batch: series of the calibration's kind, bound to its policy.
        calibration: the mechanism.
        entropy: source of the noise.
        equal_work: as in `measure`.

    Raises:
        OverflowError: a count exceeds the range of the exact arithmetic.
    """
    policy = calibration.policy
    states = [due.state for due in batch]
    steps = np.array([state.epoch - state.first_epoch for state in states], np.intp)
    logs = [np.frombuffer(due.log, "<u4") for due in batch]
    series_index = np.repeat(np.arange(len(batch)), [len(log) for log in logs])
    now = compute_net_changes(series_index, np.concatenate(logs), len(batch), policy)
    this_step = _nonzero_records(now, steps)
    net = StreamRecords.unpack([due.net_changes for due in batch], NET_CHANGE) + this_step
    exact = net.sum_over_steps(now.shape)
    before = StreamRecords.unpack([due.measurements for due in batch], MEASUREMENT)
    measured = measure(net, exact, steps, before, calibration, entropy, equal_work=equal_work)
    previous_steps = _previous_day_steps(states, calibration.schedule)
    estimates = publishable_estimates(exact, steps, previous_steps, measured, calibration)
    return [
        NewRelease(
            due,
            document.as_of_ms,
            _ENCODE(document),
            changes,
            measurements,
        )
        for due, document, changes, measurements in zip(
            batch,
            render(states, estimates, calibration),
            this_step.pack(len(batch), NET_CHANGE),
            measured.drawn.pack(len(batch), MEASUREMENT),
            strict=True,
        )
    ]


def _nonzero_records(now: NDArray[np.int64], steps: NDArray[np.intp]) -> StreamRecords:
    series_index, streams = np.nonzero(now)
    return StreamRecords(series_index, streams, steps[series_index], now[series_index, streams])


def _previous_day_steps(states: Sequence[SeriesState], schedule: Schedule) -> NDArray[np.intp]:
    """Return the step at least a day before each series' current one; before step 0, all counts were zero."""
    steps = []
    for state in states:
        epoch = schedule.day_before(state.epoch)
        steps.append(NO_STEP if epoch is None else max(epoch - state.first_epoch, -1))
    return np.array(steps, np.intp)
