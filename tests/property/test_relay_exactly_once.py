"""The relay applies every change exactly once: across crashes, races and stale offsets."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.errors import StoreBusyError
from privacy.tally import outbox_relay as relay_module
from privacy.tally.outbox_relay import Relay
from privacy.vault.registers import RegisterStore
from tests.support.faults import Crash, LostConnectionError, every_fault
from tests.support.histories import SERIES
from tests.support.profiles import FIXED_FIXTURES, examples
from tests.support.redis_server import Store
from tests.support.reference_model import ReferenceModel
from tests.support.registers import HEADER, outbox_lengths, read_changes, vault_on
from tests.support.stepped_redis import Hook, SteppedRedis
from tests.support.turns import take_turns

_ACCOUNTS = [f"account-{number}" for number in range(5)]
FLIP_CAP, DAILY_CAP = 14, 100
"""w is as large as it can be: the same engagements are to change, batch after batch."""


@dataclass
class World:
    """A store and the expected result of all that was written to it."""

    store: Store
    reference: ReferenceModel = field(init=False)
    batches: int = field(init=False)
    vault: RegisterStore = field(init=False)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Empty the store."""
        self.store.flush()
        self.reference, self.batches = ReferenceModel(FLIP_CAP, DAILY_CAP), 0
        self.vault = vault_on(self.store, FLIP_CAP, DAILY_CAP)

    def mark(self) -> Callable[[], None]:
        """Return a function that brings store and reference back to this moment, as often as it is called."""
        dumped, reference, batches = self.store.dump(), deepcopy(self.reference), self.batches

        def go_back() -> None:
            self.store.put_back(dumped)
            self.reference, self.batches = deepcopy(reference), batches

        return go_back

    def write(self, batches: int) -> None:
        """Write to every outbox, and for every series."""
        for _ in range(batches):
            self.batches += 1
            events = [
                (account, series, self.batches, (self.batches + place) % 2, place)
                for place, account in enumerate(_ACCOUNTS)
                for series in SERIES
            ]
            assert self.vault.record(events, 0) == self.reference.record(events, 0)

    def relay(self, hook: Hook) -> Relay:
        """A relay whose store calls pass through a hook."""
        return Relay(SteppedRedis(self.store.relay, hook), HEADER)

    def settle(self) -> None:
        """Let a healthy relay finish, and compare.

        Entries that were applied, but not deleted when their relay ended, are deleted with the next entries
        of their outbox.
        """
        healthy = Relay(self.store.relay, HEADER)
        healthy.drain()
        assert read_changes(self.store.root, SERIES) == self.reference.changes
        self.write(1)
        healthy.drain()
        self.check()

    def check(self) -> None:
        """Check that every change of the outboxes is in the logs once, and that the outboxes are empty."""
        assert read_changes(self.store.root, SERIES) == self.reference.changes
        assert outbox_lengths(self.store.root) == [0] * HEADER.account_shards


@pytest.fixture
def world(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An empty store without fsync, and relays that leave something for their next step."""
    monkeypatch.setattr(relay_module, "ENTRIES_PER_STEP", 2)
    with store.without_fsync():
        yield World(store)


def test_crash_at_any_store_call(world: World) -> None:
    """A relay that ends before or after any of its store calls loses nothing and doubles nothing."""
    broken = 0
    world.write(5)
    go_back = world.mark()
    for fault in every_fault():
        go_back()
        try:
            world.relay(fault).drain()
        except Crash:
            broken += 1
        world.settle()
    assert broken >= 50


def test_lost_connection_at_any_store_call(world: World) -> None:
    """A relay that loses its connection at any store call goes on exactly where it stood."""
    broken = 0
    world.write(3)
    go_back = world.mark()
    for fault in every_fault(LostConnectionError):
        go_back()
        relay = world.relay(fault)
        try:
            relay.drain()
        except StoreBusyError:
            broken += 1
            relay.drain()
        world.write(2)
        fault.at = 0
        relay.drain()
        world.check()
    assert broken >= 40


def test_second_relay_at_any_store_call(world: World) -> None:
    """A relay that another one overtakes at any store call, however far, changes nothing twice."""
    world.write(3)
    go_back = world.mark()
    for calls_before in range(45):
        for calls_of_the_other in (4, 9, 14, 1000):
            go_back()
            turns = [0] * calls_before + [1] * calls_of_the_other
            take_turns([lambda hook: world.relay(hook).drain()] * 2, turns)
            world.settle()


@settings(max_examples=examples(50, 1_500), suppress_health_check=FIXED_FIXTURES)
@given(turns=st.lists(st.integers(0, 2), max_size=150))
def test_three_relays_in_any_order(turns: list[int], world: World) -> None:
    """Three relays whose store calls alternate in any order apply every change exactly once."""
    world.reset()
    world.write(4)
    take_turns([lambda hook: world.relay(hook).drain()] * 3, turns)
    world.settle()


@settings(max_examples=examples(40, 1_000), suppress_health_check=FIXED_FIXTURES)
@given(turns=st.lists(st.integers(0, 1), max_size=100))
def test_relay_beside_a_writer(turns: list[int], world: World) -> None:
    """Changes written while a relay runs are applied once, in this run or the next one."""
    world.reset()
    world.write(1)

    def write(hook: Hook) -> None:
        vault = vault_on(world.store, FLIP_CAP, DAILY_CAP, client=SteppedRedis(world.store.platform, hook))
        for batch in range(10, 14):
            events = [(account, series, batch, batch % 2, 0) for account in _ACCOUNTS for series in SERIES]
            assert vault.record(events, 0) == world.reference.record(events, 0)

    take_turns([lambda hook: world.relay(hook).drain(), write], turns)
    world.settle()


@settings(max_examples=examples(30, 600), suppress_health_check=FIXED_FIXTURES)
@given(plan=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=20))
def test_stale_offsets(plan: list[tuple[int, int]], world: World) -> None:
    """Relays that work in turn, each with offsets that others have moved, apply every change once."""
    world.reset()
    relays = [Relay(world.store.relay, HEADER) for _ in range(3)]
    for which, batches in plan:
        world.write(batches)
        relays[which].drain()
        world.check()


def test_backlogs_of_different_lengths(world: World) -> None:
    """An outbox with a long backlog is emptied, and holds up none of the others."""
    world.write(1)
    Relay(world.store.relay, HEADER).drain()
    for at in range(2, 9):
        events = [("account-0", number, at, at % 2, 0) for number in SERIES]
        assert world.vault.record(events, 0) == world.reference.record(events, 0)
    assert sorted(outbox_lengths(world.store.root))[:2] == [0, 0]
    world.settle()
