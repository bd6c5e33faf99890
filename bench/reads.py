"""`reads`: measures requests per second for totals of videos at saturation, and how long a query takes."""

import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import cycle
from typing import Final

import msgspec

from bench.deployment import VIDEOS, BenchDeployment, child, free_port, start_deployment, video_name, wait_for
from bench.figure import Bar, Figure, Measure, ProgressCallback, Reference
from bench.hello import THREADS, WORKERS
from bench.http_load import build_request, connect, drive, read_answer
from bench.timing import run_interleaved
from privacy.mechanism.accounting import Calibration, calibrate
from privacy.mechanism.entropy import os_entropy
from privacy.model.engagement import Kind
from privacy.release.publication import ReleasePublication
from privacy.release.worker import ReleaseWorker
from privacy.store.users import Process
from privacy.tally.series import TallyShard

SHARE_OF_HELLO: Final = 0.7
CONNECTIONS: Final = 32
"""Enough to saturate the server: with 4, a third of the difference is hidden behind the client."""
QUERIED_VIDEOS: Final = 100
MAX_QUERY_SECONDS: Final = 0.025
_QUERIES: Final = 200
_DIMENSION: Final = "age_band"
_REQUESTS: Final = 15_000
_ROUNDS: Final = 5
_LIKES: Final = 400_000
"""200 per video: enough for every total to be published."""


def reads(progress: ProgressCallback) -> Iterator[Figure]:
    """Measures requests per second, and those of Flask's smallest JSON answer on the same server program."""
    with start_deployment() as deployment:
        progress(f"{_LIKES:,} likes, and the releases of {VIDEOS:,} videos")
        deployment.fill(_LIKES)
        release_all(deployment)
        peer_port = free_port()
        settings = ("--workers", str(WORKERS), "--threads", str(THREADS))
        peer = [sys.executable, "-m", "bench.hello", str(peer_port)]
        with (
            deployment.run_plane(Process.PUBLIC, *settings) as port,
            child(peer, dict(os.environ), deployment.folder / "hello.log"),
        ):
            wait_for(peer_port)
            progress(f"{_REQUESTS:,} requests to each, {_ROUNDS} times in turn, {CONNECTIONS} connections")
            make_reads = partial(build_reads, deployment.create_key("public", "read"), _REQUESTS)
            _require_published(drive(port, CONNECTIONS, make_reads).bodies[-1])
            rates = run_interleaved(
                {
                    "likes": lambda: _REQUESTS / drive(port, CONNECTIONS, make_reads).seconds,
                    "hello": lambda: _REQUESTS / drive(peer_port, CONNECTIONS, _hello_requests).seconds,
                },
                _ROUNDS,
            )
            progress(f"{_QUERIES} queries of {QUERIED_VIDEOS} videos by {_DIMENSION}")
            durations = _time_queries(port, deployment.create_key("public", "read"))
    yield Figure(
        "GET /v1/videos/{id}/likes, including key check and rate limit",
        rates["likes"],
        "requests/s",
        Reference("Flask hello-JSON, same server program and settings", rates["hello"]),
        Bar(Measure.RATIO, low=SHARE_OF_HELLO),
        note=f"{VIDEOS:,} videos at random, {CONNECTIONS} connections, {WORKERS} worker, {THREADS} threads",
    )
    yield Figure(
        f"POST /v1/query of {QUERIED_VIDEOS} videos × 8 cells, 95th percentile",
        durations[int(0.95 * len(durations))],
        "s",
        bar=Bar(Measure.VALUE, high=MAX_QUERY_SECONDS),
        note=f"{_QUERIES}, one after the other; median {durations[len(durations) // 2]:.4f} s",
    )


def _time_queries(port: int, key: str) -> list[float]:
    """Returns how long each of some queries took, sorted."""
    generator = random.Random(4)
    durations = []
    with connect(port) as connection:
        for _ in range(_QUERIES):
            ids = [video_name(number) for number in generator.sample(range(VIDEOS), QUERIED_VIDEOS)]
            body = msgspec.json.encode({"ids": ids, "by": ["video", _DIMENSION]})
            request = build_request("POST", "/v1/query", key, body, "application/json")
            started = time.perf_counter()
            connection.sendall(request)
            answer = read_answer(connection)
            durations.append(time.perf_counter() - started)
    rows = msgspec.json.decode(answer)["rows"]
    if len(rows) < 8 * QUERIED_VIDEOS:
        raise RuntimeError(f"a query has {len(rows)} rows")
    return sorted(durations)


def release_all(deployment: BenchDeployment) -> None:
    """Publishes the first release of every video."""
    registry = deployment.prepared.registry

    def calibration_of(version: str, kind: Kind) -> Calibration:
        return calibrate(registry.versions[version], kind)

    shards = [
        TallyShard(deployment.redis.release, shard)
        for shard in range(deployment.prepared.header.target_shards)
    ]
    ReleaseWorker(
        shards=shards,
        calibrations=calibration_of,
        entropy=os_entropy,
        clock=deployment.release_clock,
    ).run_due()
    publication = ReleasePublication(shards, deployment.publisher)
    publication.publish(publication.read_last_visible_ms() or 0)


def build_reads(key: str, count: int) -> Sequence[bytes]:
    """Builds requests for the totals of videos in random order."""
    generator = random.Random(2)
    each = [build_request("GET", f"/v1/videos/{video_name(number)}/likes", key) for number in range(VIDEOS)]
    return generator.choices(each, k=count)


def repeat_reads(key: str, prepared: int) -> Iterator[bytes]:
    """Repeats some prepared reads without end: a read changes nothing."""
    return cycle(build_reads(key, prepared))


def _hello_requests() -> Sequence[bytes]:
    return [build_request("GET", "/", "none")] * _REQUESTS


def _require_published(body: bytes) -> None:
    if msgspec.json.decode(body)["total"]["status"] != "published":
        raise RuntimeError(f"the total is not published: {body!r}")
