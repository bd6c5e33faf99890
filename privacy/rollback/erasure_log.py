"""The list of erasures: a file outside the store, so that a store restored from a backup erases again.

One file a store, named by its id, in a folder that is in no backup of the store and is never put back. Each
line is one erasure: its number, when, until when the account is closed, its shard, and its tombstone, which
is the name that the store keeps of an erased account too. No line leads to an account without the key of the
pseudonyms and the backup itself.

Writers take the folder's lock, a `flock(2)`. Readers take none: they see whole lines, or the file that was
there before.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from privacy.errors import StoreBusyError, StoreError
from privacy.rollback.folder import FOLDER_VARIABLE, alone_in, make_folder, replace_durably
from privacy.store.credentials import private_file_fault

MAX_LINE_BYTES: Final = 128
_FIRST_WORD: Final = "likewise-erasures"


class ErasureRecord(NamedTuple):
    """An erasure in the list.

    Args:
        number: counts erasures of the store, from 1.
        at_ms: when it was.
        closed_until_ms: until when nothing of the account is taken in.
        shard: of the account.
        tombstone: what stays of it.
    """

    number: int
    at_ms: int
    closed_until_ms: int
    shard: int
    tombstone: bytes


class LogHeader(NamedTuple):
    """What the first line says.

    Args:
        store_id: of the store whose erasures these are.
        before: number of the last erasure that is not in the list any more.
    """

    store_id: str
    before: int


def text_of(first: LogHeader, listed: Sequence[ErasureRecord]) -> str:
    """The whole list."""
    return f"{_FIRST_WORD} {first.store_id} {first.before}\n" + "".join(map(line_of, listed))


def line_of(erasure: ErasureRecord) -> str:
    """One line."""
    *numbers, tombstone = erasure
    return " ".join([*map(str, numbers), bytes(tombstone).hex()]) + "\n"


def first_of(line: str) -> LogHeader:
    """Read the first line.

    Raises:
        ValueError: it is none.
    """
    word, store_id, before = line.split(" ")
    if word != _FIRST_WORD:
        raise ValueError(line)
    return LogHeader(store_id, _number(before))


def listed_of(line: str) -> ErasureRecord:
    """Read any other line.

    Raises:
        ValueError: it is none.
    """
    number, at_ms, closed_until_ms, shard, tombstone = line.split(" ")
    return ErasureRecord(
        _number(number), _number(at_ms), _number(closed_until_ms), _number(shard), bytes.fromhex(tombstone)
    )


def number_of(line: str) -> int:
    """Number of the last erasure up to a line, which may be the first one.

    Raises:
        ValueError: it is neither.
    """
    return first_of(line).before if line.startswith(_FIRST_WORD) else listed_of(line).number


def _number(text: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    raise ValueError(text)


@dataclass(frozen=True)
class ErasureLog:
    """The list of one store.

    Args:
        folder: where it is.
        store_id: of the store's header.
    """

    folder: Path
    store_id: str

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / f"{self.store_id}.erasures"

    def create(self) -> None:
        """Make an empty list unless there is one.

        Raises:
            StoreError: the folder does not allow it.
        """
        make_folder(self.folder)
        with self.alone():
            if not self.path.exists():
                self.replace(0, [])

    def alone(self) -> AbstractContextManager[None]:
        """Hold the lock of the list; whoever writes needs it.

        Raises:
            StoreError: the folder is not there.
        """
        return alone_in(self.folder)

    def last(self) -> int:
        """Number of the last erasure.

        Raises:
            StoreError: the list is missing, damaged, or open to others.
        """
        self._require_private()
        with self.path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 2 * MAX_LINE_BYTES))
            # What stands behind the last line's end is being written, or was left by a writer that died.
            line = file.read().rpartition(b"\n")[0].rpartition(b"\n")[2].decode(errors="replace")
        try:
            return number_of(line)
        except ValueError:
            raise self._damaged() from None

    def oldest_ms(self) -> int | None:
        """Time of the first erasure that is still listed; None if there is none.

        Raises:
            StoreError: as `last`.
        """
        self._require_private()
        with self.path.open(encoding="utf-8", errors="replace") as file:
            line = [*file.readlines(MAX_LINE_BYTES), "", ""][1]
        try:
            return listed_of(line.rstrip("\n")).at_ms if line.endswith("\n") else None
        except ValueError:
            raise self._damaged() from None

    def after(self, number: int) -> list[ErasureRecord]:
        """The erasures behind one.

        Raises:
            StoreError: the list is missing or damaged, or erasures behind that one are not in it any more.
        """
        first, listed = self._read()
        if number < first.before:
            raise StoreError(
                f"the list of erasures {self.path} begins after {first.before}, and the store knows "
                f"only of {number}: its backup is older than `backup_seconds`, and is not to be used"
            )
        return [erasure for erasure in listed if erasure.number > number]

    def append(self, at_ms: int, closed_until_ms: int, shard: int, tombstone: bytes) -> int:
        """Write an erasure down, with the lock held; its number. It is on disk when this returns.

        Raises:
            StoreBusyError: the disk does not take it.
            StoreError: as `last`.
        """
        erasure = ErasureRecord(self.last() + 1, at_ms, closed_until_ms, shard, tombstone)
        try:
            with self.path.open("r+b") as file:
                # Half a line is left by a writer that died: nobody was told of that erasure.
                tail_at = max(0, file.seek(0, os.SEEK_END) - MAX_LINE_BYTES)
                file.seek(tail_at)
                file.seek(tail_at + file.read().rfind(b"\n") + 1)
                file.truncate()
                file.write(line_of(erasure).encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreBusyError(f"cannot write to {self.path}: {error.strerror}") from error
        return erasure.number

    def forget_before(self, moment_ms: int) -> None:
        """Drop erasures that are older, with the lock held.

        Raises:
            StoreError: as `after`; or the folder does not allow it.
        """
        listed = self._read()[1]
        kept = [erasure for erasure in listed if erasure.at_ms >= moment_ms]
        if len(kept) < len(listed):
            self.replace(kept[0].number - 1 if kept else listed[-1].number, kept)

    def replace(self, before: int, listed: Sequence[ErasureRecord]) -> None:
        """Write the list anew, with the lock held.

        Args:
            before: number of the last erasure that is not in it any more.
            listed: those that are.

        Raises:
            StoreError: the folder does not allow it.
        """
        replace_durably(self.path, text_of(LogHeader(self.store_id, before), listed))

    def _read(self) -> tuple[LogHeader, list[ErasureRecord]]:
        self._require_private()
        lines = self.path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
        try:
            first, listed = first_of(lines[0]), list(map(listed_of, lines[1:]))
        except (IndexError, ValueError):
            raise self._damaged() from None
        # A number that is missing in the middle is an erasure that would stay undone.
        numbers = [erasure.number for erasure in listed]
        if first.store_id != self.store_id or numbers != list(
            range(first.before + 1, first.before + 1 + len(numbers))
        ):
            raise self._damaged()
        return first, listed

    def _require_private(self) -> None:
        if fault := private_file_fault(self.path):
            raise self._missing(fault)

    def _missing(self, fault: str) -> StoreError:
        return StoreError(
            f"the list of erasures: {fault}; put it back, or set {FOLDER_VARIABLE} to its folder; if it is "
            "lost, see `likewise rights rebuild-erasure-log --help`"
        )

    def _damaged(self) -> StoreError:
        return StoreError(
            f"the list of erasures {self.path} is damaged: see `likewise rights rebuild-erasure-log --help`"
        )
