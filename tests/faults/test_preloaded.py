"""At night: power cuts, and servers that are killed in the middle of a write, by preloaded libraries."""

import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from privacy.embedded.server import EmbeddedRedis
from privacy.store.users import USERS
from tests.faults.deployment import PROCESSES, Deployment, Pool, deployed_on
from tests.faults.figures import Figures
from tests.faults.history import Purge
from tests.faults.run import Run
from tests.faults.scenarios import DAY_MS, HOUR_MS, nothing_dropped, wait_for_erasures
from tests.faults.seeded_faults import TRUSTS_ITS_CLOCK
from tests.faults.stored_state import count_running, count_tombstones
from tests.support.eventually import eventually
from tests.support.power_cut import PowerCut, build_shim, write_preloaded_program
from tests.support.redis_server import ROOT

MAX_CALM_SECONDS = 0.3
ROUNDS, FAULTS_PER_ROUND = 10, 10
ONE_WRITE_IN = 40
DIE_IN_WRITE = Path(__file__).with_name("die_in_write.c")
LEAP_IN_TIME = Path(__file__).with_name("leap_in_time.c")
LEAPS_MS = (3_650 * DAY_MS, -HOUR_MS, 2 * DAY_MS, HOUR_MS, -2 * DAY_MS, 40 * DAY_MS)
LEAP_SECONDS = 1.5
"""Longer than a process may believe an old reading."""


@pytest.mark.nightly(part="faults-power")
@pytest.mark.timeout(3600)
def test_power_cuts_lose_and_double_nothing(
    tmp_path: Path, pool: Pool, faults_seed: int, figures: Figures
) -> None:
    """Everything ends at once, what was not fsynced is gone or torn, some cuts meet a rewrite of the log."""
    power = PowerCut(tmp_path, build_shim(tmp_path))
    with deployed_on(power.server, tmp_path, pool) as site:
        site.start(*PROCESSES)
        for number in range(ROUNDS):
            run = Run(site, f"power-{faults_seed}-{number}")
            with run.sending():
                for cut in range(FAULTS_PER_ROUND):
                    if cut % 2:
                        run.wait_for_actions()
                    run.rest(run.rng.random() * MAX_CALM_SECONDS)
                    if run.rng.random() < 0.2:
                        with site.open_rooms() as (private, _):
                            private.bgrewriteaof()
                        run.rest(run.rng.random() * 0.1)
                    for name in PROCESSES:
                        site.kill(name)
                    power.cut(run.rng)
                    site.tried["power cuts"] += 1
                    run.look()
            run.settle()
            run.restart_servers()
            run.check()
            figures.add(run)


@pytest.mark.nightly(part="faults-kills")
@pytest.mark.timeout(3600)
def test_a_kill_inside_a_write_loses_and_doubles_nothing(
    tmp_path: Path, pool: Pool, faults_seed: int, figures: Figures
) -> None:
    """The server dies with half of a transaction in its log; then come two more loads."""
    odds = tmp_path / "odds"
    odds.write_text("0")
    shim = build_shim(tmp_path, DIE_IN_WRITE)
    program = write_preloaded_program(tmp_path / "dying-redis-server", shim, DIE_IN_WRITE=odds)
    server = EmbeddedRedis(tmp_path / "server", users=(*USERS, ROOT), program=program)
    with deployed_on(server, tmp_path, pool) as site:
        site.start(*PROCESSES)
        for number in range(ROUNDS):
            run = Run(site, f"write-{faults_seed}-{number}")
            with run.sending():
                odds.write_text(str(ONE_WRITE_IN))
                site.kill("redis")
                pids: set[int] = set()
                while len(pids) <= FAULTS_PER_ROUND:
                    run.rest(0.05)
                    pids.add(server.pid)
                site.tried["kills inside a write"] += len(pids) - 1
                odds.write_text("0")
                site.kill("redis")
            run.settle()
            run.restart_servers()
            run.check()
            figures.add(run)


@contextmanager
def leaping_site(folder: Path, pool: Pool) -> Iterator[tuple[Deployment, Callable[[int], None]]]:
    """Yields a deployment that is not started, and what has its store and processes leap together."""
    ahead = folder / "ahead"
    ahead.write_bytes(bytes(8))
    shim = build_shim(folder, LEAP_IN_TIME)
    program = write_preloaded_program(folder / "leaping-redis-server", shim, LEAP_IN_TIME=ahead)
    server = EmbeddedRedis(folder / "server", users=(*USERS, ROOT), program=program)
    with deployed_on(server, folder, pool) as site:

        def leap(ahead_ms: int) -> None:
            with ahead.open("r+b") as shared:
                shared.write(struct.pack("<q", ahead_ms))
            for name in PROCESSES:
                site.set_clock(name, ahead_ms)
            with site.open_rooms() as (private, _):
                assert abs(private.time()[0] - time.time() - ahead_ms / 1000) < 2

        yield site, leap


@pytest.mark.nightly(part="faults-clocks")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("ahead_ms", LEAPS_MS)
def test_a_leap_of_the_whole_machine_drops_nothing(
    tmp_path: Path, pool: Pool, faults_seed: int, ahead_ms: int, figures: Figures
) -> None:
    """Store and processes leap together for a while; afterwards everything goes on as if nothing had been."""
    with leaping_site(tmp_path, pool) as (site, leap):
        site.start(*PROCESSES)
        # A purge is a job, which the store forgets by its own clock.
        run = Run(site, f"machine-{faults_seed}", without=frozenset({Purge}))
        with run.sending(), nothing_dropped(run):
            for leap_ms in (ahead_ms, 0):
                leap(leap_ms)
                run.rest(LEAP_SECONDS)
        run.check()
        figures.add(run)
        figures.tried["leaps of a whole machine"] += 1


@pytest.mark.nightly(part="faults-clocks")
def test_a_leap_of_the_whole_machine_that_is_trusted_is_found_out(
    tmp_path: Path, pool: Pool, faults_seed: int
) -> None:
    """Processes that believe a leap of ten years seal series and forget erasures; the scenario sees both."""
    with leaping_site(tmp_path, pool) as (site, leap):
        site.faults = dict.fromkeys(("relay", "release", "maintain"), TRUSTS_ITS_CLOCK)
        site.start(*PROCESSES)
        run = Run(site, f"trusting-machine-{faults_seed}", without=frozenset({Purge}))
        with run.sending():
            wait_for_erasures(run)

        def is_emptied() -> bool:
            with site.open_rooms() as (private, _):
                return not count_running(private) and not count_tombstones(private)

        with nothing_dropped(run):
            leap(LEAPS_MS[0])
            eventually(is_emptied, "the end of every series and every tombstone", 120)
    for what in ("series", "tombstones"):
        assert any(f"{what} were dropped" in fault for fault in run.faults), run.faults
