"""`ingest`: measures events per second over HTTP, on disk before the answer."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from itertools import chain, count
from pathlib import Path
from statistics import median
from struct import Struct
from typing import Final

import msgspec

from bench.deployment import (
    BATCH,
    BenchDeployment,
    account_name,
    start_deployment,
    video_name,
    video_of,
)
from bench.figure import Bar, Figure, Measure, ProgressCallback, Reference
from bench.http_load import LoadResult, build_request, drive
from bench.timing import seconds
from privacy.model.timestamp import format_timestamp
from privacy.store.keys import outbox_key
from privacy.store.script import Script, ScriptCall
from privacy.store.users import Process

SHARE_OF_CEILING: Final = 0.4
BATCHES: Final = 300
CONNECTIONS: Final = 12
WORKERS: Final = 4
THREADS: Final = 2
"""Threads per worker of the platform plane: some requests are processed while others wait for the disk."""
_WARM_UP_BATCHES: Final = 30
_ROUNDS: Final = 3
_POLL_SECONDS: Final = 0.005
_CEILING: Final = Script(Path(__file__).with_name("ceiling.lua").read_text(encoding="utf-8"))
_CEILING_EVENT: Final = Struct("<16sQ")
_EVERY_REPEATED: Final = 50
_REPEATED: Final = BATCH // _EVERY_REPEATED
_PROFILES: Final = [
    {"age_band": age_band, "gender": gender, "region": region, "language": language, "device": device}
    for age_band, gender, region, language, device in (
        ("18-24", "female", "US", "en", "ios"),
        ("25-34", "male", "BR", "pt", "android"),
        ("35-44", "other", "DE", "de", "web"),
        ("55-64", "female", "JP", "ja", "ios"),
        ("13-17", "male", "MX", "es", "android"),
    )
]


def ingest(progress: ProgressCallback) -> Iterator[Figure]:
    """Measures rates until the last answer, and until the relay has counted everything."""
    with start_deployment() as deployment:
        settings = ("--workers", str(WORKERS), "--threads", str(THREADS))
        with (
            deployment.run_plane(Process.PLATFORM, *settings) as port,
            deployment.run_process(Process.RELAY),
        ):
            requests = Requests(deployment.create_key("platform", "ingest"), deployment.posted_at_ms)
            drive(port, CONNECTIONS, partial(requests.batches, 0, _WARM_UP_BATCHES))
            progress(
                f"{BATCHES} batches of {BATCH:,} events over {CONNECTIONS} connections, and "
                f"{BATCHES} script calls, {_ROUNDS} times in turn"
            )
            rounds, ceilings = [], []
            _measure_ceiling(deployment, requests, 0, _WARM_UP_BATCHES)
            for first in range(_WARM_UP_BATCHES, _WARM_UP_BATCHES + _ROUNDS * BATCHES, BATCHES):
                rounds.append(
                    _measure_round(deployment, port, partial(requests.batches, first, first + BATCHES))
                )
                ceilings.append(_measure_ceiling(deployment, requests, first, first + BATCHES))
    ceiling = Reference(
        "one script call per 1,000 packed events, HSETNX only, one Python client", median(ceilings)
    )
    answered, counted = (median(rates) for rates in zip(*rounds, strict=True))
    yield Figure("events over HTTP, until answered", answered, "events/s", ceiling)
    yield Figure(
        "events over HTTP, until answered and counted",
        counted,
        "events/s",
        ceiling,
        Bar(Measure.RATIO, low=SHARE_OF_CEILING),
        note=f"NDJSON batches of {BATCH:,} events of {requests.event_bytes} bytes, fsync before the answer; "
        "20,000 accounts, 2,000 videos",
    )


@dataclass(frozen=True)
class Requests:
    """Batches of new likes, with one repetition and one unlike in every fifty events.

    Args:
        key: API key of the platform plane.
        posted_at_ms: time of the first like.
        crowd: prefix of the account ids.
    """

    key: str
    posted_at_ms: int
    crowd: str = "account"

    @property
    def event_bytes(self) -> int:
        """Length of one event in bytes."""
        return len(self._event(0))

    def batches(self, first: int, stop: int) -> Sequence[bytes]:
        """Builds the requests of a range of batches."""
        return [
            build_request("POST", "/v1/events", self.key, self._lines(number), "application/x-ndjson")
            for number in range(first, stop)
        ]

    def endless(self, first: int, prepared: int) -> Iterator[bytes]:
        """Builds some batches at once and further ones, of other accounts, when they are asked for.

        Args:
            first: number of the first batch.
            prepared: number of batches that are built at once, and of the batches of every further crowd:
                few enough to stay below the accounts' daily cap.
        """
        further = (replace(self, crowd=f"{self.crowd}-{number}") for number in count(1))
        later = (
            request
            for crowd in further
            for batch in range(prepared)
            for request in crowd.batches(batch, batch + 1)
        )
        return chain(self.batches(first, first + prepared), later)

    def packed(self, first: int, stop: int) -> Sequence[bytes]:
        """Packs the same events for the ceiling."""
        return [
            b"".join(
                _CEILING_EVENT.pack(
                    blake2b(account_name(number).encode(), digest_size=16).digest(), video_of(number)
                )
                for number, _ in self._numbers(batch)
            )
            for batch in range(first, stop)
        ]

    def _lines(self, batch: int) -> bytes:
        return b"\n".join(
            self._event(number, "unlike", later_ms=1) if unliked else self._event(number)
            for number, unliked in self._numbers(batch)
        )

    def _numbers(self, batch: int) -> Sequence[tuple[int, bool]]:
        """Returns the engagement of each event, and whether it is an unlike."""
        numbers = [(number, False) for number in range(batch * BATCH, (batch + 1) * BATCH)]
        for index in range(_EVERY_REPEATED - 1, BATCH, _EVERY_REPEATED):
            numbers[index] = numbers[index - 1]
            numbers[index - 2] = (numbers[index - 3][0], True)
        return numbers

    def _event(self, number: int, kind: str = "like", later_ms: int = 0) -> bytes:
        return msgspec.json.encode(
            {
                "type": kind,
                "account_id": account_name(number, self.crowd),
                "video_id": video_name(video_of(number)),
                "occurred_at": format_timestamp(self.posted_at_ms + number + later_ms),
                "profile": _PROFILES[number % len(_PROFILES)],
            }
        )


def _measure_round(
    deployment: BenchDeployment, port: int, make_requests: Callable[[], Sequence[bytes]]
) -> tuple[float, float]:
    """Returns events per second until answered, and until counted."""
    answered = drive(port, CONNECTIONS, make_requests)
    counted_at = wait_until_drained(deployment)
    _require_counted(answered)
    events = len(answered.bodies) * BATCH
    return events / answered.seconds, events / (counted_at - answered.started_at)


def _measure_ceiling(deployment: BenchDeployment, requests: Requests, first: int, stop: int) -> float:
    """Returns events per second of mere deduplication of the same batches, in hashes like the vault's."""
    root, batches = deployment.redis.root, requests.packed(first, stop)

    def work() -> None:
        for batch in batches:
            if _CEILING.run(root, ScriptCall(["ceiling:"], [batch])) != BATCH - 2 * _REPEATED:
                raise RuntimeError("the ceiling counted a wrong number of new events")

    return len(batches) * BATCH / seconds(work)


def wait_until_drained(deployment: BenchDeployment) -> float:
    """Waits until the relay has counted everything, and returns the time."""
    root, shards = deployment.redis.root, range(deployment.prepared.header.account_shards)
    while any(root.xlen(outbox_key(shard)) for shard in shards):
        time.sleep(_POLL_SECONDS)  # the relay sends no notification
    return time.perf_counter()


def _require_counted(answered: LoadResult) -> None:
    """Verifies that the events were accepted, so that the rates are not those of refusals."""
    expected = {"counted": BATCH - 2 * _REPEATED, "uncounted": _REPEATED, "duplicate": _REPEATED}
    for body in answered.bodies:
        verdicts = {word: count for word, count in msgspec.json.decode(body)["verdicts"].items() if count}
        if verdicts != expected:
            raise RuntimeError(f"the verdicts of a batch are {verdicts}; expected {expected}")
