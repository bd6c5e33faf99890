"""The order and the times at which a history is replayed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.replay import timeline as timeline_module
from api.replay.records import Action, ActionKind, TimedRecord
from api.replay.timeline import BATCH_EVENTS, Timeline, VirtualClock
from privacy.model.timestamp import MS_PER_DAY, MS_PER_HOUR
from privacy.release.publication import ReleasePublication
from privacy.release.worker import ReleaseWorker
from privacy.tally.outbox_relay import Relay

EPOCH_MS = MS_PER_HOUR
DELAY_MS = 120_000
EPOCHS = 3


@dataclass
class FakeSystem:
    """A plane, a relay and one release worker that only record calls.

    Every video has `EPOCHS` epochs of `EPOCH_MS` from its posting.
    """

    clock: VirtualClock = field(default_factory=lambda: VirtualClock(0))
    log: list[tuple[str, int, Any]] = field(default_factory=list)
    due: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    """From when the releases are visible that were written and not yet published."""
    published: int = 0

    @property
    def shards(self) -> list[FakeSystem]:
        """The one shard."""
        return [self]

    def read_next_due_ms(self) -> int | None:
        """Returns the end of the next epoch of any video."""
        return min(self.due, default=None)

    def post_videos(self, videos: Sequence[TimedRecord]) -> None:
        """Records videos."""
        self.log.append(("videos", self.clock(), [video.line for video in videos]))
        self.due += [video.at_ms + EPOCH_MS * epoch for video in videos for epoch in range(1, EPOCHS + 1)]

    def post_events(self, events: Sequence[TimedRecord]) -> None:
        """Records events."""
        self.log.append(("events", self.clock(), [event.at_ms for event in events]))

    def post_creators(self, creators: Sequence[TimedRecord]) -> None:
        """Records creators."""
        self.log.append(("creators", self.clock(), [creator.line for creator in creators]))

    def carry_out(self, actions: Sequence[Action]) -> None:
        """Records actions."""
        self.log.append(("actions", self.clock(), [action.at_ms for action in actions]))

    def drain(self) -> int:
        """Records that the relay is drained."""
        self.log.append(("relay", self.clock(), None))
        return 1

    def run_due(self) -> int:
        """Records due releases."""
        over = [moment for moment in self.due if moment <= self.clock()]
        self.due = [moment for moment in self.due if moment > self.clock()]
        self.log.append(("release", self.clock(), sorted(over)))
        self.waiting += [moment + DELAY_MS for moment in over]
        return len(over)

    def read_last_visible_ms(self) -> int | None:
        """Returns from when the last waiting release is visible."""
        return max(self.waiting, default=None)

    def publish(self, tick_ms: int) -> int:
        """Copies what is visible."""
        visible = [moment for moment in self.waiting if moment <= tick_ms]
        self.waiting = [moment for moment in self.waiting if moment > tick_ms]
        self.published += len(visible)
        self.log.append(("publish", self.clock(), len(visible)))
        return len(visible)

    def replay(
        self,
        videos: Iterable[TimedRecord],
        events: Iterable[TimedRecord],
        until_ms: int | None,
        actions: Iterable[Action] = (),
        creators: Iterable[TimedRecord] = (),
    ) -> Timeline:
        """Tell a history on this stage."""
        timeline = Timeline(
            self.clock,
            self,
            cast("Relay", self),
            self,
            [cast("ReleaseWorker", self)],
            cast("ReleasePublication", self),
            lambda _now_ms: None,
            lambda _count: None,
        )
        timeline.run(videos, events, until_ms, actions, creators)
        return timeline

    def happened(self, *kinds: str) -> list[tuple[str, int]]:
        """Returns the recorded calls of some kinds, with their times."""
        return [(kind, at_ms) for kind, at_ms, _ in self.log if kind in kinds]


def moments(*at_ms: int) -> list[TimedRecord]:
    """Makes a record at each of these times."""
    return [TimedRecord(at, b"") for at in at_ms]


def test_what_falls_on_one_moment_happens_in_a_fixed_order() -> None:
    """An epoch ends before a video of the same moment is posted, and both before an event of that moment."""
    system = FakeSystem()
    system.replay(moments(0, EPOCH_MS), moments(5, EPOCH_MS), EPOCH_MS)
    assert system.happened("videos", "events", "release") == [
        ("videos", 0),
        ("events", 5),
        ("release", EPOCH_MS),
        ("videos", EPOCH_MS),
        ("events", EPOCH_MS),
    ]


def test_changes_are_relayed_before_a_release_counts_them() -> None:
    """What arrived before an epoch's end is in the tally when the release is made."""
    system = FakeSystem()
    system.replay(moments(0), moments(5), EPOCH_MS)
    kinds = [kind for kind, _, _ in system.log]
    assert kinds.index("events") < kinds.index("relay") < kinds.index("release")


def test_a_release_without_new_events_waits_for_the_relay_too() -> None:
    """What is due is known by how far the relay says that the outboxes are applied."""
    system = FakeSystem()
    system.replay(moments(0), [], 2 * EPOCH_MS)
    assert system.happened("relay", "release") == [
        (kind, end) for end in (EPOCH_MS, 2 * EPOCH_MS) for kind in ("relay", "release")
    ]


def test_without_an_end_it_runs_until_no_release_is_due() -> None:
    """The clock stops when the last release of the last video is visible, and every release is published."""
    system = FakeSystem()
    timeline = system.replay(moments(0, MS_PER_DAY), moments(7), None)
    assert timeline.releases == system.published == 2 * EPOCHS
    assert system.clock() == MS_PER_DAY + EPOCHS * EPOCH_MS + DELAY_MS


def test_what_is_visible_at_the_end_is_published_and_nothing_else() -> None:
    """The last release waits for the process that goes on."""
    system = FakeSystem()
    system.replay(moments(0), [], 2 * EPOCH_MS + DELAY_MS - 1)
    assert (system.published, system.waiting) == (1, [2 * EPOCH_MS + DELAY_MS])
    system.replay([], [], 2 * EPOCH_MS + DELAY_MS)
    assert (system.published, system.waiting) == (2, [])


def test_only_so_many_releases_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long history does not fill the store with releases that could be published."""
    monkeypatch.setattr(timeline_module, "WAITING_RELEASES", 2)
    system = FakeSystem()
    system.replay(moments(0), [], 3 * EPOCH_MS)
    assert system.happened("publish") == [("publish", 2 * EPOCH_MS), ("publish", 3 * EPOCH_MS)]


def test_an_end_stops_the_clock_there() -> None:
    """With an end nothing later happens, and the clock shows the end."""
    system = FakeSystem()
    timeline = system.replay(moments(0), [], EPOCH_MS + 1)
    assert timeline.releases == 1
    assert system.clock() == EPOCH_MS + 1


def test_a_long_rush_is_sent_in_several_batches() -> None:
    """No batch holds more than its bound, and none is lost."""
    system = FakeSystem()
    system.replay(moments(0), moments(*[7] * (2 * BATCH_EVENTS + 1)), 10)
    sizes = [len(sent) for kind, _, sent in system.log if kind == "events"]
    assert sizes == [BATCH_EVENTS, BATCH_EVENTS, 1]


TIMES = st.integers(0, 3 * MS_PER_DAY)


@given(st.lists(TIMES, max_size=4), st.lists(TIMES, max_size=30), st.integers(0, 2 * MS_PER_DAY))
def test_any_history_is_told_in_order(posts: list[int], events: list[int], reached_ms: int) -> None:
    """Whatever the history, and wherever an earlier run has left the clock, time never runs backwards.

    Each release is made at its due time, or at once if that has passed. Events are sent in their order,
    each when it has arrived and before an epoch or a UTC day ends.
    """
    system = FakeSystem(VirtualClock(reached_ms))
    system.replay(moments(*posts), moments(*events), None)
    times = [at_ms for _, at_ms, _ in system.log]
    assert [reached_ms, *times] == sorted([reached_ms, *times])
    ends = [at for post in posts for at in range(post + EPOCH_MS, post + EPOCHS * EPOCH_MS + 1, EPOCH_MS)]
    arrivals = list(accumulate(events, max, initial=reached_ms))[1:]
    unsent = list(zip(events, arrivals, strict=True))
    for kind, at_ms, what in system.log:
        if kind == "release":
            assert all(due == at_ms or due <= reached_ms == at_ms for due in what)
        if kind == "events":
            sent, unsent = unsent[: len(what)], unsent[len(what) :]
            assert what == [event_ms for event_ms, _ in sent]
            first_ms, last_ms = sent[0][1], sent[-1][1]
            assert last_ms == at_ms
            assert first_ms // MS_PER_DAY == last_ms // MS_PER_DAY
            assert not any(first_ms < end <= last_ms for end in ends)
    assert not unsent
    assert not system.due


def test_staff_act_before_events_of_the_same_moment_and_after_releases() -> None:
    """A ban at the end of an epoch is not in that epoch's release; what follows meets the ban."""
    system = FakeSystem()
    ban = Action(EPOCH_MS, ActionKind.BAN, "a")
    system.replay(
        [TimedRecord(0, b"v")], [TimedRecord(EPOCH_MS, b"e"), TimedRecord(5, b"d")][::-1], 2 * EPOCH_MS, [ban]
    )
    happened = [(name, at_ms) for name, at_ms, _ in system.log if name != "relay"]
    assert happened[:5] == [
        ("videos", 0),
        ("events", 5),
        ("release", EPOCH_MS),
        ("actions", EPOCH_MS),
        ("events", EPOCH_MS),
    ]


def test_what_staff_did_is_relayed_before_the_next_release() -> None:
    """Also when no event came in between."""
    system = FakeSystem()
    system.replay([TimedRecord(0, b"v")], [], 3 * EPOCH_MS, [Action(EPOCH_MS + 1, ActionKind.BAN, "a")])
    names = [name for name, *_ in system.log]
    assert names[names.index("actions") :][:3] == ["actions", "relay", "release"]


def test_creators_are_registered_when_their_counting_starts() -> None:
    """Before the videos of that moment, and not before it."""
    system = FakeSystem()
    system.replay([TimedRecord(7, b"v")], [], 8, creators=[TimedRecord(7, b"c2"), TimedRecord(3, b"c1")])
    assert system.log[:3] == [("creators", 3, [b"c1"]), ("creators", 7, [b"c2"]), ("videos", 7, [b"v"])]
