"""A server that forgets its scripts, as after a failover, at any moment: every call is carried out once."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from privacy.tally.outbox_relay import Relay
from tests.support.histories import SERIES
from tests.support.platform_plane import event, lines, plane_on
from tests.support.redis_server import Store
from tests.support.reference_model import ReferenceModel
from tests.support.registers import HEADER, read_changes, vault_on
from tests.support.release_world import VIDEOS, ReleaseWorld, hours
from tests.support.stepped_redis import SteppedRedis

PROBABILITY = 0.2
ACCOUNTS = [f"account-{number}" for number in range(12)]
"""They are in most of the account shards, so a batch is several calls in one round trip."""


@dataclass
class Forgetting:
    """A hook that empties the server's cache of scripts before some commands, also within a round trip.

    Args:
        store: the server.
        rng: says before which.
    """

    store: Store
    rng: random.Random
    times: int = 0

    def __call__(self, send: Callable[[], Any]) -> Any:
        """Send a command."""
        if self.rng.random() < PROBABILITY:
            self.times += 1
            self.store.root.script_flush()
        return send()


@pytest.fixture(params=range(3))
def forgetting(request: pytest.FixtureRequest, store: Store) -> Iterator[Forgetting]:
    """A server that forgets, each time at other commands."""
    hook = Forgetting(store, random.Random(request.param))
    yield hook
    assert hook.times


def test_events_are_counted_once(forgetting: Forgetting) -> None:
    """Each verdict is that of the first time, and every change reaches the tally once."""
    store = forgetting.store
    reference = ReferenceModel(flip_cap=14, daily_cap=100)
    vault = vault_on(store, 14, 100, client=SteppedRedis(store.platform, forgetting))
    relay = Relay(SteppedRedis(store.relay, forgetting), HEADER)
    with store.without_fsync():
        for batch in range(4):
            events = [
                (account, series, batch, batch % 2, place)
                for place, account in enumerate(ACCOUNTS)
                for series in SERIES
            ]
            assert vault.record(events, 0) == reference.record(events, 0)
            relay.drain()
    assert read_changes(store.root, SERIES) == reference.changes


def test_releases_are_made_once(forgetting: Forgetting) -> None:
    """Every epoch is measured and published once, and what was published stays."""
    world = ReleaseWorld(forgetting.store)
    with forgetting.store.without_fsync():
        world.reset()
        for epoch in (1, 2):
            before = world.records()
            world.like_everything()
            world.now_ms = hours(epoch)
            assert world.run_due(forgetting) == len(VIDEOS)
            world.check_kept(before)
        world.check(dict.fromkeys(VIDEOS, 2))


def test_no_request_fails(forgetting: Forgetting) -> None:
    """The platform plane registers and counts as if nothing had happened."""
    store = forgetting.store
    plane = plane_on(replace(store, platform=SteppedRedis(store.platform, forgetting)))
    with store.without_fsync():
        plane.register("v-1")
        for turn in range(10):
            reply = plane.events(lines(*(event(account_id=f"{turn}-{name}") for name in ACCOUNTS)))
            assert reply.status_code == 200
            assert reply.json["verdicts"]["counted"] == len(ACCOUNTS)
