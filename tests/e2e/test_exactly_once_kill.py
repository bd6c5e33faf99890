"""kill -9 of relays, release workers, writers and Redis, alone and together, at random moments."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from privacy.embedded.server import EmbeddedRedis
from tests.support.crash_site import CrashSite
from tests.support.redis_server import clients, server_with_root

REDIS = "redis"
EPOCHS = 40
MAX_CALM_SECONDS = 0.15


def kill_redis(server: EmbeddedRedis) -> None:
    """End redis-server with SIGKILL, and start it again on the same folder."""
    os.kill(server.pid, signal.SIGKILL)
    server.stop()
    server.start()


def run(kills: int, folder: Path, seed: int) -> None:
    """Kill random processes the given number of times, and check what is left.

    Args:
        kills: how often.
        folder: empty.
        seed: chooses victims and moments.
    """
    rng = random.Random(seed)
    with server_with_root(folder / "redis") as server, clients(server) as store:
        with CrashSite(store, folder) as site:
            epoch = 0
            for kill in range(kills):
                if (kill + 1) * EPOCHS // kills > epoch:
                    epoch += 1
                    site.set_epoch(epoch)
                # Nothing is waited for: the moment of the kill is drawn, so that it meets any step.
                time.sleep(rng.random() * MAX_CALM_SECONDS)
                written = site.world.records()
                victims = rng.sample([REDIS, *site.names], rng.choice([1, 1, 2, 3, 7]))
                for victim in victims:
                    if victim != REDIS:
                        site.kill(victim)
                if REDIS in victims:
                    kill_redis(server)
                for victim in victims:
                    if victim != REDIS:
                        site.start(victim)
                site.world.check_kept(written)
            progress = site.acknowledged()
        site.check(epoch)
        assert min(progress.values()) > 0


def test_ten_kills(tmp_path: Path) -> None:
    """After 10 kills nothing acknowledged is lost, nothing is counted twice, each release stands once."""
    run(10, tmp_path, seed=1)


@pytest.mark.nightly(part="crash")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(2, 6))
def test_two_hundred_kills(seed: int, tmp_path: Path) -> None:
    """The same after 200 kills, in four rounds of 50."""
    run(50, tmp_path, seed)
