"""How long each shard's ledger was when releases of it left for the gallery: kept outside the store.

A tally that was put back from a backup has forgotten releases that readers have seen, and would draw them
again. The store cannot know that by itself, as the gallery may have come from the same backup. So the length
is on disk outside of it before a release goes out, and a shard whose ledger is shorter releases nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from privacy.errors import StoreError
from privacy.rollback.folder import alone_in, make_folder, replace_durably


@dataclass(frozen=True)
class ReleaseWatermark:
    """The lengths of one store.

    Args:
        folder: of what no restore may take back.
        store_id: of the store's header.
    """

    folder: Path
    store_id: str

    def create(self) -> None:
        """Make the folder unless it is there.

        Raises:
            StoreError: that is not allowed.
        """
        make_folder(self.folder)

    def require(self, shard: int, length: int) -> None:
        """Make sure that a shard's ledger holds all that has left for the gallery.

        Raises:
            StoreError: it does not; or the file cannot be read.
        """
        known = self._known(shard)
        if length < known:
            raise StoreError(
                f"ledger of shard {shard}: {known} releases were published, and the tally holds {length}: it "
                "is older than they are, and would draw them again; nothing is released, see "
                "docs/operating.md, Backups"
            )

    def leaving(self, shard: int, length: int) -> None:
        """Write down that releases leave, up to this length; on disk when this returns.

        Raises:
            StoreError: the folder is not there, or does not allow it.
        """
        if length <= self._known(shard):
            return
        with alone_in(self.folder):
            if length > self._known(shard):
                replace_durably(self._path(shard), f"{length}\n")

    def _known(self, shard: int) -> int:
        path = self._path(shard)
        try:
            text = path.read_text(encoding="ascii").removesuffix("\n")
        except FileNotFoundError:
            return 0
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"{path} cannot be read: {error}") from error
        if not text.isdigit():
            raise StoreError(f"{path} is damaged: it holds one number")
        return int(text)

    def _path(self, shard: int) -> Path:
        return self.folder / f"{self.store_id}.released-{shard}"
