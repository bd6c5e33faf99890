"""`erasure`: erases accounts with ten thousand engagements, and rewrites the log, under load."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median, stdev
from typing import Final

from bench.deployment import BATCH, BenchDeployment, start_deployment
from bench.figure import Bar, Figure, Measure, ProgressCallback
from bench.ingest import Requests, wait_until_drained
from bench.interference import WINDOW_SECONDS, Load, Rates, compare, measure_interference
from bench.plane_request import send_request
from bench.reads import release_all, repeat_reads
from privacy.model.change import GAINED
from privacy.model.timestamp import MS_PER_DAY
from privacy.moderation.aof_rewrite import COLLECT_MS, AofRewriteScheduler
from privacy.store.keys import outbox_key
from privacy.store.users import Process

MAX_SECONDS: Final = 2.0
SHARE_LEFT: Final = 0.9
ENGAGEMENTS: Final = 10_000
REWRITING_SECONDS: Final = 6.0
"""Window from the start of a rewrite, which includes the fork and most copy-on-write page faults."""
_ROUNDS: Final = 6
_ERASURES_PER_ROUND: Final = 4
"""The share in a window of two seconds scatters by about 0.14 on busy cores, so there are many windows."""
_PERSONS: Final = _ROUNDS * _ERASURES_PER_ROUND
_LIKES: Final = 400_000
_LIKES_PER_DAY: Final = 100
_MS_BETWEEN_LIKES: Final = 36_000
_BATCHES_PER_CROWD: Final = 1_800
"""Too few to reach the daily cap of a crowd's accounts; the next crowd follows."""
_PREPARED_READS: Final = 100_000
_EVENT_CONNECTIONS: Final = 2
_READ_CONNECTIONS: Final = 2
_POLL_SECONDS: Final = 0.05
_EVENTS: Final = "events over HTTP, until answered"
_READS: Final = "GET /v1/videos/{id}/likes"


def erasure(progress: ProgressCallback) -> Iterator[Figure]:
    """Measures seconds per erasure, and the rates of intake and reads during erasures and rewrites."""
    with start_deployment(videos=ENGAGEMENTS) as deployment:
        # An automatic rewrite would fall into the windows without a rewrite.
        deployment.redis.root.config_set("auto-aof-rewrite-percentage", 0)
        progress(f"{_LIKES:,} likes and their releases, {_PERSONS} accounts with {ENGAGEMENTS:,} likes each")
        deployment.fill(_LIKES)
        release_all(deployment)
        _fill(deployment)
        progress(
            f"{_PERSONS} erasures and {_ROUNDS} rewrites of the log, while events arrive and numbers are read"
        )
        with (
            deployment.run_plane(Process.PLATFORM, "--workers", "2", "--threads", "2") as platform,
            deployment.run_plane(Process.PUBLIC, "--workers", "1", "--threads", "2") as public,
            deployment.run_process(Process.RELAY),
        ):
            rounds = _run_rounds(deployment, _Ports(platform, public))
    erased = [each for one in rounds for each in one.erased]
    yield Figure(
        f"until an account with {ENGAGEMENTS:,} engagements is erased and its removals are counted",
        median(each.counted_seconds for each in erased),
        "s",
        bar=Bar(Measure.VALUE, high=MAX_SECONDS),
        note=f"{_PERSONS} over HTTP, until the relay has counted the last removal; the longest took "
        f"{max(each.counted_seconds for each in erased):.2f} s, and the slowest answer "
        f"{max(each.answered_seconds for each in erased):.2f} s",
    )
    yield from _share_left(
        f"in the {WINDOW_SECONDS:g} s from the request of an erasure",
        [each for one in rounds for each in one.erasing],
    )
    yield from _share_left(
        f"in the first {REWRITING_SECONDS:g} s of a rewrite of the log",
        [one.rewriting for one in rounds],
    )


def _share_left(when: str, windows: Sequence[dict[str, Rates]]) -> Iterator[Figure]:
    """Yields the remaining share of each load."""
    for what, unit, each in ((_EVENTS, "events/s", BATCH), (_READS, "requests/s", 1)):
        pairs = [window[what] for window in windows]
        shares = [pair.during / pair.without for pair in pairs]
        note = (
            f"{len(shares)} windows from {min(shares):.2f} to {max(shares):.2f}, standard error of mean "
            f"{stdev(shares) / len(shares) ** 0.5:.3f}"
        )
        yield compare(f"{what}: {when}", unit, each, pairs, SHARE_LEFT, note)


def _run_rounds(deployment: BenchDeployment, ports: _Ports) -> list[_Round]:
    keys = _Keys(
        deployment.create_key("platform", "ingest"),
        deployment.create_key("platform", "privacy"),
        deployment.create_key("public", "read"),
    )
    return [_run_round(deployment, ports, keys, number) for number in range(_ROUNDS)]


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
    """Seconds from the request."""

    answered_seconds: float
    counted_seconds: float


@dataclass(frozen=True)
class _Round:
    """Erasures and a rewrite of the log.

    Args:
        erased: durations of the erasures.
        erasing: rates of the loads during each erasure.
        rewriting: rates of the loads during the rewrite.
    """

    erased: Sequence[_Erased]
    erasing: Sequence[dict[str, Rates]]
    rewriting: dict[str, Rates]


def _person(number: int) -> str:
    return f"person-{number}"


def _fill(deployment: BenchDeployment) -> None:
    """Generates the accounts' likes: a hundred videos per day, the daily cap."""
    days = ENGAGEMENTS // _LIKES_PER_DAY
    starts_ms = [deployment.posted_at_ms - (days - day) * MS_PER_DAY for day in range(days)]
    deployment.ingest_batches(
        (
            [
                (
                    _person(number),
                    deployment.series[day * _LIKES_PER_DAY + index],
                    day_ms + index * _MS_BETWEEN_LIKES,
                    GAINED,
                    0,
                )
                for number in range(_PERSONS)
                for index in range(_LIKES_PER_DAY)
            ],
            day_ms,
        )
        for day, day_ms in enumerate(starts_ms)
    )


def _run_round(deployment: BenchDeployment, ports: _Ports, keys: _Keys, number: int) -> _Round:
    """Runs erasures one after the other and then one rewrite, under load."""
    crowd = Requests(keys.ingest, deployment.posted_at_ms, f"crowd-{number}")
    loads = {
        _EVENTS: Load(ports.platform, _EVENT_CONNECTIONS, partial(crowd.endless, 0, _BATCHES_PER_CROWD)),
        _READS: Load(ports.public, _READ_CONNECTIONS, partial(repeat_reads, keys.read, _PREPARED_READS)),
    }
    erased: list[_Erased] = []
    first = number * _ERASURES_PER_ROUND
    erasures = [
        partial(_erase, deployment, ports.platform, keys.privacy, person, erased)
        for person in range(first, first + _ERASURES_PER_ROUND)
    ]
    *erasing, rewriting = measure_interference((*erasures, partial(_rewrite, deployment)), loads)
    wait_until_drained(deployment)
    return _Round(erased, erasing, rewriting)


def _erase(deployment: BenchDeployment, port: int, key: str, number: int, erased: list[_Erased]) -> None:
    """Erases an account, and waits until its removals are counted."""
    called = time.perf_counter()
    order = json.dumps({"account_id": _person(number), "note": "bench"}).encode()
    receipt = send_request(port, key, "/v1/rights/erasures", order, "application/json")
    answered = time.perf_counter()
    _wait_until_counted(deployment, _person(number))
    counted = time.perf_counter()
    if receipt["engagements"] != ENGAGEMENTS:
        raise RuntimeError(f"the receipt is {receipt}; expected {ENGAGEMENTS:,} engagements")
    erased.append(_Erased(answered - called, counted - called))


def _wait_until_counted(deployment: BenchDeployment, account_id: str) -> None:
    """Waits until the relay has counted everything that is now in the outbox of the account's shard.

    Only this shard is polled; polling all shards would add load.
    """
    prepared, root = deployment.prepared, deployment.redis.root
    key = outbox_key(prepared.keys.current.pseudonymise(account_id).shard(prepared.header.account_shards))
    last = root.xinfo_stream(key)["last-generated-id"].decode()
    while root.xrange(key, max=last, count=1):
        time.sleep(_POLL_SECONDS)  # the store sends no notification


def _rewrite(deployment: BenchDeployment) -> None:
    """Starts a rewrite of the log, as the maintenance worker does, and ends it with the window."""
    stop = time.perf_counter() + REWRITING_SECONDS
    rewriter = AofRewriteScheduler(deployment.redis.maintenance)
    rewriter.step(0)
    rewriter.step(COLLECT_MS)
    time.sleep(stop - time.perf_counter())  # the window is what is measured
    if not _is_rewriting(deployment):
        raise RuntimeError(f"no rewrite is running after {REWRITING_SECONDS:g} s")
    server = deployment.redis.server.pid
    for child in Path(f"/proc/{server}/task/{server}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)
    while _is_rewriting(deployment):
        time.sleep(_POLL_SECONDS)  # the store sends no notification


def _is_rewriting(deployment: BenchDeployment) -> bool:
    return bool(deployment.redis.root.info("persistence")["aof_rewrite_in_progress"])
