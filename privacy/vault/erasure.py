"""Erases accounts: every register gone, a tombstone left that is not the pseudonym, and a line outside."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from privacy.rollback.erasure_log import ErasureRecord
from privacy.rollback.erasure_watermark import ErasureWatermark
from privacy.vault.pseudonym import AccountRef
from privacy.vault.recount import REGISTERS_PER_STEP
from privacy.vault.shards import AccountShards, vault_script

ERASE_SCRIPT = vault_script("erase.lua")
_CLOSE = vault_script("close_accounts.lua")
_TOMBSTONES_PER_STEP = 1_000
_NOT_NOW = -1


class Erased(NamedTuple):
    """The registers that were erased.

    Args:
        registers: how many were held.
        counted: how many of them were counted; they leave the counts with the next epochs, reason `account`.
    """

    registers: int
    counted: int


@dataclass(frozen=True)
class Erasure:
    """Erases accounts.

    Args:
        shards: their client must have an ACL user that may write and delete registers.
        watermark: records erasures, so that they are reapplied after a restore from a backup.
    """

    shards: AccountShards
    watermark: ErasureWatermark

    def erase(self, account: AccountRef, closed_until_ms: int, now_ms: int) -> Erased:
        """Erases an account; on disk when this returns. Erasing again finds nothing more.

        Args:
            account: the account.
            closed_until_ms: until when its tombstone keeps every event of it out. An engagement that came
                back would flip more often than the noise covers, so this is past the end of every schedule.
            now_ms: the time.

        Raises:
            StoreBusyError: store or list did not confirm. Do it again: it resumes where it stopped.
        """
        erased = self._erase(account, closed_until_ms, None, now_ms)
        return erased or Erased(0, 0)

    def reapply_erasures(self, account: AccountRef, closed_until_ms: int) -> Erased:
        """Erases an account that is recorded as erased: a restore has brought it back.

        Raises:
            StoreBusyError: as `erase`.
        """
        erased = self._erase(account, closed_until_ms, None, None)
        return erased or Erased(0, 0)

    def erase_deleted(self, account: AccountRef, closed_until_ms: int, now_ms: int) -> Erased | None:
        """Erases an account that its owner deleted, if its grace is over by now; None if it is not.

        An erasure that has begun is finished: the tombstone decides that.

        Raises:
            StoreBusyError: as `erase`.
        """
        return self._erase(account, closed_until_ms, now_ms, now_ms)

    def _erase(
        self,
        account: AccountRef,
        closed_until_ms: int,
        deleted_by_ms: int | None,
        recorded_at_ms: int | None,
    ) -> Erased | None:
        cursor, registers, counted = self._step(account, closed_until_ms, 0, deleted_by_ms)
        if cursor == _NOT_NOW:
            return None
        # Only now is it sure that it is to be erased. Who dies before this line is done leaves it unfinished.
        if recorded_at_ms is not None:
            found = self.shards.resolve(account)
            shard = found.shard(self.shards.count)
            self.watermark.record(recorded_at_ms, closed_until_ms, shard, found.tombstone)
        while cursor:
            cursor, more_registers, more_counted = self._step(account, closed_until_ms, cursor, None)
            registers, counted = registers + more_registers, counted + more_counted
        return Erased(registers, counted)

    def _step(
        self, account: AccountRef, closed_until_ms: int, cursor: int, deleted_by_ms: int | None
    ) -> tuple[int, int, int]:
        arguments = {
            "closed_until_ms": closed_until_ms,
            "cursor": cursor,
            "page_size": REGISTERS_PER_STEP,
            "deleted_by_ms": deleted_by_ms,
        }
        cursor, registers, counted = self.shards.run_one(ERASE_SCRIPT, account, arguments)
        return cursor, registers, counted


def close_accounts(shards: AccountShards, erasures: Sequence[ErasureRecord]) -> None:
    """Writes the tombstones of recorded erasures, whether anything is held of their accounts or not.

    Raises:
        StoreBusyError: the store did not confirm. Do it again.
    """
    by_shard: defaultdict[int, list[ErasureRecord]] = defaultdict(list)
    for erasure in erasures:
        by_shard[erasure.shard].append(erasure)
    for shard, listed in by_shard.items():
        for first in range(0, len(listed), _TOMBSTONES_PER_STEP):
            page = [
                part
                for erasure in listed[first : first + _TOMBSTONES_PER_STEP]
                for part in (erasure.tombstone, erasure.closed_until_ms)
            ]
            shards.run(_CLOSE, {shard: page}, lambda _shard, tombstones, _keys: {"tombstones": tombstones})
