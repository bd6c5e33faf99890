"""What happens to a deployment while senders send. Each scenario makes the given number of faults."""

import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from privacy.embedded.server import EmbeddedRedis
from privacy.store.acl import AclUser, Room
from privacy.store.users import MAINTENANCE, PLATFORM, RELAY, RELEASE
from tests.faults.deployment import PROCESSES
from tests.faults.history import ERASE_EVERY
from tests.faults.policy import EPOCH_SECONDS
from tests.faults.run import Run
from tests.faults.stored_state import read_counts
from tests.support.eventually import eventually

MAX_CALM_SECONDS: Final = 0.2
_CALM_SECONDS: Final = (MAX_CALM_SECONDS, MAX_CALM_SECONDS, MAX_CALM_SECONDS, 5 * MAX_CALM_SECONDS)
_MOMENTS_PER_ACTION: Final = 3
"""So often something is acknowledged, at least, between kills."""
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
_ROOM_BYTES: Final = 3_000
"""A full disk has this much room left at most: a write fails at any of its bytes."""
_USERS: Final = (PLATFORM, RELAY, RELEASE, MAINTENANCE)
_TWINS: Final = tuple(name for name in PROCESSES if name != "platform")
_LEAPS: Final = (
    ("release 1", 3_650 * DAY_MS),
    ("maintain 1", 3_650 * DAY_MS),
    ("platform", -HOUR_MS),
    ("relay 1", -2 * DAY_MS),
    ("release 2", -2 * DAY_MS),
    ("platform", 2 * DAY_MS),
    ("maintain 2", -HOUR_MS),
    ("relay 2", 3_650 * DAY_MS),
)
_LEAPS_AT_ONCE: Final = 4
_LEAP_SECONDS: Final = 1.2
"""Longer than a process may believe an old reading."""

Scenario = Callable[[Run, int], None]


def kill_anything(run: Run, times: int) -> None:
    """Processes and servers get SIGKILL, alone and together, at any moment."""
    site, rng = run.site, run.rng
    everything = [*PROCESSES, *site.servers]
    for number in range(times):
        if number % _MOMENTS_PER_ACTION == 0:
            run.wait_for_actions()
        # Now and then they have time for a whole epoch.
        run.rest(rng.random() * rng.choice(_CALM_SECONDS))
        site.tried["moments of kills"] += 1
        for victim in rng.sample(everything, rng.choice((1, 1, 1, 2, 3, len(everything)))):
            site.kill(victim)
        run.look()


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
            if number % 3:
                site.tried["pauses of a store"] += 1
            match number % 3:
                case 0:
                    pause_writes(run)
                case 1:
                    rng.choice(rooms).client_pause(300)
                case _:
                    victim = rng.choice([*site.servers])
                    site.signal(victim, signal.SIGSTOP)
                    run.rest(0.3)
                    site.signal(victim, signal.SIGCONT)
        run.rest(0.4)
        run.look()


def pause_writes(run: Run) -> None:
    """Both relays have read the same entries when they may write again; so have both release workers."""
    run.wait_for_actions()
    run.site.tried["pauses of a store"] += 1
    with run.site.open_rooms() as (private, _):
        private.client_pause(300, all=False)


def wake_zombies(run: Run, times: int) -> None:
    """Processes are stopped while their twins go on, and wake up with what they had read before."""
    site, rng = run.site, run.rng
    for _ in range(times):
        name = rng.choice(_TWINS)
        site.tried["stops of a process"] += site.signal(name, signal.SIGSTOP)
        run.rest(rng.random() * MAX_CALM_SECONDS)
        site.signal(name, signal.SIGCONT)
    first = [name for name in _TWINS if name.endswith("1")]
    for name in first:
        site.tried["stops of a process"] += site.signal(name, signal.SIGSTOP)
    run.rest(EPOCH_SECONDS + 0.5)
    run.look()
    for name in first:
        site.signal(name, signal.SIGCONT)
    run.rest(MAX_CALM_SECONDS)


def leap_clocks(run: Run, times: int) -> None:
    """Clocks of some processes leap forward or back for a while. Nothing may be sealed, swept or dropped."""
    with nothing_dropped(run):
        for start in range(0, times, _LEAPS_AT_ONCE):
            leaping = [_LEAPS[number % len(_LEAPS)] for number in range(start, start + _LEAPS_AT_ONCE)]
            for name, ahead_ms in leaping:
                run.site.set_clock(name, ahead_ms)
            run.rest(_LEAP_SECONDS)
            for name, _ in leaping:
                run.site.set_clock(name, 0)
            run.look()


def wait_for_erasures(run: Run) -> None:
    """Waits until each sender has erased an account."""
    run.wait_for_actions(ERASE_EVERY - min(sender.sent for sender in run.senders))


@contextmanager
def nothing_dropped(run: Run) -> Iterator[None]:
    """Notes as a fault of the run what is sealed, swept or dropped in the block."""
    site = run.site
    wait_for_erasures(run)
    with site.open_rooms() as (private, _):
        before = read_counts(private)
    logs = {path: path.stat().st_size for path in site.guard.glob("*.erasures")}
    yield
    with site.open_rooms() as (private, _):
        after = read_counts(private)
    for what, kept, found in (
        ("series", before.running, after.running),
        ("tombstones", before.tombstones, after.tombstones),
        *((f"bytes of {path.name}", size, path.stat().st_size) for path, size in logs.items()),
    ):
        if found < kept:
            run.faults.append(f"{kept - found} {what} were dropped")


def fill_memory(run: Run, times: int) -> None:
    """Servers have no memory left for a while, and refuse to write."""
    for _ in range(times):
        run.rest(run.rng.random() * MAX_CALM_SECONDS)
        with run.site.open_rooms() as rooms:
            run.site.tried["full memories"] += len(rooms)
            for room in rooms:
                room.config_set("maxmemory", room.info("memory")["used_memory"] + 20_000)
            run.rest(0.5)
            for room in rooms:
                room.config_set("maxmemory", 0)
        run.look()


def take_rights(run: Run, times: int) -> None:
    """A user of the store may not call one of its commands for a while: its ACL is older than the program."""
    rng = run.rng
    for _ in range(times):
        run.rest(rng.random() * MAX_CALM_SECONDS)
        user = rng.choice(_USERS)
        take_right(run, user, rng.choice(sorted({name for grant in user.grants for name in grant.commands})))
        run.look()


def take_right(run: Run, user: AclUser, command: str) -> None:
    """A user may not call a command for a while."""
    run.site.tried["rights taken away"] += 1
    with run.site.open_rooms() as (private, _):
        for missing in (command, ""):
            rules = ("clearselectors", *_selectors_without(user, missing))
            private.execute_command("ACL", "SETUSER", user.name, *rules)  # type: ignore[no-untyped-call]  # redis-py
            run.rest(0.3)


def _selectors_without(user: AclUser, command: str) -> list[str]:
    """Returns the ACL selectors of a user without a command."""
    kept = [(grant, tuple(name for name in grant.commands if name != command)) for grant in user.grants]
    return [replace(grant, commands=commands).selector for grant, commands in kept if commands]


def fill_disk(run: Run, times: int) -> None:
    """The private room's disk is full for a while: a write ends in the middle, and the server with it."""
    _fill_disk_of(run.site.private_server, run, times)


def fill_gallery_disk(run: Run, times: int) -> None:
    """The same of the gallery, to which something is written while the epochs of a run are short."""
    _fill_disk_of(run.site.servers[f"redis-{Room.GALLERY}"], run, times)


def _fill_disk_of(server: EmbeddedRedis, run: Run, times: int) -> None:
    for _ in range(times):
        run.rest(run.rng.random() * MAX_CALM_SECONDS)
        for room_bytes in (run.rng.randrange(_ROOM_BYTES), 0):  # started again, it is full still
            _end_by_full_disk(server, room_bytes)
            run.site.tried["ends by a full disk"] += 1
            run.site.tend()
        run.rest(MAX_CALM_SECONDS)
        run.look()


def _end_by_full_disk(server: EmbeddedRedis, room_bytes: int) -> None:
    """Leaves a server's log no more room than that, and waits until the server has ended by it."""
    limited: set[Path] = set()

    def has_ended() -> bool:
        # A rewrite may have begun another log.
        log = max(
            (server.folder / "appendonlydir").glob("*.incr.aof"), key=lambda log: log.stat().st_mtime_ns
        )
        if log not in limited:
            limited.add(log)
            with suppress(ProcessLookupError):
                limits = log.stat().st_size + room_bytes, resource.RLIM_INFINITY
                resource.prlimit(server.pid, resource.RLIMIT_FSIZE, limits)
        return not server.is_running

    eventually(has_ended, "the end of a server whose disk is full")
