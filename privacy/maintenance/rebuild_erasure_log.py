"""Rebuilds a lost erasure log from the tombstones in the store."""

from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from privacy.errors import StoreError
from privacy.rollback.erasure_log import ErasureRecord
from privacy.rollback.erasure_watermark import ErasureWatermark
from privacy.store.connect import translated
from privacy.store.keys import tombstones_key


@dataclass(frozen=True)
class ErasureLogRebuild:
    """Rebuilds the erasure log. The result is as complete as the store, which must not be a restored one.

    Args:
        watermark: the store's watermark, and its erasure log.
        account_shards: number of account shards of the store.
    """

    watermark: ErasureWatermark
    account_shards: int

    def run(self, now_ms: int) -> int:
        """Record every account that the store knows to be erased, as if it had been erased now.

        A log that another process has rebuilt meanwhile stays.

        Args:
            now_ms: the time.

        Returns:
            The number of records.

        Raises:
            StoreError: the folder of the log cannot be written.
            StoreBusyError: the store did not confirm. Repeat.
        """
        erasures = self.watermark.erasures
        erasures.create()
        with erasures.locked():
            before = self.watermark.read() or 0
            with suppress(StoreError):
                erasures.require_whole()
                erasures.require_at_least(before)
                return 0
            listed = [
                ErasureRecord(before + 1 + index, now_ms, *tombstone)
                for index, tombstone in enumerate(self._read_tombstones())
            ]
            erasures.replace(before, listed)
        self.watermark.advance(before + len(listed))
        return len(listed)

    def _read_tombstones(self) -> list[tuple[int, int, bytes]]:
        """Return expiry, shard and name of each tombstone."""
        found = []
        for shard in range(self.account_shards):
            with translated():
                page = self.watermark.client.hgetall(tombstones_key(shard))
            found += [
                (int(until_ms), shard, tombstone)
                for tombstone, until_ms in cast("dict[bytes, bytes]", page).items()
            ]
        return found
