"""`purge`: removes a million likes of ten thousand bots while intake continues."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from bench.deployment import BATCH, VIDEOS, BenchDeployment, start_deployment
from bench.figure import Bar, Figure, Measure, ProgressCallback, Reference
from bench.http_load import drive
from bench.ingest import Requests, wait_until_drained
from bench.plane_request import send_request
from bench.steady_load import run_steady_load
from privacy.model.change import GAINED
from privacy.store.users import Process

SHARE_OF_INGEST: Final = 0.5
SHARE_LEFT_TO_INTAKE: Final = 0.5
BOTS: Final = 10_000
LIKES_PER_BOT: Final = 100
WORKERS: Final = 2
_CONNECTIONS: Final = 6
_INGEST_BATCHES: Final = 200
_BATCHES_DURING_PURGE: Final = 1_750
"""Built before the purge; too few to reach the accounts' daily cap. Further ones are of other accounts."""
_WARM_UP_BATCHES: Final = 20
_MS_BETWEEN_LIKES: Final = 36_000
"""Slow enough for the burst rule: a hundred likes in an hour."""
_BOTS_PER_BATCH: Final = 50
_POLL_SECONDS: Final = 0.05


def purge(progress: ProgressCallback) -> Iterator[Figure]:
    """Measures removals per second until counted, and the rate of intake meanwhile."""
    with start_deployment() as deployment:
        progress(f"{BOTS:,} bots with {LIKES_PER_BOT} likes each")
        _fill(deployment)
        with (
            deployment.run_plane(Process.PLATFORM, "--workers", str(WORKERS), "--threads", "2") as port,
            deployment.run_process(Process.RELAY),
            deployment.run_process(Process.MAINTENANCE),
        ):
            requests = Requests(deployment.create_key("platform", "ingest"), deployment.posted_at_ms)
            drive(port, _CONNECTIONS, partial(requests.batches, 0, _WARM_UP_BATCHES))
            progress("intake alone")
            stop = _WARM_UP_BATCHES + _INGEST_BATCHES
            answered = drive(port, _CONNECTIONS, partial(requests.batches, _WARM_UP_BATCHES, stop))
            counted_at = wait_until_drained(deployment)
            progress("the purge, while intake continues")
            purged = _purge(deployment, port, partial(requests.endless, stop, _BATCHES_DURING_PURGE))
    events = _INGEST_BATCHES * BATCH
    yield Figure(
        "removals by a purge while intake continues, until counted",
        BOTS * LIKES_PER_BOT / purged.seconds,
        "removals/s",
        Reference(
            "events over HTTP until counted, alone, in the same run",
            events / (counted_at - answered.started_at),
        ),
        Bar(Measure.RATIO, low=SHARE_OF_INGEST),
        note=f"{BOTS:,} bots with {LIKES_PER_BOT} likes each on {VIDEOS:,} videos, one job, one worker",
    )
    yield Figure(
        "events over HTTP during the purge, until answered",
        purged.events_per_second,
        "events/s",
        Reference("the same alone, in the same run", events / answered.seconds),
        Bar(Measure.RATIO, low=SHARE_LEFT_TO_INTAKE),
        note=f"from the request until the job is done, {purged.seconds:.1f} s",
    )


@dataclass(frozen=True)
class _Purged:
    seconds: float
    events_per_second: float


def _bot(number: int) -> str:
    return f"bot-{number:05d}"


def _fill(deployment: BenchDeployment) -> None:
    """Ingests the bots' likes and counts them."""
    batches = (
        [
            (
                _bot(bot),
                deployment.series[(bot * 7 + index * 20) % VIDEOS],
                deployment.posted_at_ms + index * _MS_BETWEEN_LIKES,
                GAINED,
                bot % 1000,
            )
            for bot in range(first, first + _BOTS_PER_BATCH)
            for index in range(LIKES_PER_BOT)
        ]
        for first in range(0, BOTS, _BOTS_PER_BATCH)
    )
    deployment.ingest_batches((likes, deployment.posted_at_ms) for likes in batches)


def _purge(deployment: BenchDeployment, port: int, make_requests: Callable[[], Iterator[bytes]]) -> _Purged:
    """Purges all bots under load, and waits until the removals are counted."""
    key = deployment.create_key("platform", "moderate")
    lines = b"\n".join(json.dumps({"account_id": _bot(bot)}).encode() for bot in range(BOTS))
    with run_steady_load(port, _CONNECTIONS, make_requests) as load:
        began = time.perf_counter()
        counts = _run_purge_job(port, key, lines)
        done = time.perf_counter()
    counted = wait_until_drained(deployment)
    if counts["uncounted"] != BOTS * LIKES_PER_BOT:
        raise RuntimeError(f"the purge removed {counts}; expected {BOTS * LIKES_PER_BOT} removals")
    return _Purged(counted - began, BATCH * load.rate(began, done))


def _run_purge_job(port: int, key: str, lines: bytes) -> dict[str, int]:
    """Requests the purge, waits for its end, and returns its counts."""
    job = send_request(port, key, "/v1/moderation/purges?note=bench", lines, "application/x-ndjson")
    while job["state"] not in ("done", "failed"):
        time.sleep(_POLL_SECONDS)  # the plane sends no notification
        job = send_request(port, key, f"/v1/jobs/{job['job']}")
    counts: dict[str, int] = job["counts"]
    return counts
