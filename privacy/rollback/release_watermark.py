"""Rollback protection of releases: the length of each shard's ledger, kept outside the store.

A tally restored from a backup has forgotten releases that readers have seen, and would draw them again. The
store cannot detect this, as the gallery may come from the same backup. So the length of the ledger is on disk
outside the store before a release is published, and a shard whose ledger is shorter releases nothing.
"""

from dataclasses import dataclass
from pathlib import Path

from privacy.errors import StoreError
from privacy.rollback.folder import create_folder, lock_folder, replace_durably


@dataclass(frozen=True)
class ReleaseWatermark:
    """The ledger lengths of one store.

    Args:
        folder: the folder of rollback protection.
        store_id: id in the store's header.
    """

    folder: Path
    store_id: str

    def create(self) -> None:
        """Create the folder unless it exists.

        Raises:
            StoreError: the file system does not allow it.
        """
        create_folder(self.folder)

    def check(self, shard: int, length: int) -> None:
        """Make sure that a shard's ledger, of the given length, holds every published release.

        Raises:
            StoreError: it does not, or the watermark cannot be read.
        """
        published = self._read(shard)
        if length < published:
            raise StoreError(
                f"ledger of shard {shard}: {published} releases were published, and the tally holds "
                f"{length}: it is older than they are, and would draw them again; nothing is released, see "
                "docs/operating.md, Backups"
            )

    def advance(self, shard: int, length: int) -> None:
        """Record that releases up to this ledger length are about to be published; on disk on return.

        Raises:
            StoreError: the folder does not exist, or does not allow it.
        """
        if length <= self._read(shard):
            return
        with lock_folder(self.folder):
            if length > self._read(shard):
                replace_durably(self._path(shard), f"{length}\n")

    def _read(self, shard: int) -> int:
        path = self._path(shard)
        try:
            text = path.read_text(encoding="ascii").removesuffix("\n")
        except FileNotFoundError:
            return 0
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"{path} cannot be read: {error}") from error
        if not text.isdigit():
            raise StoreError(f"{path} is damaged: its content must be one number")
        return int(text)

    def _path(self, shard: int) -> Path:
        return self.folder / f"{self.store_id}.released-{shard}"
