"""Rollback protection of erasures: a log outside the store, so that a restored store erases again.

There is one file per store, named by its id, in a folder that is in no backup of the store and is never
restored. Each line is one erasure: its number, its time, the end of the account's closure, its shard, and its
tombstone, which is also the store's own name for an erased account. Without the pseudonym key and the backup
itself, no line leads to an account. Each line ends with a check value: a digit that a disk has changed would
leave an account in a restored store.

Writers take the folder's lock, a `flock(2)`. Readers take none: they see whole lines, or the previous file.
"""

import os
import zlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path
from typing import Final, NamedTuple

from privacy.errors import StoreBusyError, StoreError
from privacy.rollback.folder import REBUILD_ADVICE, create_folder, lock_folder
from privacy.store.credentials import private_file_fault, write_private

MAX_LINE_BYTES: Final = 128
_FIRST_WORD: Final = "likewise-erasures"
_TOMBSTONE_BYTES: Final = 8


class ErasureRecord(NamedTuple):
    """An erasure in the log.

    Args:
        number: sequence number among the erasures of the store, from 1.
        at_ms: time of the erasure.
        closed_until_ms: until then, intake refuses events of the account.
        shard: account shard.
        tombstone: all that remains of the account.
    """

    number: int
    at_ms: int
    closed_until_ms: int
    shard: int
    tombstone: bytes


class LogHeader(NamedTuple):
    """The first line of the log.

    Args:
        store_id: id of the store whose erasures these are.
        before: number of the last erasure that was dropped from the log.
    """

    store_id: str
    before: int


def _format_log(header: LogHeader, records: Sequence[ErasureRecord]) -> str:
    first = f"{_FIRST_WORD} {header.store_id} {header.before}"
    return _add_check_value(first) + "".join(map(_format_record, records))


def _format_record(record: ErasureRecord) -> str:
    *numbers, tombstone = record
    return _add_check_value(" ".join([*map(str, numbers), bytes(tombstone).hex()]))


def _add_check_value(text: str) -> str:
    return f"{text} {zlib.crc32(text.encode()):08x}\n"


def _split(line: str) -> list[str]:
    """Return the words of a line without its check value, which older versions did not write.

    One that is wrong is returned as a word, and no line has so many.
    """
    text = line.rpartition(" ")[0]
    return (text if _add_check_value(text) == f"{line}\n" else line).split(" ")


def _parse_header(line: str) -> LogHeader:
    word, store_id, before = _split(line)
    if word != _FIRST_WORD:
        raise ValueError(line)
    return LogHeader(store_id, _parse_number(before))


def _parse_record(line: str) -> ErasureRecord:
    number, at_ms, closed_until_ms, shard, tombstone = _split(line)
    if len(tombstone) != 2 * _TOMBSTONE_BYTES:
        raise ValueError(line)
    parse = _parse_number
    return ErasureRecord(
        parse(number), parse(at_ms), parse(closed_until_ms), parse(shard), bytes.fromhex(tombstone)
    )


def _parse_last_number(line: str) -> int:
    """Return the number of the last erasure up to a line, which may be the header."""
    return _parse_header(line).before if line.startswith(_FIRST_WORD) else _parse_record(line).number


def _parse_number(text: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    raise ValueError(text)


@dataclass(frozen=True)
class ErasureLog:
    """The erasure log of one store.

    Args:
        folder: the folder of rollback protection.
        store_id: id in the store's header.
    """

    folder: Path
    store_id: str

    @property
    def path(self) -> Path:
        """Path of the file."""
        return self.folder / f"{self.store_id}.erasures"

    def create(self) -> None:
        """Create an empty log unless there is one.

        Raises:
            StoreError: the folder does not allow it.
        """
        create_folder(self.folder)
        with self.locked():
            if not self.path.exists():
                self.replace(0, [])

    def locked(self) -> AbstractContextManager[None]:
        """Hold the lock of the log; every writer needs it.

        Raises:
            StoreError: the folder does not exist.
        """
        return lock_folder(self.folder)

    def last_number(self) -> int:
        """Return the number of the last erasure.

        Raises:
            StoreError: the log is missing, damaged, or accessible to other users of the machine.
        """
        self._require_private()
        with self.path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 2 * MAX_LINE_BYTES))
            # An unfinished last line is being written, or was left by a writer that died.
            line = file.read().rpartition(b"\n")[0].rpartition(b"\n")[2].decode(errors="replace")
        try:
            return _parse_last_number(line)
        except ValueError:
            raise self._damaged_error() from None

    def require_whole(self) -> None:
        """Makes sure that every line can be read.

        Raises:
            StoreError: the log is missing or damaged.
        """
        self._read()

    def require_at_least(self, known: int) -> int:
        """Returns the number of the last erasure; it is at least the one that the store knows.

        Raises:
            StoreError: it is: the log is not the newest one; or as `last_number`.
        """
        last = self.last_number()
        if known > last:
            raise StoreError(
                f"the erasure log {self.path} ends with {last}, and the store knows of {known}; "
                f"{REBUILD_ADVICE}"
            )
        return last

    def oldest_ms(self) -> int | None:
        """Return the time of the first erasure in the log; None if it is empty.

        Raises:
            StoreError: as `last_number`.
        """
        self._require_private()
        with self.path.open(encoding="utf-8", errors="replace") as file:
            line = [*file.readlines(MAX_LINE_BYTES), "", ""][1]
        try:
            return _parse_record(line.rstrip("\n")).at_ms if line.endswith("\n") else None
        except ValueError:
            raise self._damaged_error() from None

    def read_after(self, number: int) -> list[ErasureRecord]:
        """Return the erasures after the given one.

        Raises:
            StoreError: the log is missing or damaged, or erasures after that one were dropped from it.
        """
        header, records = self._read()
        if number < header.before:
            raise StoreError(
                f"the erasure log {self.path} begins after {header.before}, and the store knows only of "
                f"{number}: its backup is older than `backup_seconds` and must not be used"
            )
        return [record for record in records if record.number > number]

    def append(self, at_ms: int, closed_until_ms: int, shard: int, tombstone: bytes) -> int:
        """Append an erasure, with the lock held. It is on disk when this returns.

        Returns:
            Its number.

        Raises:
            StoreBusyError: it cannot be written to the disk.
            StoreError: as `last_number`.
        """
        record = ErasureRecord(self.last_number() + 1, at_ms, closed_until_ms, shard, tombstone)
        try:
            with self.path.open("r+b") as file:
                # Half a line was left by a writer that died: that erasure was never confirmed.
                tail_at = max(0, file.seek(0, os.SEEK_END) - MAX_LINE_BYTES)
                file.seek(tail_at)
                file.seek(tail_at + file.read().rfind(b"\n") + 1)
                file.truncate()
                file.write(_format_record(record).encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreBusyError(f"cannot write to {self.path}: {error.strerror}") from error
        return record.number

    def forget_before(self, moment_ms: int) -> None:
        """Drop older erasures up to the first that is not, with the lock held.

        Their times need not be in order: a clock may have been set back between two of them. Those that are
        left have numbers without a gap.

        Raises:
            StoreError: as `read_after`; or the folder does not allow it.
        """
        records = self._read()[1]
        kept = list(dropwhile(lambda record: record.at_ms < moment_ms, records))
        if len(kept) < len(records):
            self.replace(kept[0].number - 1 if kept else records[-1].number, kept)

    def replace(self, before: int, records: Sequence[ErasureRecord]) -> None:
        """Rewrite the log, with the lock held.

        Args:
            before: number of the last erasure dropped from the log.
            records: the erasures that stay.

        Raises:
            StoreError: the folder does not allow it.
        """
        write_private(self.path, _format_log(LogHeader(self.store_id, before), records))

    def _read(self) -> tuple[LogHeader, list[ErasureRecord]]:
        self._require_private()
        lines = self.path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
        try:
            header, records = _parse_header(lines[0]), list(map(_parse_record, lines[1:]))
        except (IndexError, ValueError):
            raise self._damaged_error() from None
        # A gap in the numbers is an erasure that would never be repeated.
        expected = range(header.before + 1, header.before + 1 + len(records))
        if header.store_id != self.store_id or [record.number for record in records] != list(expected):
            raise self._damaged_error()
        return header, records

    def _require_private(self) -> None:
        if fault := private_file_fault(self.path):
            raise StoreError(f"erasure log: {fault}; {REBUILD_ADVICE}")

    def _damaged_error(self) -> StoreError:
        return StoreError(f"the erasure log {self.path} is damaged; {REBUILD_ADVICE}")
