"""Makes the list of erasures anew, where it was lost, from the tombstones that the store holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from privacy.rollback.erasure_log import ErasureRecord
from privacy.rollback.erasure_watermark import ErasureWatermark
from privacy.store.connect import translated
from privacy.store.keys import vault_key


@dataclass(frozen=True)
class ErasureLogRebuild:
    """Makes the list anew. It is as complete as the store is: do it on a store that was not restored.

    Args:
        mark: of the store, and its list.
        account_shards: number of account shards of the store.
    """

    mark: ErasureWatermark
    account_shards: int

    def run(self, now_ms: int) -> int:
        """List every account that the store knows to be erased, as if that had been now.

        Returns:
            How many there are.

        Raises:
            StoreError: the folder does not allow it.
            StoreBusyError: the store did not confirm. Do it again.
        """
        erasures = self.mark.erasures
        erasures.create()
        with erasures.alone():
            before = self.mark.value() or 0
            listed = [
                ErasureRecord(before + 1 + place, now_ms, *found)
                for place, found in enumerate(self._tombstones())
            ]
            erasures.replace(before, listed)
        self.mark.advance(before + len(listed))
        return len(listed)

    def _tombstones(self) -> list[tuple[int, int, bytes]]:
        """Until when it stands, shard and name of each tombstone."""
        found = []
        for shard in range(self.account_shards):
            with translated():
                page = self.mark.client.hgetall(vault_key(shard, "tombstones"))
            found += [
                (int(until_ms), shard, tombstone)
                for tombstone, until_ms in cast("dict[bytes, bytes]", page).items()
            ]
        return found
