"""The rollback guard of a store: its erasure log and ledger lengths, which exist from its founding on."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from privacy.errors import StoreError
from privacy.rollback.erasure_log import ErasureLog
from privacy.rollback.release_watermark import ReleaseWatermark
from privacy.store.settings import ROLLBACK_GUARD_DIR

_RECORD: Final = re.compile(r"([0-9a-f]{32})\.(?:erasures|released-\d+)")


@dataclass(frozen=True)
class RollbackGuard:
    """The records of one store in the folder that no restore may take back.

    Args:
        folder: the folder.
        store_id: id in the store's header.
        target_shards: number of target shards of the store.
    """

    folder: Path
    store_id: str
    target_shards: int

    @property
    def erasures(self) -> ErasureLog:
        """The erasure log."""
        return ErasureLog(self.folder, self.store_id)

    @property
    def releases(self) -> ReleaseWatermark:
        """The ledger lengths."""
        return ReleaseWatermark(self.folder, self.store_id)

    def create(self) -> None:
        """Creates the records of a new store; those that exist stay.

        Raises:
            StoreError: the folder does not allow it.
        """
        self.erasures.create()
        self.releases.create(range(self.target_shards))

    def require_own(self) -> None:
        """Refuses a folder that is the guard of other stores.

        Raises:
            StoreError: it has records, and none of this store.
        """
        others = list_stores(self.folder)
        if others and self.store_id not in others:
            raise StoreError(
                f"the rollback guard {self.folder} holds the records of another store: set "
                f"{ROLLBACK_GUARD_DIR.name} to the guard of this store, or to an empty folder if it is lost"
            )

    def find_fault(self, known_erasures: int) -> StoreError | None:
        """Returns why the guard cannot do its work; None if it can.

        Args:
            known_erasures: the number of erasures that the store knows of.
        """
        if fault := self.find_erasure_fault(known_erasures):
            return fault
        try:
            for shard in self.list_lost_shards():
                self.releases.check(shard, 0)
        except StoreError as error:
            return error
        return None

    def find_erasure_fault(self, known_erasures: int) -> StoreError | None:
        """Returns why the erasure log is not the newest one, or is damaged anywhere; None if all is well.

        Damage is found before a restore needs what was there: while the store has it, the log can be rebuilt.
        """
        try:
            self.erasures.require_whole()
            self.erasures.require_at_least(known_erasures)
        except StoreError as error:
            return error
        return None

    def list_lost_shards(self) -> list[int]:
        """Returns the target shards whose ledger length is missing or damaged."""
        return [shard for shard in range(self.target_shards) if not self.releases.is_readable(shard)]


def list_stores(folder: Path) -> set[str]:
    """Returns the ids of the stores that have records in a rollback guard; none if there is no folder."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return set()
    return {match[1] for name in names if (match := _RECORD.fullmatch(name))}


def describe_shared_device(guard: Path) -> str:
    """Returns the warning for a guard that is lost together with the data of its store."""
    return (
        f"the rollback guard {guard} is on the same disk as the data, so both are lost together: set "
        f"{ROLLBACK_GUARD_DIR.name} to a folder on another disk"
    )


def shares_device(guard: Path, data: Path) -> bool:
    """Returns whether a guard and the data of a store are on one device, and so are lost together."""
    try:
        return guard.stat().st_dev == data.stat().st_dev
    except OSError:
        return False
