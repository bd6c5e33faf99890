"""Reads from the gallery's log in which order the releases of one pass were copied."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from privacy.audit.report_model import Finding
from privacy.embedded.config import room_folders
from privacy.embedded.log_files import FILES_FOLDER, read_log_files
from privacy.errors import StoreError
from privacy.model.documents import LedgerEntry
from privacy.release.publication import ReleasePublication
from privacy.store.acl import Room
from privacy.store.keys import SERIES_NAMES, gallery_shard
from privacy.tally.series import TallyShard

Write = tuple[str, str, str]
"""Family of gallery keys, target and kind."""
_SERIES: Final = re.compile(rb"g:(releases|points|current):\{g\d+\}:([^:]+):([a-z]+)")
_CHAIN: Final = b"g:ledger:"
_DECODE: Final = msgspec.json.Decoder(LedgerEntry).decode


def check_copy_order(
    publication: ReleasePublication, shard: TallyShard, folder: Path, tick_ms: int
) -> Finding:
    """Publishes what is visible at a tick, and checks the order of all writes.

    Args:
        publication: of a store with one target shard.
        shard: that shard.
        folder: the data folder of the store.
        tick_ms: with releases that wait for it.
    """
    waiting = sorted((at_ms, sequence) for sequence, at_ms in shard.list_visible(tick_ms))
    log = _find_log(folder)
    begin = log.stat().st_size
    publication.publish(tick_ms)
    with log.open("rb") as file:
        file.seek(begin)
        commands = list(_read_commands(file.read()))
    entries = {entry.sequence: entry for entry in _entries(commands)}
    in_order = [entries[sequence] for _, sequence in waiting if sequence in entries]
    expected, found = list(_expect(in_order)), list(_series_writes(commands))
    same = found == expected and len(in_order) == len(waiting)
    return Finding(
        "order in which the releases of one pass are written to the gallery",
        "by tick and ledger entry, one gallery shard after the other, whatever they show",
        f"{'the same' if same else 'another'}, {len(found)} writes of {len(waiting)} releases",
        same and len({entry.target_id for entry in in_order}) > 1,
    )


def _find_log(folder: Path) -> Path:
    files = read_log_files(room_folders(folder)[Room.GALLERY] / FILES_FOLDER)
    if files is None:
        raise StoreError(f"the gallery in {folder} has no log")
    return files.newest


def _read_commands(log: bytes) -> Iterator[Sequence[bytes]]:
    """Yields the commands of a log, as Redis writes them: each word after its length."""
    position = 0

    def read_number() -> int:
        nonlocal position
        begin, position = position + 1, log.index(b"\r\n", position) + 2
        return int(log[begin : position - 2])

    while position < len(log):
        words = []
        for _ in range(read_number()):
            size = read_number()
            words.append(log[position : position + size])
            position += size + 2
        yield words


def _entries(commands: Iterable[Sequence[bytes]]) -> Iterator[LedgerEntry]:
    for words in commands:
        if len(words) > 1 and words[1].startswith(_CHAIN):
            yield from map(_DECODE, words[3::2])


def _series_writes(commands: Iterable[Sequence[bytes]]) -> Iterator[Write]:
    for words in commands:
        if len(words) > 1 and (match := _SERIES.fullmatch(words[1])):
            family, target_id, kind = (part.decode() for part in match.groups())
            yield family, target_id, kind


def _expect(entries: Sequence[LedgerEntry]) -> Iterator[Write]:
    """Yields the writes of releases by their entries, in the order that public data gives."""
    shards = [gallery_shard(entry.target_id) for entry in entries]
    for shard in dict.fromkeys(shards):
        for entry in entries:
            if gallery_shard(entry.target_id) == shard:
                yield from ((family, entry.target_id, entry.kind) for family in SERIES_NAMES)
