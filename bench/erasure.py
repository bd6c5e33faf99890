"""`erasure`: accounts with ten thousand engagements are erased, and the log rewritten, beside a busy load."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Final

from bench.asking import ask
from bench.beside import WINDOW_SECONDS, Load, Pair, beside
from bench.figure import Bar, Figure, Of, Progress, Reference
from bench.ingest import Requests, drained_at
from bench.reads import reads_of, release_all
from bench.world import BATCH, World, free_port, wait_for, world
from privacy.model.change import GAINED
from privacy.model.timestamp import MS_PER_DAY
from privacy.moderation.aof_rewrite import COLLECT_MS, AofRewriteScheduler
from privacy.store.keys import outbox_key
from privacy.store.users import LIMITER, PLATFORM, PUBLIC, PUBLISHER, RELAY

MAX_SECONDS: Final = 2.0
SHARE_LEFT: Final = 0.9
ENGAGEMENTS: Final = 10_000
REWRITING_SECONDS: Final = 6.0
"""Of a rewrite, from its begin on, with the fork and the first change of most pages after it."""
_ROUNDS: Final = 6
_ERASURES_PER_ROUND: Final = 4
"""A share of two seconds scatters by some 0.14 on full cores, erasure or not: so there are many."""
_PERSONS: Final = _ROUNDS * _ERASURES_PER_ROUND
_LIKES: Final = 400_000
_LIKES_PER_DAY: Final = 100
_MS_BETWEEN_LIKES: Final = 36_000
_PREPARED_BATCHES: Final = 1_800
"""A round's: enough, and less than would meet the daily cap of its accounts."""
_PREPARED_READS: Final = 100_000
_EVENT_CONNECTIONS: Final = 2
_READ_CONNECTIONS: Final = 2
_LOOK_SECONDS: Final = 0.05
_EVENTS: Final = "events over HTTP, until answered"
_READS: Final = "GET /v1/videos/{id}/likes"


def erasure(progress: Progress) -> Iterator[Figure]:
    """Seconds until nothing is left, and what intake and reads keep of their rates, in a rewrite too."""
    with world(videos=ENGAGEMENTS) as store:
        # A rewrite that the server begins by itself, as the log grows, would be in the windows without one.
        store.store.root.config_set("auto-aof-rewrite-percentage", 0)
        progress(f"{_LIKES:,} likes and their releases, {_PERSONS} accounts with {ENGAGEMENTS:,} likes each")
        store.fill(_LIKES)
        release_all(store)
        _fill(store)
        progress(
            f"{_PERSONS} erasures and {_ROUNDS} rewrites of the log, while events arrive and numbers are read"
        )
        with _running(store) as ports:
            rounds = _rounds(store, ports)
    erased = [each for one in rounds for each in one.erased]
    yield Figure(
        f"until an account with {ENGAGEMENTS:,} engagements is gone, from the counts too",
        median(each.counted_seconds for each in erased),
        "s",
        bar=Bar(Of.VALUE, high=MAX_SECONDS),
        note=f"{_PERSONS} over HTTP, until the relay has counted the last removal; the longest took "
        f"{max(each.counted_seconds for each in erased):.2f} s, and was answered after "
        f"{max(each.answered_seconds for each in erased):.2f} s",
    )
    yield from _left(
        f"in the {WINDOW_SECONDS:g} s from the call for an erasure on",
        [each for one in rounds for each in one.erasing],
    )
    yield from _left(
        f"in the first {REWRITING_SECONDS:g} s of a rewrite of the log",
        [one.rewriting for one in rounds],
    )


def _left(when: str, windows: Sequence[dict[str, Pair]]) -> Iterator[Figure]:
    """What was left of each load."""
    for what, unit, each in ((_EVENTS, "events/s", BATCH), (_READS, "requests/s", 1)):
        pairs = [window[what] for window in windows]
        shares = [pair.beside / pair.without for pair in pairs]
        yield Figure(
            f"{what}: {when}",
            each * fmean(pair.beside for pair in pairs),
            unit,
            Reference("the same right before and after", each * fmean(pair.without for pair in pairs)),
            Bar(Of.RATIO, low=SHARE_LEFT),
            note=f"{len(shares)} windows of {min(shares):.2f} to {max(shares):.2f}, standard error of mean "
            f"{stdev(shares) / len(shares) ** 0.5:.3f}",
        )


def _rounds(store: World, ports: _Ports) -> list[_Round]:
    keys = _Keys(
        store.key("platform", "ingest"), store.key("platform", "privacy"), store.key("public", "read")
    )
    return [_round(store, ports, keys, number) for number in range(_ROUNDS)]


@dataclass(frozen=True)
class _Ports:
    platform: int
    public: int


@dataclass(frozen=True)
class _Keys:
    ingest: str
    privacy: str
    read: str


@dataclass(frozen=True)
class _Erased:
    """Seconds from the call on."""

    answered_seconds: float
    counted_seconds: float


@dataclass(frozen=True)
class _Round:
    """Some erasures and a rewrite of the log.

    Args:
        erased: how long they took.
        erasing: what the loads did in each erasure.
        rewriting: what they did in the rewrite.
    """

    erased: Sequence[_Erased]
    erasing: Sequence[dict[str, Pair]]
    rewriting: dict[str, Pair]


def _person(number: int) -> str:
    return f"person-{number}"


def _fill(store: World) -> None:
    """Let the accounts like, a hundred videos a day, as the daily cap has it."""
    days = ENGAGEMENTS // _LIKES_PER_DAY
    starts_ms = [store.posted_at_ms - (days - day) * MS_PER_DAY for day in range(days)]
    store.take_in(
        (
            [
                (
                    _person(number),
                    store.series[day * _LIKES_PER_DAY + place],
                    day_ms + place * _MS_BETWEEN_LIKES,
                    GAINED,
                    0,
                )
                for number in range(_PERSONS)
                for place in range(_LIKES_PER_DAY)
            ],
            day_ms,
        )
        for day, day_ms in enumerate(starts_ms)
    )


@contextmanager
def _running(store: World) -> Iterator[_Ports]:
    ports = _Ports(free_port(), free_port())
    with ExitStack() as running:
        for verb, users, *settings in (
            (
                "platform",
                (PLATFORM, PUBLISHER),
                *("--port", str(ports.platform), "--workers", "2", "--threads", "2"),
            ),
            ("public", (PUBLIC, LIMITER), "--port", str(ports.public), "--workers", "1", "--threads", "2"),
            ("relay", (RELAY,)),
        ):
            running.enter_context(store.running(verb, users, *settings))
        wait_for(ports.platform)
        wait_for(ports.public)
        yield ports


def _round(store: World, ports: _Ports, keys: _Keys, number: int) -> _Round:
    """Some erasures one after the other, and then one rewrite, while the loads go on."""
    requests = Requests(keys.ingest, store.posted_at_ms, f"crowd-{number}")
    loads = {
        _EVENTS: Load(ports.platform, _EVENT_CONNECTIONS, partial(requests.batches, 0, _PREPARED_BATCHES)),
        _READS: Load(ports.public, _READ_CONNECTIONS, partial(reads_of, keys.read, _PREPARED_READS)),
    }
    erased: list[_Erased] = []
    first = number * _ERASURES_PER_ROUND
    erasures = [
        partial(_erase, store, ports.platform, keys.privacy, person, erased)
        for person in range(first, first + _ERASURES_PER_ROUND)
    ]
    *erasing, rewriting = beside((*erasures, partial(_rewrite, store)), loads)
    drained_at(store)
    return _Round(erased, erasing, rewriting)


def _erase(store: World, port: int, key: str, number: int, erased: list[_Erased]) -> None:
    """Erase an account, and wait until it is out of the counts."""
    called = time.perf_counter()
    order = json.dumps({"account_id": _person(number), "note": "bench"}).encode()
    receipt = ask(port, key, "/v1/rights/erasures", order, "application/json")
    answered = time.perf_counter()
    _wait_until_counted(store, _person(number))
    counted = time.perf_counter()
    if receipt["engagements"] != ENGAGEMENTS:
        raise RuntimeError(f"the receipt is {receipt} where {ENGAGEMENTS:,} engagements were to go")
    erased.append(_Erased(answered - called, counted - called))


def _wait_until_counted(store: World, account_id: str) -> None:
    """Wait until the relay has counted all that stands in the outbox of an account's shard now.

    Of that one alone: who asked for all of them all the time would be a load of its own.
    """
    founded, root = store.founded, store.store.root
    key = outbox_key(founded.keys.current.account(account_id).shard(founded.header.account_shards))
    last = root.xinfo_stream(key)["last-generated-id"].decode()
    while root.xrange(key, max=last, count=1):
        time.sleep(_LOOK_SECONDS)  # nobody is told: the store is asked again


def _rewrite(store: World) -> None:
    """Have the log rewritten, as the maintenance worker does after erasures, and end that with the window."""
    stop = time.perf_counter() + REWRITING_SECONDS
    rewriter = AofRewriteScheduler(store.store.maintenance)
    rewriter.step(0)
    rewriter.step(COLLECT_MS)
    time.sleep(stop - time.perf_counter())  # the window is what is measured
    if not _is_rewriting(store):
        raise RuntimeError(f"no rewrite goes on after {REWRITING_SECONDS:g} s")
    server = store.store.server.pid
    for child in Path(f"/proc/{server}/task/{server}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)
    while _is_rewriting(store):
        time.sleep(_LOOK_SECONDS)  # likewise


def _is_rewriting(store: World) -> bool:
    return bool(store.store.root.info("persistence")["aof_rewrite_in_progress"])
