"""What happens to a deployment while senders send. Each scenario makes the given number of faults."""

import resource
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from privacy.embedded.server import EmbeddedRedis
from tests.faults.deployment import PROCESSES
from tests.faults.policy import EPOCH_SECONDS
from tests.faults.run import Run
from tests.faults.stored_state import read_counts
from tests.support.eventually import eventually

MAX_CALM_SECONDS: Final = 0.2
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_ROOM_BYTES: Final = 3_000
"""A full disk has this much room left at most: a write fails at any of its bytes."""
_TWINS: Final = tuple(name for name in PROCESSES if name != "platform")
_LEAPS: Final = (
    ("release 1", 3_650 * _DAY_MS),
    ("maintain 1", 3_650 * _DAY_MS),
    ("platform", -_HOUR_MS),
    ("relay 1", -2 * _DAY_MS),
    ("release 2", -2 * _DAY_MS),
    ("platform", 2 * _DAY_MS),
    ("maintain 2", -_HOUR_MS),
    ("relay 2", 3_650 * _DAY_MS),
)

_LEAP_SECONDS: Final = 0.6
_ACTIONS_BEFORE_LEAPS: Final = 10
"""Some accounts have been erased by then."""

Scenario = Callable[[Run, int], None]


def kill_anything(run: Run, times: int) -> None:
    """Processes and servers get SIGKILL, alone and together, at any moment."""
    site, rng = run.site, run.rng
    everything = [*PROCESSES, *site.servers]
    for _ in range(times):
        run.rest(rng.random() * MAX_CALM_SECONDS)
        for victim in rng.sample(everything, rng.choice((1, 1, 1, 2, 3, len(everything)))):
            site.kill(victim)
        run.look()
    run.settle()
    run.restart_servers()


def kill_while_loading(run: Run, times: int) -> None:
    """A server gets SIGKILL again as soon as it was started, in the middle of loading its log."""
    site, rng = run.site, run.rng
    for _ in range(times):
        run.rest(rng.random() * MAX_CALM_SECONDS)
        victim = rng.choice([*site.servers])
        for _ in range(2):
            site.kill(victim)
            run.rest(rng.random() * 0.05)
        run.look()


def pause_stores(run: Run, times: int) -> None:
    """Servers stop answering for a while: to writes only, to everything, or stopped as a whole."""
    site, rng = run.site, run.rng
    for number in range(times):
        run.rest(rng.random() * MAX_CALM_SECONDS)
        with site.open_rooms() as rooms:
            match number % 3:
                case 0:
                    # Both relays have read the same entries when they may write again; so have both workers.
                    rooms[0].client_pause(300, all=False)
                case 1:
                    rng.choice(rooms).client_pause(300)
                case _:
                    victim = rng.choice([*site.servers])
                    site.signal(victim, signal.SIGSTOP)
                    run.rest(0.3)
                    site.signal(victim, signal.SIGCONT)
        run.rest(0.4)
        run.look()


def wake_zombies(run: Run, times: int) -> None:
    """Processes are stopped while their twins go on, and wake up with what they had read before."""
    site, rng = run.site, run.rng
    for _ in range(times):
        name = rng.choice(_TWINS)
        site.signal(name, signal.SIGSTOP)
        run.rest(rng.random() * MAX_CALM_SECONDS)
        site.signal(name, signal.SIGCONT)
    first = [name for name in _TWINS if name.endswith("1")]
    for name in first:
        site.signal(name, signal.SIGSTOP)
    run.rest(EPOCH_SECONDS + 0.5)
    run.look()
    for name in first:
        site.signal(name, signal.SIGCONT)
    run.rest(MAX_CALM_SECONDS)


def leap_clocks(run: Run, times: int) -> None:
    """The clock of a process leaps forward or back for a while. Nothing may be sealed, swept or dropped."""
    site = run.site
    while min(sender.sent for sender in run.senders) < _ACTIONS_BEFORE_LEAPS:
        run.rest(MAX_CALM_SECONDS)
    with site.open_rooms() as (private, _):
        before = read_counts(private)
    kept = {path.name: path.read_bytes() for path in site.guard.iterdir() if path.is_file()}
    for name, ahead_ms in (_LEAPS * times)[:times]:
        site.set_clock(name, ahead_ms)
        run.rest(_LEAP_SECONDS)
        site.set_clock(name, 0)
        run.look()
    with site.open_rooms() as (private, _):
        after = read_counts(private)
    if after.running != before.running:
        run.faults.append(f"{before.running - after.running} series were sealed")
    if after.tombstones < before.tombstones:
        run.faults.append(f"{before.tombstones - after.tombstones} tombstones were swept")
    for name, content in kept.items():
        if name.endswith(".erasures") and len((site.guard / name).read_bytes()) < len(content):
            run.faults.append(f"erasures were dropped from {name}")


def fill_memory(run: Run, times: int) -> None:
    """Servers have no memory left for a while, and refuse to write."""
    for _ in range(times):
        run.rest(run.rng.random() * MAX_CALM_SECONDS)
        with run.site.open_rooms() as rooms:
            for room in rooms:
                room.config_set("maxmemory", room.info("memory")["used_memory"] + 20_000)
            run.rest(0.5)
            for room in rooms:
                room.config_set("maxmemory", 0)
        run.look()


def fill_disk(run: Run, times: int) -> None:
    """The private room's disk is full for a while: a write ends in the middle, and the server with it."""
    site, rng = run.site, run.rng
    server = site.private_server
    for _ in range(times):
        run.rest(rng.random() * MAX_CALM_SECONDS)
        for room_bytes in (rng.randrange(_ROOM_BYTES), 0):  # started again, it is full still
            limit = _newest_log(server).stat().st_size + room_bytes
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            eventually(partial(_has_ended, server), "the end of a server whose disk is full")
            site.tend()
        run.rest(MAX_CALM_SECONDS)
        run.look()


def _has_ended(server: EmbeddedRedis) -> bool:
    return not server.is_running


def _newest_log(server: EmbeddedRedis) -> Path:
    logs = (server.folder / "appendonlydir").glob("*.incr.aof")
    return max(logs, key=lambda log: log.stat().st_mtime_ns)
