"""An epoch counts exactly what was taken in before its end, wherever relay and release worker stand then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.model.engagement import KINDS_PER_TARGET
from privacy.release.history import NET_CHANGE
from privacy.store.keys import outbox_key, tally_key
from privacy.tally import outbox_relay as relay_module
from privacy.tally.log_elements import OUTBOX_CHANGE
from privacy.tally.outbox_relay import MAX_AHEAD_MS, Relay
from privacy.vault.registers import RegisterStore
from tests.support.faults import Crash, every_fault
from tests.support.profiles import FIXED_FIXTURES, examples
from tests.support.redis_server import Store
from tests.support.registers import HEADER, POLICY, PSEUDONYMISER, raw, read_log, vault_on
from tests.support.release_world import VIDEOS, ReleaseWorld, calibration, hours
from tests.support.stepped_redis import SteppedRedis
from tests.support.turns import take_turns

VIDEO, OTHER = VIDEOS[:2]
LAST_MS = hours(3)
"""End of the last epoch but one: what was counted is kept until the last."""
LIKE, UNLIKED = 0, 1
ACCOUNTS = [f"account-{number}" for number in range(12)]


@dataclass
class Timed:
    """A store whose clock stands still until it is set, and what it took in for two videos.

    Args:
        releases: store, clock and release workers.
    """

    releases: ReleaseWorld
    clock_ms: int = 0
    expected: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Net change by video and epoch, by the time of intake."""
    _events: int = 0
    _vault: RegisterStore = field(init=False)

    def reset(self, clock_ms: int = 0) -> None:
        """Empty the store and register the videos at time zero."""
        self.releases.reset()
        self.clock_ms, self._events = clock_ms, 0
        self.expected.clear()
        self._vault = vault_on(self.releases.store, POLICY.flip_cap, POLICY.daily_cap, lambda: self.clock_ms)

    def mark(self) -> Callable[[], None]:
        """Return a function that brings store and clock back to this moment, as often as it is called."""
        go_back_with_store, clock_ms, expected = self.releases.mark(), self.clock_ms, self.expected.copy()

        def go_back() -> None:
            go_back_with_store()
            self.clock_ms, self.expected = clock_ms, expected.copy()

        return go_back

    def take_in(self, accounts: Sequence[str], video: str = VIDEO, change: int = LIKE) -> None:
        """Let accounts like a video now, in one batch; counted unless they did before."""
        self._events += 1
        series = self.releases.numbers[video]
        events = [(account, series, self._events, change, 0) for account in accounts]
        before = sum(read_outboxes(self.releases.store).values())
        self._vault.record(events, 0)
        took_effect = sum(read_outboxes(self.releases.store).values()) - before
        epoch = self.clock_ms // 1000 // (hours(1) // 1000)
        self.expected[video, epoch] += took_effect if change == LIKE else -took_effect

    def relay(self) -> Relay:
        """Return a relay under this clock."""
        return Relay(self.releases.store.relay, HEADER, lambda: self.clock_ms)

    def release(self) -> int:
        """Let a release worker run."""
        return replace(self.releases.worker(), clock=lambda: self.clock_ms).run_due()

    def released(self) -> Counter[tuple[str, int]]:
        """Return the exact net change of the total that each release counted, by video and epoch."""
        return Counter(
            {
                (video, epoch): value
                for video in (VIDEO, OTHER)
                for epoch, value in read_totals(self.releases, video).items()
            }
        )

    def check(self) -> None:
        """Let everything come to its end: every epoch has counted what was taken in before its end."""
        self.clock_ms = LAST_MS
        self.relay().drain()
        self.release()
        assert +self.released() == +self.expected
        assert -self.released() == -self.expected


def read_totals(releases: ReleaseWorld, video: str) -> dict[int, int]:
    """Return the exact net change of a video's total by the epoch that counted it."""
    number = releases.numbers[video]
    key = tally_key(number // KINDS_PER_TARGET % HEADER.target_shards, "net", number)
    rows = np.frombuffer(b"".join(map(raw, releases.store.root.lrange(key, 0, -1))), NET_CHANGE)
    return {step: value for step, stream, value in rows.tolist() if stream == 0}


def read_outboxes(store: Store) -> Counter[int]:
    """Count the changes in the outboxes, by account shard."""
    found: Counter[int] = Counter()
    reads = store.root.pipeline(transaction=False)
    for shard in range(HEADER.account_shards):
        reads.xrange(outbox_key(shard))
    for shard, entries in enumerate(reads.execute()):
        for _, fields in entries:
            found[shard] += len(fields[b"c"]) // OUTBOX_CHANGE.itemsize
    return found


@pytest.fixture
def world(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Timed]:
    """A world without fsync whose relays leave something for their next step."""
    monkeypatch.setattr(relay_module, "ENTRIES_PER_STEP", 2)
    with store.without_fsync():
        world = Timed(ReleaseWorld(store))
        world.reset()
        yield world


ACTIONS = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, hours(1)), st.just(0)),
    st.tuples(st.just("like"), st.integers(0, len(ACCOUNTS) - 1), st.integers(1, 4)),
    st.tuples(st.just("unlike"), st.integers(0, len(ACCOUNTS) - 1), st.integers(1, 4)),
    st.tuples(st.just("relay"), st.integers(0, 1), st.integers(1, 3)),
    st.tuples(st.just("release"), st.just(0), st.just(0)),
)


@settings(max_examples=examples(30), suppress_health_check=FIXED_FIXTURES)
@given(actions=st.lists(ACTIONS, max_size=30))
def test_any_delay_of_relay_and_worker(actions: list[tuple[str, int, int]], world: Timed) -> None:
    """However late relays and release worker are, each epoch counts what was taken in before its end."""
    world.reset()
    relays = [world.relay(), world.relay()]
    for action, first, second in actions:
        if action == "wait":
            world.clock_ms = min(world.clock_ms + first, LAST_MS - 1)
        elif action == "relay":
            for _ in range(second):
                relays[first].step()
        elif action == "release":
            world.release()
        else:
            video = (VIDEO, OTHER)[second % 2]
            change = LIKE if action == "like" else UNLIKED
            world.take_in(ACCOUNTS[first : first + second], video, change)
    world.check()


def test_a_relay_that_was_away_for_an_hour(world: Timed) -> None:
    """While it is away nothing is released; then every epoch has what was taken in before its end."""
    world.take_in(ACCOUNTS[:3])
    world.relay().drain()
    world.clock_ms = hours(1) - 1
    world.take_in(ACCOUNTS[3:8])
    world.clock_ms = hours(1)
    world.take_in(ACCOUNTS[8:9])
    world.clock_ms = hours(2) - 1
    world.take_in(ACCOUNTS[9:10])
    assert world.release() == 0
    world.clock_ms = hours(2) + 5
    world.take_in(ACCOUNTS[10:])
    world.relay().drain()
    world.release()
    assert world.released() == {(VIDEO, 0): 8, (VIDEO, 1): 2}
    world.check()


def test_a_worker_that_was_away_for_hours(world: Timed) -> None:
    """Likes of the third hour are in no release of an earlier one."""
    world.clock_ms = hours(3) - hours(1) // 10
    world.take_in(ACCOUNTS)
    world.relay().drain()
    world.clock_ms = hours(3)
    world.relay().drain()
    assert world.release() == 3 * len(VIDEOS)
    assert world.released() == {(VIDEO, 2): len(ACCOUNTS)}


def test_a_relay_that_stands_still_once_it_has_asked_the_time(world: Timed) -> None:
    """What is taken in meanwhile is ahead of the time that it asked for, and counts in its own epoch."""
    world.reset(hours(1) - 60_000)
    world.take_in(ACCOUNTS[:3])

    def ask() -> int:
        asked_ms = world.clock_ms
        if asked_ms < hours(1):
            world.clock_ms = hours(1) + 60_000
            world.take_in(ACCOUNTS[3:8])
        return asked_ms

    Relay(world.releases.store.relay, HEADER, ask).drain()
    world.check()
    assert world.expected == {(VIDEO, 0): 3, (VIDEO, 1): 5}


def test_a_like_moves_nobody_elses(world: Timed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A like just before the end of an epoch is in it, however many entries stand before it in its outbox."""
    monkeypatch.setattr(relay_module, "ENTRIES_PER_STEP", 4)
    names = (f"account-{number}" for number in range(1000))
    same = [name for name in names if PSEUDONYMISER.pseudonymise(name).shard(HEADER.account_shards) == 0][:6]
    counted = []
    for with_victim in (False, True):
        world.reset(hours(1) - 50)
        if with_victim:
            world.take_in(same[:1], OTHER)
        for account in same[1:5]:
            world.take_in([account], OTHER)
        world.take_in(same[5:], VIDEO)
        world.clock_ms = hours(1)
        relay = world.relay()
        relay.step()
        world.release()
        early = world.released()[VIDEO, 0]
        relay.drain()
        world.release()
        counted.append((early, world.released()[VIDEO, 0]))
    assert counted == [(0, 1), (0, 1)]


def test_a_crash_between_any_two_calls(world: Timed) -> None:
    """A relay that ends at any store call at the end of an epoch moves nothing into another epoch."""
    broken = 0
    world.take_in(ACCOUNTS[:6])
    world.clock_ms = hours(1) - 1
    world.take_in(ACCOUNTS[6:9])
    world.clock_ms = hours(1)
    world.take_in(ACCOUNTS[9:], OTHER)
    go_back = world.mark()
    for fault in every_fault():
        go_back()
        try:
            Relay(SteppedRedis(world.releases.store.relay, fault), HEADER, lambda: world.clock_ms).drain()
        except Crash:
            broken += 1
        world.release()
        world.check()
    assert broken >= 30


@settings(max_examples=examples(15), suppress_health_check=FIXED_FIXTURES)
@given(turns=st.lists(st.integers(0, 2), max_size=60))
def test_two_relays_and_a_worker_in_any_order(turns: list[int], world: Timed) -> None:
    """Their store calls may alternate in any order at the end of an epoch."""
    world.reset()
    world.take_in(ACCOUNTS[:5])
    world.clock_ms = hours(1) - 1
    world.take_in(ACCOUNTS[5:8])
    world.clock_ms = hours(1) + 7
    world.take_in(ACCOUNTS[8:], OTHER)
    client = world.releases.store.relay
    take_turns(
        [
            lambda hook: Relay(SteppedRedis(client, hook), HEADER, lambda: world.clock_ms).drain(),
            lambda hook: Relay(SteppedRedis(client, hook), HEADER, lambda: world.clock_ms).drain(),
            lambda hook: replace(world.releases.worker(hook), clock=lambda: world.clock_ms).run_due(),
        ],
        turns,
    )
    world.check()


@pytest.mark.parametrize("ahead_ms", [hours(1), hours(20_000)])
def test_a_time_that_was_accepted_by_mistake_cuts_no_later_epoch(world: Timed, ahead_ms: int) -> None:
    """Once the clock is right again, the epochs of a new video end by that clock."""
    world.reset(ahead_ms)
    world.relay().drain()
    world.release()
    late_relay = world.relay()
    late_relay.step()
    world.clock_ms = 1_000
    world.releases.register(["new"], calibration().policy)
    assert world.release() == 0
    world.take_in(ACCOUNTS[:4], "new")
    world.relay().drain()
    assert world.release() == 0
    world.clock_ms = hours(1) - 1
    world.take_in(ACCOUNTS[4:5], "new")
    late_relay.drain()
    assert world.release() == 0
    world.clock_ms = hours(1)
    world.relay().drain()
    assert world.release() == 1
    assert read_totals(world.releases, "new") == {0: 5}


def read_now_ms(store: Store) -> int:
    """Return the time of the store's clock."""
    seconds, microseconds = store.root.time()
    return 1000 * int(seconds) + int(microseconds) // 1000


def test_the_stores_clock_is_set_back(store: Store) -> None:
    """The store's clock decides what is taken in when, and it is set back more than once.

    An entry that looks older than what was applied before still belongs to the epoch that ended before it was
    released, and to the next one after that. An entry that lies far ahead of the clock counts as of now.
    """
    releases = ReleaseWorld(store)
    releases.reset()
    end_ms = read_now_ms(store) // 1000 * 1000 - 60_000
    releases.register(["v"], calibration().policy, starts_at_ms=end_ms - hours(1))
    number, relay = releases.numbers["v"], Relay(store.relay, HEADER)

    def take_in(shard: int, moment_ms: int, times: int) -> None:
        changes = np.array([(number, LIKE)] * times, OUTBOX_CHANGE).tobytes()
        store.root.xadd(outbox_key(shard), {"c": changes}, id=f"{moment_ms}-*")
        relay.step()

    worker = replace(releases.worker(), clock=lambda: read_now_ms(store))
    take_in(0, end_ms + 500, 100)
    take_in(1, end_ms - 500, 40)
    worker.run_due()
    assert read_totals(releases, "v") == {0: 40}
    take_in(2, end_ms - 200, 7)
    take_in(1, read_now_ms(store) + MAX_AHEAD_MS + 60_000, 3)
    assert worker.run_due() == 0
    elements = [np.frombuffer(element, "<u4").tolist() for element in read_log(store.root, number)]
    assert [len(changes) for _, *changes in elements] == [100, 7, 3]
    assert elements[1][0] == (end_ms - 200) // 1000
    assert end_ms // 1000 < elements[2][0] <= read_now_ms(store) // 1000
