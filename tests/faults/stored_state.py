"""Reads what vault, tally and gallery hold, byte by byte: names and layouts are written out here once more.

A change of a layout is a change of this file alone.
"""

import json
import struct
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from redis import Redis

from privacy.policy.file import DEFAULT_POLICY_PATH
from tests.faults.history import UNDISCLOSED, Cell, Name

KINDS: Final = ("like", "favorite", "follow")
REASONS: Final = ("", "unliked", "inauthentic", "account", "policy", "correction")
"""By change code; 0 is a gain."""
Release = tuple[str, str, int]
"""Target, kind and epoch."""
Removal = tuple[Name, str]
_POLICY: Final = tomllib.loads(DEFAULT_POLICY_PATH.read_text())
_KINDS_PER_TARGET: Final = 4
_AUDIENCE: Final = 3
"""In place of a kind in the number of a series: it counts accounts, and has no register."""
_REGISTER_BYTES: Final = 11
_WORD: Final = struct.Struct("<I")
_NET_CHANGE: Final = struct.Struct("<HHi")
_CELLS: Final = {dimension: (*values, UNDISCLOSED) for dimension, values in _POLICY["dimensions"].items()}
_CELL_STREAMS: Final = tuple(
    (dimension, cell)
    for dimension, cells in _CELLS.items()
    if dimension in _POLICY["budgets"]["like"]["breakdowns"]
    for cell in cells
)
_LAST_CELL: Final = len(_CELL_STREAMS)
"""Streams: the total, cells and `undisclosed` of each dimension of a target, then the removals by reason."""
_READ_MS: Final = 5_000
_WRITTEN_ONCE: Final = ("g:releases:*", "g:points:*", "g:ledger:*")
_GROWING: Final = ("t:*:measured:*", "t:*:ledger")


@dataclass(frozen=True)
class Counts:
    """The exact counts of a store.

    Args:
        standing: registers of the vault that are in the count, by kind and target.
        net: gains less losses in the tally.
        cells: the same, by dimension and cell.
        removed: losses in the tally by reason.
        waiting: changes that the relay has not moved.
        running: series that are still to be released.
        tombstones: erased accounts.
    """

    standing: Counter[Name]
    net: Counter[Name]
    cells: Counter[Cell]
    removed: Counter[Removal]
    waiting: int
    running: int
    tombstones: int


def read_counts(private: Redis) -> Counts:
    """Reads vault and tally at one moment: nobody writes meanwhile."""
    private.client_pause(_READ_MS, all=False)
    try:
        names = _read_names(private)
        net, cells, removed = _count_changes(private, names)
        return Counts(
            standing=_count_standing(private, names),
            net=net,
            cells=cells,
            removed=removed,
            waiting=count_waiting(private),
            running=count_running(private),
            tombstones=count_tombstones(private),
        )
    finally:
        private.client_unpause()


def count_tombstones(private: Redis) -> int:
    """Counts the accounts that the vault knows to be erased."""
    return sum(private.hlen(key) for key in _find(private, "v:*:tombstones"))


def count_running(private: Redis) -> int:
    """Counts the series that are still to be released."""
    return sum(private.zcard(key) for key in _find(private, "t:*:due"))


def count_waiting(private: Redis) -> int:
    """Counts the outbox entries that a target shard lacks. Those that all have applied may still be there."""
    offsets = [private.hgetall(key) for key in _find(private, "t:*:offsets")]
    waiting = 0
    for key in _find(private, "v:*:outbox"):
        shard = key.partition(b"{a")[2].partition(b"}")[0]
        applied = min((_parse_id(row.get(shard, b"0-0")) for row in offsets), default=(0, 0))
        waiting += len(private.xrange(key, min=f"({applied[0]}-{applied[1]}") or ())
    return waiting


def _parse_id(reply: object) -> tuple[int, int]:
    moment, _, sequence = _raw(reply).partition(b"-")
    return int(moment), int(sequence)


def _count_changes(
    private: Redis, names: Mapping[int, Name]
) -> tuple[Counter[Name], Counter[Cell], Counter[Removal]]:
    """Counts what releases have folded into net changes, and what still is in the logs."""
    net: Counter[Name] = Counter()
    cells: Counter[Cell] = Counter()
    removed: Counter[Removal] = Counter()
    for key in _find(private, "t:*:net:*"):
        if (number := _last_number(key)) % _KINDS_PER_TARGET == _AUDIENCE:
            continue
        name = names[number]
        for _step, stream, change in _NET_CHANGE.iter_unpack(b"".join(_read_elements(private, key))):
            if stream == 0:
                net[name] += change
            elif stream > _LAST_CELL:
                removed[name, REASONS[stream - _LAST_CELL]] += change
            else:
                cells[name, *_CELL_STREAMS[stream - 1]] += change
    for key in _find(private, "t:*:log:*"):
        name = names[_last_number(key)]
        for element in _read_elements(private, key):
            # The second of intake comes first.
            for (code,) in _WORD.iter_unpack(element[_WORD.size :]):
                joint, change_code = divmod(code, 16)
                change = -1 if change_code else 1
                net[name] += change
                cells.update({(name, *cell): change for cell in _cells_of(joint)})
                if change_code:
                    removed[name, REASONS[change_code]] += 1
    return net, cells, removed


def _cells_of(joint: int) -> Iterator[tuple[str, str]]:
    """Yields dimension and cell of a joint cell: the last dimension's cells are next to each other."""
    for dimension, cells in reversed(_CELLS.items()):
        joint, place = divmod(joint, len(cells))
        yield dimension, cells[place]


def _read_names(private: Redis) -> dict[int, Name]:
    """Reads kind and target of each series of a target by its number."""
    return {
        number: (KINDS[number % _KINDS_PER_TARGET], _raw(private.hget(key, "target_id")).decode())
        for key in _find(private, "t:*:series:*")
        if (number := _last_number(key)) % _KINDS_PER_TARGET != _AUDIENCE
    }


def _count_standing(private: Redis, names: Mapping[int, Name]) -> Counter[Name]:
    standing: Counter[Name] = Counter()
    for key in _find(private, "v:{a*}:r*:*"):
        for field, reply in private.hgetall(key).items():
            register = _raw(reply)
            # An odd number of changes: the high four bits of the byte behind the six of the time.
            if field.isdigit() and len(register) == _REGISTER_BYTES and register[6] >> 4 & 1:
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
        f"{key!r} {field!r}": sha256(_raw(record)).digest()
        for pattern in _WRITTEN_ONCE
        for key in gallery.scan_iter(match=pattern, count=1000, _type="HASH")
        for field, record in gallery.hgetall(key).items()
    }
    growing = {
        repr(key): b"\n".join(_read_elements(private, key))
        for pattern in _GROWING
        for key in _find(private, pattern)
    }
    return Records(fixed, growing)


def check_ledgers(private: Redis, gallery: Redis) -> list[str]:
    """Names broken links, releases that are in a ledger twice or have other bytes there, and missing ones."""
    published = list(_read_releases(gallery))
    faults = []
    digests: dict[Release, str] = {}
    latest: dict[Name, int] = {}
    for key in _find(private, "t:*:ledger"):
        before = ""
        for line in map(_raw, private.lrange(key, 0, -1)):
            entry = json.loads(line)
            release = entry["target_id"], entry["kind"], entry["epoch"]
            if entry["previous"] != before:
                faults.append(f"{key!r}: broken before entry {entry['sequence']}")
            if release in digests:
                faults.append(f"released twice: {release}")
            if latest.get(release[:2], release[2] - 1) != release[2] - 1:
                faults.append(f"not released: an epoch before {release}")
            latest[release[:2]] = release[2]
            digests[release] = entry["release_sha256"]
            before = sha256(line).hexdigest()
    return faults + [
        f"not the release of the ledger: {release}"
        for release, document in published
        if digests.get(release) != sha256(document).hexdigest()
    ]


def count_ledger_entries(private: Redis) -> int:
    """Counts the releases that the tally has committed."""
    return sum(private.llen(key) for key in _find(private, "t:*:ledger"))


def _read_releases(gallery: Redis) -> Iterator[tuple[Release, bytes]]:
    for key in _find(gallery, "g:releases:*"):
        for document in map(_raw, gallery.hgetall(key).values()):
            content = json.loads(document)
            yield (content["target_id"], content["kind"], content["epoch"]), document


def _read_elements(client: Redis, key: bytes) -> list[bytes]:
    return [_raw(element) for element in client.lrange(key, 0, -1)]


def _find(client: Redis, pattern: str) -> Iterator[bytes]:
    return map(_raw, client.scan_iter(match=pattern, count=1000))


def _raw(reply: object) -> bytes:
    """Returns a reply that is bytes, as all replies of these clients are."""
    assert isinstance(reply, bytes)
    return reply


def _last_number(key: bytes) -> int:
    return int(key.rpartition(b":")[2])
