"""Replays a history through the real intake, relay and release workers under a virtual clock.

Time jumps to the next occurrence: an epoch ends, a video is posted, or events arrive. Simultaneous
occurrences are processed in this order: releases, creators, videos, staff actions, events. An event at the
end of an epoch therefore belongs to the next epoch.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import NamedTuple, Protocol

from api.replay.records import Action, TimedRecord
from privacy.model.timestamp import MS_PER_DAY
from privacy.release.publication import ReleasePublication
from privacy.release.worker import ReleaseWorker
from privacy.tally.outbox_relay import Relay

BATCH_EVENTS = 2_000
"""Maximum number of events in a batch."""
WAITING_RELEASES = 4_096
"""Number of releases that may wait in the store before they are copied."""
_NEVER_MS = 1 << 62
_LAST_MS = _NEVER_MS - 1


class VirtualClock:
    """A `privacy.model.timestamp.Clock` that moves only forwards, and only when it is advanced.

    Args:
        start_ms: initial time, in ms since 1970 UTC.
    """

    def __init__(self, start_ms: int) -> None:
        self._now_ms = start_ms

    def __call__(self) -> int:
        """Returns the current time, in ms since 1970 UTC."""
        return self._now_ms

    def advance_to(self, moment_ms: int) -> None:
        """Advances to a moment; does nothing if it has passed."""
        self._now_ms = max(self._now_ms, moment_ms)


class _PendingTargets(NamedTuple):
    """Targets that are not registered yet, latest first."""

    creators: list[TimedRecord]
    videos: list[TimedRecord]


class EventSink(Protocol):
    """Accepts a history: `api.replay.intake.InProcessIntake`."""

    def post_creators(self, creators: Sequence[TimedRecord]) -> None:
        """Registers creators."""

    def post_videos(self, videos: Sequence[TimedRecord]) -> None:
        """Registers videos."""

    def post_events(self, events: Sequence[TimedRecord]) -> None:
        """Sends events."""


class Staff(Protocol):
    """Acts on accounts: `api.replay.actions.InProcessStaff`."""

    def carry_out(self, actions: Sequence[Action]) -> None:
        """Carries out actions."""


@dataclass
class Timeline:
    """One run through a history.

    Args:
        clock: the clock of intake and workers.
        intake: of the platform plane.
        relay: of the tally.
        staff: of the platform.
        workers: one per target shard, so that shards without due releases cost nothing.
        publication: copies releases, many together, as nobody reads meanwhile.
        close_audiences: closes the periods of audiences that are over by a time.
        on_events: called with the number of events just sent.
        releases: number of releases made so far.
    """

    clock: VirtualClock
    intake: EventSink
    relay: Relay
    staff: Staff
    workers: Sequence[ReleaseWorker]
    publication: ReleasePublication
    close_audiences: Callable[[int], object]
    on_events: Callable[[int], None]
    releases: int = field(default=0, init=False)
    _next_due_ms: list[int] = field(default_factory=list, init=False)
    _actions: list[Action] = field(default_factory=list, init=False)
    _waiting: int = field(default=0, init=False)

    def run(
        self,
        videos: Iterable[TimedRecord],
        events: Iterable[TimedRecord],
        until_ms: int | None,
        actions: Iterable[Action] = (),
        creators: Iterable[TimedRecord] = (),
    ) -> None:
        """Replays the history.

        Args:
            videos: with the time of posting, in any order.
            events: in the order of arrival; an event that is older than the previous one arrives late.
            until_ms: where the clock stops; None replays until no release is due any more.
            actions: staff actions, in any order.
            creators: with the time from which each is counted, in any order.

        Raises:
            StoreBusyError: a store did not confirm; run it again from the start to continue.
        """
        self._next_due_ms = [_next_due_ms(worker) for worker in self.workers]
        self._actions = sorted(actions, key=lambda action: action.at_ms, reverse=True)
        pending = _PendingTargets(sorted(creators, reverse=True), sorted(videos, reverse=True))
        batch: list[TimedRecord] = []
        horizon_ms = self._advance(pending, self.clock())
        for event in events:
            if event.at_ms >= horizon_ms or len(batch) == BATCH_EVENTS:
                self._send(batch)
                batch = []
                horizon_ms = self._advance(pending, event.at_ms)
            batch.append(event)
        self._send(batch)
        self._advance(pending, _LAST_MS if until_ms is None else until_ms)
        if until_ms is None:
            until_ms = self.publication.read_last_visible_ms()
        self.clock.advance_to(until_ms or 0)
        self._publish()

    def _advance(self, pending: _PendingTargets, moment_ms: int) -> int:
        """Processes everything up to a moment, and returns the time at which a batch must end.

        A batch ends with the epoch, before the next video, and with the UTC day, because of the daily cap.
        """
        while (next_ms := self._next_ms(pending)) <= moment_ms:
            self.clock.advance_to(next_ms)
            self._release()
            self._register_targets(pending)
            self._apply_actions()
        return min(next_ms, (max(moment_ms, self.clock()) // MS_PER_DAY + 1) * MS_PER_DAY)

    def _next_ms(self, pending: _PendingTargets) -> int:
        waiting = [post.at_ms for queue in pending for post in queue[-1:]]
        waiting += [action.at_ms for action in self._actions[-1:]]
        return min(*self._next_due_ms, *waiting, _NEVER_MS)

    def _release(self) -> None:
        now_ms = self.clock()
        due = [index for index, next_ms in enumerate(self._next_due_ms) if next_ms <= now_ms]
        if due:
            self.close_audiences(now_ms)
            self.relay.drain()
        for index in due:
            written = self.workers[index].run_due()
            self.releases += written
            self._waiting += written
            self._next_due_ms[index] = _next_due_ms(self.workers[index])
        if self._waiting >= WAITING_RELEASES:
            self._publish()

    def _publish(self) -> None:
        """Copies what is visible now."""
        self.publication.publish(self.clock())
        self._waiting = 0

    def _register_targets(self, pending: _PendingTargets) -> None:
        now_ms = self.clock()
        for queue, post in (
            (pending.creators, self.intake.post_creators),
            (pending.videos, self.intake.post_videos),
        ):
            posted = list(takewhile(lambda target: target.at_ms <= now_ms, reversed(queue)))
            if posted:
                del queue[-len(posted) :]
                post(posted)
                self._next_due_ms = [_next_due_ms(worker) for worker in self.workers]

    def _apply_actions(self) -> None:
        now_ms = self.clock()
        acted = list(takewhile(lambda action: action.at_ms <= now_ms, reversed(self._actions)))
        if acted:
            del self._actions[-len(acted) :]
            self.staff.carry_out(acted)

    def _send(self, batch: list[TimedRecord]) -> None:
        if batch:
            self.clock.advance_to(max(event.at_ms for event in batch))
            self.intake.post_events(batch)
            self.on_events(len(batch))


def _next_due_ms(worker: ReleaseWorker) -> int:
    """Returns the end of the next epoch of any of a worker's series."""
    moments = (shard.read_next_due_ms() for shard in worker.shards)
    return min((moment for moment in moments if moment is not None), default=_NEVER_MS)
