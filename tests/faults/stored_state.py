"""Reads what vault, tally and gallery hold, byte by byte: names and layouts are written out here once more.

A change of a layout is a change of this file alone.
"""

import json
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from redis import Redis

from tests.faults.history import Name

KINDS: Final = ("like", "favorite", "follow")
REASONS: Final = ("", "unliked", "inauthentic", "account", "policy", "correction")
"""By change code; 0 is a gain."""
Release = tuple[str, str, int]
"""Target, kind and epoch."""
_REGISTER_BYTES: Final = 11
_CHANGE: Final = struct.Struct("<I")
_WRITTEN_ONCE: Final = ("g:releases:*", "g:points:*", "g:ledger:*")
_GROWING: Final = ("t:*:measured:*", "t:*:ledger")


@dataclass(frozen=True)
class Counts:
    """The exact counts of a store.

    Args:
        standing: registers of the vault that are in the count, by kind and target.
        net: gains less losses in the tally.
        removed: losses in the tally by reason.
        waiting: changes that the relay has not moved.
        running: series that are still to be released.
        tombstones: erased accounts.
    """

    standing: Counter[Name]
    net: Counter[Name]
    removed: Counter[tuple[Name, str]]
    waiting: int
    running: int
    tombstones: int


def read_counts(private: Redis) -> Counts:
    """Reads vault and tally."""
    names = _read_names(private)
    net: Counter[Name] = Counter()
    removed: Counter[tuple[Name, str]] = Counter()
    for key in private.scan_iter(match="t:*:log:*", count=1000):
        name = names[_last_number(key)]
        for (code,) in _CHANGE.iter_unpack(_read(private, key)):
            reason = REASONS[code % 16]
            net[name] += -1 if reason else 1
            if reason:
                removed[name, reason] += 1
    return Counts(
        standing=_count_standing(private, names),
        net=net,
        removed=removed,
        waiting=count_waiting(private),
        running=sum(private.zcard(key) for key in private.scan_iter(match="t:*:due", count=1000)),
        tombstones=sum(private.hlen(key) for key in private.scan_iter(match="v:*:tombstones", count=1000)),
    )


def count_waiting(private: Redis) -> int:
    """Counts the outbox entries that the relay has not moved."""
    return sum(private.xlen(key) for key in private.scan_iter(match="v:*:outbox", count=1000))


def _read_names(private: Redis) -> dict[int, Name]:
    """Reads kind and target of each series by its number."""
    return {
        _last_number(key): (KINDS[_last_number(key) % 4], private.hget(key, "target_id").decode())
        for key in private.scan_iter(match="t:*:series:*", count=1000)
    }


def _count_standing(private: Redis, names: Mapping[int, Name]) -> Counter[Name]:
    standing: Counter[Name] = Counter()
    for key in private.scan_iter(match="v:{a*}:r*:*", count=1000):
        for field, stored in private.hgetall(key).items():
            # An odd number of changes: the high four bits of the byte behind the six of the time.
            if field.isdigit() and len(stored) == _REGISTER_BYTES and stored[6] >> 4 & 1:
                standing[names[int(field)]] += 1
    return standing


@dataclass(frozen=True)
class Records:
    """What is written once.

    Args:
        fixed: a digest of each record that never changes: releases, points, published ledger entries.
        growing: lists and strings to which is only appended: measurements and the tally's ledgers.
    """

    fixed: Mapping[str, bytes]
    growing: Mapping[str, bytes]

    def differences(self, later: "Records") -> list[str]:
        """Names what is missing or different later."""
        found = [name for name, digest in self.fixed.items() if later.fixed.get(name) != digest]
        found += [
            name for name, text in self.growing.items() if not later.growing.get(name, b"").startswith(text)
        ]
        return [f"written once, and not the same later: {name}" for name in found]


def read_records(private: Redis, gallery: Redis) -> Records:
    """Reads what is written once; first what readers see, so that nothing is seen that the tally lacks."""
    fixed = {
        f"{key!r} {field!r}": sha256(record).digest()
        for pattern in _WRITTEN_ONCE
        for key in gallery.scan_iter(match=pattern, count=1000, _type="HASH")
        for field, record in gallery.hgetall(key).items()
    }
    growing = {
        repr(key): _read(private, key)
        for pattern in _GROWING
        for key in private.scan_iter(match=pattern, count=1000)
    }
    return Records(fixed, growing)


def check_ledgers(private: Redis, gallery: Redis) -> list[str]:
    """Names each broken link, each release that is in a ledger twice, and each that has other bytes there."""
    published = list(_read_releases(gallery))
    faults = []
    digests: dict[Release, str] = {}
    for key in private.scan_iter(match="t:*:ledger", count=1000):
        before = ""
        for line in private.lrange(key, 0, -1):
            entry = json.loads(line)
            release = entry["target_id"], entry["kind"], entry["epoch"]
            if entry["previous"] != before:
                faults.append(f"{key!r}: broken before entry {entry['sequence']}")
            if release in digests:
                faults.append(f"released twice: {release}")
            digests[release] = entry["release_sha256"]
            before = sha256(line).hexdigest()
    return faults + [
        f"not the release of the ledger: {release}"
        for release, document in published
        if digests.get(release) != sha256(document).hexdigest()
    ]


def _read_releases(gallery: Redis) -> Iterator[tuple[Release, bytes]]:
    for key in gallery.scan_iter(match="g:releases:*", count=1000):
        for document in gallery.hgetall(key).values():
            content = json.loads(document)
            yield (content["target_id"], content["kind"], content["epoch"]), document


def _read(client: Redis, key: bytes) -> bytes:
    """Reads a string, or a list as its elements one after the other."""
    if client.type(key) == b"list":
        return b"\n".join(client.lrange(key, 0, -1))
    content: bytes = client.get(key) or b""
    return content


def _last_number(key: bytes) -> int:
    return int(key.rpartition(b":")[2])
