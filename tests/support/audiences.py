"""Audiences for tests of the vault: which videos count where, a reference, and what is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import redis

from privacy.model.audience import AUDIENCE_SLOT, Period
from privacy.model.engagement import KINDS_PER_TARGET
from privacy.model.timestamp import SECONDS_PER_DAY
from privacy.store.header import StoreHeader
from privacy.store.keys import audiences_key, tally_key
from privacy.tally.audience_log import read_audience_log
from privacy.tally.outbox_relay import Relay
from privacy.vault.audience_closing import AudienceClosing
from privacy.vault.audience_rows import AudiencesOf
from privacy.vault.entries import AdmittedEvent, AdmittedEvents
from privacy.vault.shards import AccountShards
from tests.support.histories import SERIES
from tests.support.redis_server import Store
from tests.support.reference_model import ReferenceModel
from tests.support.registers import HEADER, raw

DAY, WEEK, BLOCK = SECONDS_PER_DAY, 7 * SECONDS_PER_DAY, 28 * SECONDS_PER_DAY
CREATORS: Final = (0, 0, 1, 1, 2)
HASHTAGS: Final = ((0, 1), (1,), (), (2, 0), (1, 2))
"""Of the videos of `SERIES`."""


def audience(number: int) -> int:
    """Return the series of an audience."""
    return number * KINDS_PER_TARGET + AUDIENCE_SLOT


def audiences_of(series: int) -> dict[int, list[int]]:
    """Return what a video counts in: weeks and blocks of its creator, days of its hashtags and of all."""
    place = SERIES.index(series)
    days = [audience(100), *(audience(110 + hashtag) for hashtag in HASHTAGS[place])]
    return {DAY: days, WEEK: [audience(120 + CREATORS[place])], BLOCK: [audience(130 + CREATORS[place])]}


def find_audiences(targets: Sequence[int]) -> AudiencesOf:
    """Return what videos count in, by the number of their target."""
    known = {series // KINDS_PER_TARGET: series for series in SERIES}
    return {target: audiences_of(known[target]) for target in targets if target in known}


def with_audiences(
    entries: Sequence[AdmittedEvent], slices: Mapping[int, int] | None = None
) -> AdmittedEvents:
    """Return events of videos that count in audiences, those of `SERIES` if no others are given."""
    return AdmittedEvents.from_events(entries, slices or dict.fromkeys(SERIES, DAY))


def close_audiences(
    store: Store, shards: AccountShards, now_ms: int, find: AudiencesOf | None = None
) -> None:
    """Close every period that is over by now, as the maintenance worker does, and count it."""
    closing = AudienceClosing(shards, (lambda _targets: find) if find else find_audiences)
    for shard in range(shards.count):
        closing.close(shard, Period.at(now_ms, DAY).start_ms // 1000)
    Relay(store.relay, HEADER, lambda: now_ms).drain()


def end_slice(store: Store) -> None:
    """Move the only journal of the first account shard to the slice before: it has ended then."""
    name = next(name for name in map(raw, store.root.hkeys(audiences_key(0))) if name.startswith(b"j"))
    slice_seconds, _, number = name[1:].partition(b":")
    earlier = b"j%s:%d" % (slice_seconds, int(number) - 1)
    store.root.rename(f"{audiences_key(0)}:{name.decode()}", f"{audiences_key(0)}:{earlier.decode()}")
    store.root.hdel(audiences_key(0), name)
    store.root.hset(audiences_key(0), earlier, 1)


Counts = dict[tuple[Period, int], Counter[int]]
"""By period and audience, the accounts by joint code."""


def read_counts(root: redis.Redis, header: StoreHeader = HEADER) -> Counts:
    """Return what the tally has counted."""
    counts: Counts = {}
    for shard in range(header.target_shards):
        for name in root.hkeys(tally_key(shard, "audience-logs")):
            period = Period.parse(raw(name))
            for series, changes in read_audience_log(root, shard, period).items():
                assert series // KINDS_PER_TARGET % header.target_shards == shard
                counts[period, series] = net_of(changes)
    return counts


def net_of(changes: bytes) -> Counter[int]:
    """Return accounts by joint code from change codes, all of which are gains."""
    codes = np.frombuffer(changes, "<u4").tolist()
    assert not any(code % 16 for code in codes)
    return Counter(code >> 4 for code in codes)


@dataclass
class AudienceReference:
    """Who is in which audience, one account at a time.

    Args:
        vault: decides which likes are counted.
    """

    vault: ReferenceModel
    members: dict[tuple[Period, int], dict[str, int]] = field(default_factory=dict)
    """By period and audience: the joint code of each account."""

    def record(self, entries: Sequence[AdmittedEvent], now_ms: int) -> None:
        """Apply events: the account of a like that is counted for the first time is in its audiences."""
        for entry in entries:
            account, series, *_ = entry
            before = self.vault.registers.get((account, series))
            self.vault.record([entry], now_ms)
            after = self.vault.registers.get((account, series))
            if after and after.flips == 1 and (before is None or before.flips == 0):
                for every_seconds, numbers in audiences_of(series).items():
                    for number in numbers:
                        members = self.members.setdefault((Period.at(now_ms, every_seconds), number), {})
                        members.setdefault(account, after.cell)

    def leave(self, account: str, since_ms: int) -> None:
        """Take an account out of every period that was not over at a time."""
        for (period, _), members in self.members.items():
            if period.end_ms > since_ms:
                members.pop(account, None)

    def counts(self, closed_by_ms: int) -> Counts:
        """Return the accounts of closed periods by joint code, without what is zero."""
        return {
            key: Counter(members.values())
            for key, members in self.members.items()
            if members and key[0].end_ms <= closed_by_ms
        }
