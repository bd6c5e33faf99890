"""Tells a history through the real intake, relay and release worker, in one process, under a virtual clock.

Time jumps from one thing that happens to the next: an epoch ends, a video is posted, events arrive. What
falls on one moment happens in this order: releases, creators, videos, actions of staff, events; an event at
the very end of an epoch belongs to the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import NamedTuple, Protocol

from api.replay.records import Action, TimedRecord
from api.replay.virtual_clock import VirtualClock
from privacy.model.timestamp import MS_PER_DAY
from privacy.release.worker import ReleaseWorker
from privacy.tally.relay import ENTRIES_PER_STEP, Relay

BATCH_EVENTS = 2_000
"""Events that are sent together, at most."""
_NEVER_MS = 1 << 62
_LAST_MS = _NEVER_MS - 1


class _Posts(NamedTuple):
    """What is still to be registered, latest first."""

    creators: list[TimedRecord]
    videos: list[TimedRecord]


class EventSink(Protocol):
    """Takes a history in: `api.replay.intake.InProcessIntake`."""

    def post_creators(self, creators: Sequence[TimedRecord]) -> None:
        """Register creators."""

    def post_videos(self, videos: Sequence[TimedRecord]) -> None:
        """Register videos."""

    def post_events(self, events: Sequence[TimedRecord]) -> None:
        """Take events in."""


class Staff(Protocol):
    """Acts on accounts: `api.replay.staff.InProcessStaff`."""

    def carry_out(self, actions: Sequence[Action]) -> None:
        """Carry actions out."""


@dataclass
class Timeline:
    """One run through a history.

    Args:
        clock: the one that intake and workers look at.
        intake: of the platform plane.
        relay: of the tally.
        staff: of the platform.
        workers: one a target shard, so that a moment costs nothing on shards where nothing is due.
        on_events: told how many events were just sent.
        releases: written so far.
    """

    clock: VirtualClock
    intake: EventSink
    relay: Relay
    staff: Staff
    workers: Sequence[ReleaseWorker]
    on_events: Callable[[int], None]
    releases: int = field(default=0, init=False)
    _next_due_ms: list[int] = field(default_factory=list, init=False)
    _actions: list[Action] = field(default_factory=list, init=False)
    _unrelayed: bool = field(default=True, init=False)

    def run(
        self,
        videos: Iterable[TimedRecord],
        events: Iterable[TimedRecord],
        until_ms: int | None,
        actions: Iterable[Action] = (),
        creators: Iterable[TimedRecord] = (),
    ) -> None:
        """Tell the history.

        Args:
            videos: when each was posted; any order.
            events: in the order in which they arrived. One that is older than the one before arrives late.
            until_ms: where the clock stops; None lets it run until no release is due any more.
            actions: what staff did, in any order.
            creators: from when on each is counted; any order.

        Raises:
            StoreBusyError: a store did not confirm; running again from the start goes on from there.
        """
        self._next_due_ms = [_next_due_ms(worker) for worker in self.workers]
        self._actions = sorted(actions, key=lambda action: action.at_ms, reverse=True)
        posts = _Posts(sorted(creators, reverse=True), sorted(videos, reverse=True))
        batch: list[TimedRecord] = []
        horizon_ms = self._advance(posts, self.clock())
        for event in events:
            if event.at_ms >= horizon_ms or len(batch) == BATCH_EVENTS:
                self._send(batch)
                batch = []
                horizon_ms = self._advance(posts, event.at_ms)
            batch.append(event)
        self._send(batch)
        self._advance(posts, _LAST_MS if until_ms is None else until_ms)
        if until_ms is not None:
            self.clock.advance_to(until_ms)

    def _advance(self, posts: _Posts, moment_ms: int) -> int:
        """Let everything happen that happens up to a moment; answers when a batch must end at the latest.

        A batch ends with the epoch, before the next video, and with the UTC day, which the daily cap counts
        by.
        """
        while (next_ms := self._next_ms(posts)) <= moment_ms:
            self.clock.advance_to(next_ms)
            self._release()
            self._post(posts)
            self._act()
        return min(next_ms, (max(moment_ms, self.clock()) // MS_PER_DAY + 1) * MS_PER_DAY)

    def _next_ms(self, posts: _Posts) -> int:
        waiting = [post.at_ms for queue in posts for post in queue[-1:]]
        waiting += [action.at_ms for action in self._actions[-1:]]
        return min(*self._next_due_ms, *waiting, _NEVER_MS)

    def _release(self) -> None:
        now_ms = self.clock()
        due = [place for place, next_ms in enumerate(self._next_due_ms) if next_ms <= now_ms]
        if due and self._unrelayed:
            while self.relay.step() >= ENTRIES_PER_STEP:
                pass
            self._unrelayed = False
        for place in due:
            self.releases += self.workers[place].run_due()
            self._next_due_ms[place] = _next_due_ms(self.workers[place])

    def _post(self, posts: _Posts) -> None:
        now_ms = self.clock()
        for queue, post in (
            (posts.creators, self.intake.post_creators),
            (posts.videos, self.intake.post_videos),
        ):
            posted = list(takewhile(lambda target: target.at_ms <= now_ms, reversed(queue)))
            if posted:
                del queue[-len(posted) :]
                post(posted)
                self._next_due_ms = [_next_due_ms(worker) for worker in self.workers]

    def _act(self) -> None:
        now_ms = self.clock()
        acted = list(takewhile(lambda action: action.at_ms <= now_ms, reversed(self._actions)))
        if acted:
            del self._actions[-len(acted) :]
            self.staff.carry_out(acted)
            self._unrelayed = True

    def _send(self, batch: list[TimedRecord]) -> None:
        if batch:
            self.clock.advance_to(max(event.at_ms for event in batch))
            self.intake.post_events(batch)
            self.on_events(len(batch))
            self._unrelayed = True


def _next_due_ms(worker: ReleaseWorker) -> int:
    """When the next epoch of any of a worker's series ends."""
    moments = (shard.read_next_due_ms() for shard in worker.shards)
    return min((moment for moment in moments if moment is not None), default=_NEVER_MS)
