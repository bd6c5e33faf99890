"""`purge`: a million likes of ten thousand bots out of the counts, while intake goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from bench.asking import ask
from bench.figure import Bar, Figure, Of, Progress, Reference
from bench.http_load import drive
from bench.ingest import Requests, drained_at
from bench.steady_load import steadily
from bench.world import BATCH, VIDEOS, World, free_port, wait_for, world
from privacy.model.change import GAINED
from privacy.store.users import MAINTENANCE, PLATFORM, PUBLISHER, RELAY

SHARE_OF_INGEST: Final = 0.5
SHARE_LEFT_TO_INTAKE: Final = 0.5
BOTS: Final = 10_000
LIKES_PER_BOT: Final = 100
WORKERS: Final = 2
_CONNECTIONS: Final = 6
_INGEST_BATCHES: Final = 200
_BATCHES_BESIDE: Final = 1_750
"""More than intake can take while the purge goes on, and less than would meet the accounts' daily cap."""
_WARM_UP_BATCHES: Final = 20
_MS_BETWEEN_LIKES: Final = 36_000
"""Slow enough for the burst rule: a hundred likes in an hour."""
_BOTS_PER_BATCH: Final = 50
_LOOK_SECONDS: Final = 0.05


def purge(progress: Progress) -> Iterator[Figure]:
    """Removals a second from the call until all is counted, and what intake keeps of its rate meanwhile."""
    with world() as store:
        progress(f"{BOTS:,} bots with {LIKES_PER_BOT} likes each")
        _fill(store)
        port = free_port()
        settings = ("--port", str(port), "--workers", str(WORKERS), "--threads", "2")
        with (
            store.running("platform", (PLATFORM, PUBLISHER), *settings),
            store.running("relay", (RELAY,)),
            store.running("maintain", (MAINTENANCE,)),
        ):
            wait_for(port)
            requests = Requests(store.key("platform", "ingest"), store.posted_at_ms)
            drive(port, _CONNECTIONS, partial(requests.batches, 0, _WARM_UP_BATCHES))
            progress("intake alone")
            stop = _WARM_UP_BATCHES + _INGEST_BATCHES
            answered = drive(port, _CONNECTIONS, partial(requests.batches, _WARM_UP_BATCHES, stop))
            counted_at = drained_at(store)
            progress("the purge, while intake goes on")
            purged = _purge(store, port, partial(requests.batches, stop, stop + _BATCHES_BESIDE))
    events = _INGEST_BATCHES * BATCH
    yield Figure(
        "removals by a purge while intake goes on, until counted",
        BOTS * LIKES_PER_BOT / purged.seconds,
        "removals/s",
        Reference(
            "events over HTTP until counted, alone, in the same run",
            events / (counted_at - answered.started_at),
        ),
        Bar(Of.RATIO, low=SHARE_OF_INGEST),
        note=f"{BOTS:,} bots with {LIKES_PER_BOT} likes each on {VIDEOS:,} videos, one job, one worker",
    )
    yield Figure(
        "events over HTTP while the purge goes on, until answered",
        purged.events_a_second,
        "events/s",
        Reference("the same alone, in the same run", events / answered.seconds),
        Bar(Of.RATIO, low=SHARE_LEFT_TO_INTAKE),
        note=f"from the call until the job is done, {purged.seconds:.1f} s",
    )


@dataclass(frozen=True)
class _Purged:
    seconds: float
    events_a_second: float


def _bot(number: int) -> str:
    return f"bot-{number:05d}"


def _fill(store: World) -> None:
    """Let the bots like, and count it."""
    batches = (
        [
            (
                _bot(bot),
                store.series[(bot * 7 + place * 20) % VIDEOS],
                store.posted_at_ms + place * _MS_BETWEEN_LIKES,
                GAINED,
                bot % 1000,
            )
            for bot in range(first, first + _BOTS_PER_BATCH)
            for place in range(LIKES_PER_BOT)
        ]
        for first in range(0, BOTS, _BOTS_PER_BATCH)
    )
    store.take_in((likes, store.posted_at_ms) for likes in batches)


def _purge(store: World, port: int, make_requests: Callable[[], Sequence[bytes]]) -> _Purged:
    """Purge all bots while batches keep coming; until the removals are counted."""
    key = store.key("platform", "moderate")
    lines = b"\n".join(json.dumps({"account_id": _bot(bot)}).encode() for bot in range(BOTS))
    with steadily(port, _CONNECTIONS, make_requests) as load:
        began = time.perf_counter()
        counts = _watch(port, key, lines)
        done = time.perf_counter()
    counted = drained_at(store)
    if counts["uncounted"] != BOTS * LIKES_PER_BOT:
        raise RuntimeError(f"the purge removed {counts} where {BOTS * LIKES_PER_BOT} were to go")
    return _Purged(counted - began, BATCH * load.rate(began, done))


def _watch(port: int, key: str, lines: bytes) -> dict[str, int]:
    """Ask for the purge, and wait for its end."""
    job = ask(port, key, "/v1/moderation/purges?note=bench", lines, "application/x-ndjson")
    while job["state"] not in ("done", "failed"):
        time.sleep(_LOOK_SECONDS)  # the plane tells nobody that a job is done: it is asked again
        job = ask(port, key, f"/v1/jobs/{job['job']}")
    counts: dict[str, int] = job["counts"]
    return counts
