"""`erasure`: an account with ten thousand engagements is erased, while events and reads go on."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from statistics import fmean, median
from typing import TYPE_CHECKING, Final

from bench.asking import ask
from bench.figure import Bar, Figure, Of, Progress, Reference
from bench.ingest import Requests, drained_at
from bench.reads import reads_of, release_all
from bench.steady_load import steadily
from bench.world import BATCH, free_port, wait_for, world
from privacy.model.change import GAINED
from privacy.store.keys import REWRITES_MET, REWRITES_WANTED, outbox_key
from privacy.store.users import LIMITER, PLATFORM, PUBLIC, PUBLISHER, RELAY, STEWARD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.world import World

LONGEST_SECONDS: Final = 2.0
SHARE_LEFT: Final = 0.9
ENGAGEMENTS: Final = 10_000
WINDOW_SECONDS: Final = 2.0
"""An erasure's, from the call on."""
_ROUNDS: Final = 3
_LIKES: Final = 400_000
_LIKES_A_DAY: Final = 100
_MS_BETWEEN_LIKES: Final = 36_000
_MS_A_DAY: Final = 86_400_000
_PREPARED_BATCHES: Final = 190
"""A round's; all rounds together stay below the accounts' daily cap."""
_PREPARED_READS: Final = 30_000
_EVENT_CONNECTIONS: Final = 2
_READ_CONNECTIONS: Final = 2
_WARM_UP_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.02


def erasure(progress: Progress) -> Iterator[Figure]:
    """Seconds until nothing is left, and what intake and reads keep of their rates meanwhile."""
    with world(videos=ENGAGEMENTS) as store:
        progress(f"{_LIKES:,} likes and their releases, {_ROUNDS} accounts with {ENGAGEMENTS:,} likes each")
        store.fill(_LIKES)
        release_all(store)
        _fill(store)
        progress(f"{_ROUNDS} erasures, while events come in and numbers are read, and as often none")
        with _running(store) as ports:
            erased, during, without = _rounds(store, ports)
    yield Figure(
        f"until an account with {ENGAGEMENTS:,} engagements is gone, from the counts too",
        median(each.counted_seconds for each in erased),
        "s",
        bar=Bar(Of.VALUE, high=LONGEST_SECONDS),
        note=f"{_ROUNDS} over HTTP, until the relay has counted the last removal; the longest took "
        f"{max(each.counted_seconds for each in erased):.2f} s, and was answered after "
        f"{max(each.answered_seconds for each in erased):.2f} s",
    )
    for what, unit, rate in (
        ("events over HTTP, until answered", "events/s", attrgetter("events")),
        ("GET /v1/videos/{id}/likes", "requests/s", attrgetter("reads")),
    ):
        yield Figure(
            f"{what}: in the {WINDOW_SECONDS:g} s from the call for an erasure on",
            fmean(map(rate, during)),
            unit,
            Reference("the same without an erasure", fmean(map(rate, without))),
            Bar(Of.RATIO, low=SHARE_LEFT),
            note=f"mean of {_ROUNDS} windows each, in turn",
        )


def _rounds(store: World, ports: _Ports) -> tuple[list[_Erased], list[_Round], list[_Round]]:
    """What the erasures took, windows of the load with one, and windows without."""
    keys = _Keys(
        store.key("platform", "ingest"), store.key("platform", "privacy"), store.key("public", "read")
    )
    erased: list[_Erased] = []
    during, without = [], []
    for number in range(_ROUNDS):
        without.append(_round(store, ports, keys, 2 * number, lambda: None))
        erase = partial(_erasing, store, ports.platform, keys.privacy, number, erased)
        during.append(_round(store, ports, keys, 2 * number + 1, erase))
    return erased, during, without


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
class _Round:
    """A window of the load.

    Args:
        events: answered a second.
        reads: likewise.
    """

    events: float
    reads: float


@dataclass(frozen=True)
class _Erased:
    """Seconds from the call on."""

    answered_seconds: float
    counted_seconds: float


def _person(number: int) -> str:
    return f"person-{number}"


def _fill(store: World) -> None:
    """Let the accounts like, a hundred videos a day, as the daily cap has it."""
    days = ENGAGEMENTS // _LIKES_A_DAY
    starts_ms = [store.posted_at_ms - (days - day) * _MS_A_DAY for day in range(days)]
    store.take_in(
        (
            [
                (
                    _person(number),
                    store.series[day * _LIKES_A_DAY + place],
                    day_ms + place * _MS_BETWEEN_LIKES,
                    GAINED,
                    0,
                )
                for number in range(_ROUNDS)
                for place in range(_LIKES_A_DAY)
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
            ("steward", (STEWARD,)),
        ):
            running.enter_context(store.running(verb, users, *settings))
        wait_for(ports.platform)
        wait_for(ports.public)
        yield ports


def _round(store: World, ports: _Ports, keys: _Keys, number: int, erase: Callable[[], None]) -> _Round:
    """A window of the load, at the beginning of which something is done."""
    requests = Requests(keys.ingest, store.posted_at_ms)
    first = _LIKES // BATCH + number * _PREPARED_BATCHES
    make_events = partial(requests.batches, first, first + _PREPARED_BATCHES)
    make_reads = partial(reads_of, keys.read, _PREPARED_READS)
    with (
        steadily(ports.public, _READ_CONNECTIONS, make_reads) as reads,
        steadily(ports.platform, _EVENT_CONNECTIONS, make_events) as events,
    ):
        time.sleep(_WARM_UP_SECONDS)  # the first answers come from cold caches
        start = time.perf_counter()
        erase()
        stop = start + WINDOW_SECONDS
        time.sleep(max(0.0, stop - time.perf_counter()))  # the window is what is measured
    drained_at(store)
    _wait_until_rewritten(store)
    return _Round(BATCH * events.rate(start, stop), reads.rate(start, stop))


def _erasing(store: World, port: int, key: str, number: int, erased: list[_Erased]) -> None:
    """Erase an account, and wait until it is out of the counts."""
    called = time.perf_counter()
    order = json.dumps({"account_id": _person(number), "note": "bench"}).encode()
    receipt = ask(port, key, "/v1/rights/erasures", order, "application/json")
    answered = time.perf_counter()
    _wait_until_counted(store)
    erased.append(_Erased(answered - called, time.perf_counter() - called))
    if receipt["engagements"] != ENGAGEMENTS:
        raise RuntimeError(f"the receipt is {receipt} where {ENGAGEMENTS:,} engagements were to go")


def _wait_until_counted(store: World) -> None:
    """Wait until the relay has counted all that stands in the outboxes now."""
    root = store.store.root
    for shard in range(store.founded.header.account_shards):
        key = outbox_key(shard)
        last = root.xinfo_stream(key)["last-generated-id"].decode()
        while root.xrange(key, max=last, count=1):
            time.sleep(_LOOK_SECONDS)  # nobody is told: the store is asked again


def _wait_until_rewritten(store: World) -> None:
    """Wait a minute, until the log on disk has forgotten too, so that this is no part of the next round."""
    root = store.store.root
    while root.get(REWRITES_MET) != root.get(REWRITES_WANTED):
        time.sleep(_LOOK_SECONDS)  # likewise
