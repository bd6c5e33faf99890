"""`ingest`: events a second over HTTP, on disk before the answer, by the processes of a deployment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from statistics import median
from struct import Struct
from typing import Final

import msgspec

from bench.figure import Bar, Figure, Of, Progress, Reference
from bench.http_load import Answered, drive, request_of
from bench.timing import seconds
from bench.world import BATCH, World, account_name, free_port, video_name, video_of, wait_for, world
from privacy.model.timestamp import format_timestamp
from privacy.store.keys import outbox_key
from privacy.store.script import Script, ScriptCall
from privacy.store.users import PLATFORM, PUBLISHER, RELAY

SHARE_OF_CEILING: Final = 0.4
BATCHES: Final = 300
CONNECTIONS: Final = 12
WORKERS: Final = 4
THREADS: Final = 2
"""Of the platform plane: while some requests wait for the disk others are worked on."""
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


def ingest(progress: Progress) -> Iterator[Figure]:
    """Rates until the last answer, and until the relay has counted everything too."""
    with world() as store:
        port = free_port()
        settings = ("--port", str(port), "--workers", str(WORKERS), "--threads", str(THREADS))
        with (
            store.running("platform", (PLATFORM, PUBLISHER), *settings),
            store.running("relay", (RELAY,)),
        ):
            wait_for(port)
            requests = Requests(store.key("platform", "ingest"), store.posted_at_ms)
            drive(port, CONNECTIONS, partial(requests.batches, 0, _WARM_UP_BATCHES))
            progress(
                f"{BATCHES} batches of {BATCH:,} events over {CONNECTIONS} connections, and "
                f"{BATCHES} script calls, {_ROUNDS} times in turn"
            )
            rounds, ceilings = [], []
            _ceiling(store, requests, 0, _WARM_UP_BATCHES)
            for first in range(_WARM_UP_BATCHES, _WARM_UP_BATCHES + _ROUNDS * BATCHES, BATCHES):
                rounds.append(_round(store, port, partial(requests.batches, first, first + BATCHES)))
                ceilings.append(_ceiling(store, requests, first, first + BATCHES))
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
        Bar(Of.RATIO, low=SHARE_OF_CEILING),
        note=f"NDJSON batches of {BATCH:,} events of {requests.event_bytes} bytes, fsync before the answer; "
        "20,000 accounts, 2,000 videos",
    )


@dataclass(frozen=True)
class Requests:
    """Batches of events: new likes, and in every fifty one repetition and one unlike of the same batch.

    Args:
        key: of the platform plane.
        posted_at_ms: likes come from then on.
        crowd: whose likes; by default the accounts of the world.
    """

    key: str
    posted_at_ms: int
    crowd: str = "account"

    @property
    def event_bytes(self) -> int:
        """Length of a line."""
        return len(self._event(0))

    def batches(self, first: int, stop: int) -> Sequence[bytes]:
        """The requests of so many batches."""
        return [
            request_of("POST", "/v1/events", self.key, self._lines(number), "application/x-ndjson")
            for number in range(first, stop)
        ]

    def packed(self, first: int, stop: int) -> Sequence[bytes]:
        """The same events as the ceiling takes them."""
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
        """The engagement of each event, and whether it ends there."""
        numbers = [(number, False) for number in range(batch * BATCH, (batch + 1) * BATCH)]
        for place in range(_EVERY_REPEATED - 1, BATCH, _EVERY_REPEATED):
            numbers[place] = numbers[place - 1]
            numbers[place - 2] = (numbers[place - 3][0], True)
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


def _round(store: World, port: int, make_requests: Callable[[], Sequence[bytes]]) -> tuple[float, float]:
    """Events a second until answered, and until counted."""
    answered = drive(port, CONNECTIONS, make_requests)
    counted_at = drained_at(store)
    _require_counted(answered)
    events = len(answered.bodies) * BATCH
    return events / answered.seconds, events / (counted_at - answered.started_at)


def _ceiling(store: World, requests: Requests, first: int, stop: int) -> float:
    """Events a second of the bare de-duplication of the same batches, in hashes as full as the vault's."""
    root, batches = store.store.root, requests.packed(first, stop)

    def work() -> None:
        for batch in batches:
            if _CEILING.run(root, ScriptCall(["ceiling:"], [batch])) != BATCH - 2 * _REPEATED:
                raise RuntimeError("the ceiling took another number of events for new than there are")

    return len(batches) * BATCH / seconds(work)


def drained_at(store: World) -> float:
    """When the relay has counted everything."""
    root, shards = store.store.root, range(store.founded.header.account_shards)
    while any(root.xlen(outbox_key(shard)) for shard in shards):
        time.sleep(_POLL_SECONDS)  # the relay tells nobody that it is done
    return time.perf_counter()


def _require_counted(answered: Answered) -> None:
    """Make sure that what was measured is intake, and not refusals."""
    expected = {"counted": BATCH - 2 * _REPEATED, "uncounted": _REPEATED, "duplicate": _REPEATED}
    for body in answered.bodies:
        verdicts = {word: count for word, count in msgspec.json.decode(body)["verdicts"].items() if count}
        if verdicts != expected:
            raise RuntimeError(f"a batch met {verdicts} where {expected} were to come")
