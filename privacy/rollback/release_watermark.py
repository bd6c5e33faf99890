"""Rollback protection of releases: the length of each shard's ledger, kept outside the store.

A tally restored from a backup has forgotten releases that readers have seen, and would draw them again. The
store cannot detect this, as the gallery may come from the same backup. So the length of the ledger is on disk
outside the store before a release is published, and a shard whose ledger is shorter releases nothing. The
file of each shard exists from the founding of the store on: without it, nothing is released either.
"""

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from privacy.errors import StoreError
from privacy.rollback.folder import REBUILD_ADVICE, create_folder, lock_folder
from privacy.store.credentials import create_private, write_private

_UNKNOWN: Final = "unknown"
_CONTENT: Final = re.compile(rf"(\d{{1,18}}|{_UNKNOWN})(?: ([0-9a-f]{{8}}))?\n", re.ASCII)
"""A length and its check value, which older versions did not write. A file without its end is damaged."""


@dataclass(frozen=True)
class ReleaseWatermark:
    """The ledger lengths of one store.

    Args:
        folder: the folder of rollback protection.
        store_id: id in the store's header.
    """

    folder: Path
    store_id: str

    def create(self, shards: Iterable[int]) -> None:
        """Creates the folder, and the file of each shard, unless they exist.

        Raises:
            StoreError: the file system does not allow it.
        """
        create_folder(self.folder)
        for shard in shards:
            create_private(self._path(shard), self._line(shard, "0"))

    def check(self, shard: int, length: int) -> None:
        """Makes sure that a shard's ledger, of the given length, holds every published release.

        Raises:
            StoreError: it does not, or the watermark is missing, unknown or damaged.
        """
        published = self._read(shard)
        if length < published:
            raise StoreError(
                f"ledger of shard {shard}: {published} releases were published, and the tally holds "
                f"{length}: it is older than they are, and would draw them again; nothing is released, see "
                "docs/operating.md, Backups"
            )

    def advance(self, shard: int, length: int) -> None:
        """Records that releases up to this ledger length are about to be published; on disk on return.

        Raises:
            StoreError: as `check`, or the folder does not allow it.
        """
        if length <= self._read(shard):
            return
        with lock_folder(self.folder):
            if length > self._read(shard):
                write_private(self._path(shard), self._line(shard, f"{length}"))

    def is_readable(self, shard: int) -> bool:
        """Returns whether a shard's watermark is there and whole; an unknown one is."""
        return self._text(shard) is not None

    def rebuild(self, shard: int, length: int | None) -> None:
        """Replaces a lost watermark; one that another process has replaced meanwhile is never lowered.

        Args:
            shard: number of the target shard.
            length: of its ledger; None if published releases may be missing from it. Nothing is released from
                the shard then, as nobody knows what would be drawn a second time.

        Raises:
            StoreError: the folder does not allow it.
        """
        create_folder(self.folder)
        with lock_folder(self.folder):
            if length is None or not self.is_readable(shard):
                text = _UNKNOWN if length is None else f"{length}"
                write_private(self._path(shard), self._line(shard, text))

    def _read(self, shard: int) -> int:
        text = self._text(shard)
        if text is None:
            raise StoreError(
                f"{self._path(shard)} is missing or damaged, which has the number of published releases; "
                f"nothing is released without it; {REBUILD_ADVICE}"
            )
        if text == _UNKNOWN:
            raise StoreError(
                f"ledger of shard {shard}: the store was restored after its rollback guard was lost, so "
                "releases may be missing from it and would be drawn again; nothing is released, see "
                "docs/operating.md, Backups"
            )
        return int(text)

    def _text(self, shard: int) -> str | None:
        """Returns the content of a file; None if it is missing or damaged."""
        try:
            content = _CONTENT.fullmatch(self._path(shard).read_bytes().decode("ascii"))
        except (OSError, UnicodeDecodeError):
            return None
        if content is None or content[2] not in {None, self._check_value(shard, content[1])}:
            return None
        return content[1]

    def _line(self, shard: int, text: str) -> str:
        return f"{text} {self._check_value(shard, text)}\n"

    def _check_value(self, shard: int, text: str) -> str:
        """Returns the CRC-32 of name and content: no changed digit fits, and no file of another shard."""
        return f"{zlib.crc32(f'{self._path(shard).name} {text}'.encode()):08x}"

    def _path(self, shard: int) -> Path:
        return self.folder / f"{self.store_id}.released-{shard}"
