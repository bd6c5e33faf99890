"""`reads`: requests a second for the total of a video, key check and rate limit included."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

import msgspec

from bench.figure import Bar, Figure, Of, Progress, Reference
from bench.hello import THREADS, WORKERS
from bench.http_load import drive, request_of
from bench.timing import interleaved
from bench.world import VIDEOS, World, child, free_port, video_name, wait_for, world
from privacy.mechanism.accounting import Calibration, calibrate
from privacy.mechanism.entropy import os_entropy
from privacy.model.engagement import Kind
from privacy.release.worker import ReleaseWorker
from privacy.store.users import LIMITER, PUBLIC
from privacy.tally.series import TallyShard

SHARE_OF_HELLO: Final = 0.5
CONNECTIONS: Final = 4
_REQUESTS: Final = 15_000
_ROUNDS: Final = 5
_LIKES: Final = 400_000
"""200 a video: enough for every total to be published."""


def reads(progress: Progress) -> Iterator[Figure]:
    """Requests a second, beside Flask's smallest JSON answer from the same server program."""
    with world() as store:
        progress(f"{_LIKES:,} likes, and the releases of {VIDEOS:,} videos")
        store.fill(_LIKES)
        release_all(store)
        port, peer_port = free_port(), free_port()
        settings = ("--port", str(port), "--workers", str(WORKERS), "--threads", str(THREADS))
        peer = [sys.executable, "-m", "bench.hello", str(peer_port)]
        with (
            store.running("public", (PUBLIC, LIMITER), *settings),
            child(peer, dict(os.environ), store.folder / "hello.log"),
        ):
            wait_for(port)
            wait_for(peer_port)
            progress(f"{_REQUESTS:,} requests to each, {_ROUNDS} times in turn, {CONNECTIONS} connections")
            ask = partial(reads_of, store.key("public", "read"), _REQUESTS)
            _require_published(drive(port, CONNECTIONS, ask).bodies[-1])
            rates = interleaved(
                {
                    "likes": lambda: _REQUESTS / drive(port, CONNECTIONS, ask).seconds,
                    "hello": lambda: _REQUESTS / drive(peer_port, CONNECTIONS, _hello_requests).seconds,
                },
                _ROUNDS,
            )
    yield Figure(
        "GET /v1/videos/{id}/likes, key check and rate limit included",
        rates["likes"],
        "requests/s",
        Reference("Flask hello-JSON, same server program and settings", rates["hello"]),
        Bar(Of.RATIO, low=SHARE_OF_HELLO),
        note=f"{VIDEOS:,} videos in random order; {WORKERS} worker, {THREADS} threads",
    )


def release_all(store: World) -> None:
    """Publish the first release of every video."""
    registry = store.founded.registry

    def calibration_of(version: str, kind: Kind) -> Calibration:
        return calibrate(registry.versions[version], kind)

    ReleaseWorker(
        shards=[
            TallyShard(store.store.release, shard) for shard in range(store.founded.header.target_shards)
        ],
        publisher=store.publisher,
        calibrations=calibration_of,
        entropy=os_entropy,
        clock=lambda: store.now_ms,
    ).run_due()


def reads_of(key: str, count: int) -> Sequence[bytes]:
    """Requests for the totals of videos in random order."""
    generator = random.Random(2)
    each = [request_of("GET", f"/v1/videos/{video_name(number)}/likes", key) for number in range(VIDEOS)]
    return generator.choices(each, k=count)


def _hello_requests() -> Sequence[bytes]:
    return [request_of("GET", "/", "none")] * _REQUESTS


def _require_published(body: bytes) -> None:
    if msgspec.json.decode(body)["total"]["status"] != "published":
        raise RuntimeError(f"the total is not published: {body!r}")
