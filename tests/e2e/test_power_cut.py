"""A power cut loses nothing that was acknowledged; the same test sees what a laxer fsync would lose."""

import random
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from privacy.errors import StoreBusyError
from privacy.model.engagement import Verdict
from privacy.tally.outbox_relay import Relay
from tests.support.crash_plan import DAILY_CAP, FLIP_CAP, batch_of, reference_of
from tests.support.eventually import eventually
from tests.support.histories import SERIES
from tests.support.power_cut import PowerCut, build_shim
from tests.support.redis_server import Store, clients
from tests.support.registers import HEADER, read_changes, vault_on

WRITER = "ada"
MAX_CALM_SECONDS = 0.1
FEWEST_BATCHES = 5
"""Acknowledged before each cut."""
TOOK_EFFECT = {Verdict.COUNTED, Verdict.UNCOUNTED}


class Client:
    """Far away from the cut: it sends batch after batch, and each one again until it is acknowledged."""

    def __init__(self, store: Store) -> None:
        self.vault = vault_on(store, FLIP_CAP, DAILY_CAP)
        self.relay = Relay(store.relay, HEADER)
        self.acknowledged = 0

    def send(self, number: int) -> list[Verdict]:
        """Send a batch once."""
        return self.vault.record(batch_of(WRITER, number, SERIES), 0)

    def has_acknowledged(self, batches: int) -> bool:
        """Return whether the given number of batches was acknowledged."""
        return self.acknowledged >= batches

    def work(self) -> None:
        """Write and relay until the power is cut."""
        with suppress(StoreBusyError):
            while True:
                self.send(self.acknowledged)
                self.acknowledged += 1
                self.relay.step()

    def lost(self, since: int) -> int:
        """Send all acknowledged batches again: how many events take effect that had taken effect before."""
        verdicts = [verdict for number in range(since, self.acknowledged) for verdict in self.send(number)]
        return sum(verdict in TOOK_EFFECT for verdict in verdicts)


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled shim."""
    return build_shim(tmp_path_factory.mktemp("shim"))


def lose_power(cuts: int, power: PowerCut, seed: int, fsync: str | None = None) -> int:
    """Cut the power the given number of times while a client writes and a relay runs.

    Args:
        cuts: how often.
        power: of a server that runs.
        seed: chooses the moments.
        fsync: Redis's `appendfsync`, where it is not to be the one that the product configures.

    Returns:
        Acknowledged events that were lost. They have been sent again, and everything has been counted, once.
    """
    rng, lost = random.Random(seed), 0
    with clients(power.server) as store:
        client = Client(store)
        for _ in range(cuts):
            if fsync:
                store.root.config_set("appendfsync", fsync)
            start = client.acknowledged
            work = threading.Thread(target=client.work)
            work.start()
            eventually(partial(client.has_acknowledged, start + FEWEST_BATCHES), "some batches")
            # Nothing is waited for: the moment of the cut is drawn, so that it meets any step.
            time.sleep(rng.random() * MAX_CALM_SECONDS)
            if rng.random() < 0.2:
                store.root.bgrewriteaof()
            power.cut(None if fsync else rng)
            work.join()
            lost += client.lost(start)
        client.send(client.acknowledged)
        client.relay.drain()
        power.cut()  # what a torn log does wrong shows after the load after the next
        sent = {WRITER: client.acknowledged + 1}
        assert read_changes(store.root, SERIES) == reference_of(sent, SERIES).changes
    return lost


def test_three_power_cuts(shim: Path, tmp_path: Path) -> None:
    """After a power cut every acknowledged batch is there, exactly once."""
    power = PowerCut(tmp_path, shim)
    with power.server:
        assert lose_power(3, power, seed=1) == 0


def test_a_laxer_fsync_is_found_out(shim: Path, tmp_path: Path) -> None:
    """With `appendfsync everysec` the same cuts lose acknowledged events, and the same test sees it."""
    power = PowerCut(tmp_path, shim)
    with power.server:
        assert lose_power(3, power, seed=1, fsync="everysec") > 0
