"""Erases accounts: every register gone, a tombstone left that is not the pseudonym, and a line outside."""

from __future__ import annotations

from dataclasses import dataclass

from privacy.rollback.erasure_watermark import ErasureWatermark
from privacy.store.script import Argument, ScriptCall
from privacy.vault.pseudonym import Account, AccountRef
from privacy.vault.recount import REGISTERS_PER_STEP
from privacy.vault.shards import AccountShards, vault_script

ERASE = vault_script("erase.lua")
_NOT_NOW = -1


@dataclass(frozen=True)
class Erased:
    """What went.

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
        shards: of a user that may write and delete registers.
        mark: where erasures are written down, so that a restore from a backup does them again.
    """

    shards: AccountShards
    mark: ErasureWatermark

    def erase(self, account: AccountRef, closed_until_ms: int, now_ms: int) -> Erased:
        """Erase an account; on disk when this returns. Erasing again finds nothing more.

        Args:
            account: the account.
            closed_until_ms: until when its tombstone keeps every event of it out. An engagement that came
                back would flip more often than the noise covers, so this is past the end of every schedule.
            now_ms: the time.

        Raises:
            StoreBusyError: store or list did not confirm. Do it again: it goes on where it stopped.
        """
        erased = self._erase(account, closed_until_ms, "", now_ms)
        return erased or Erased(0, 0)

    def reapply_erasures(self, account: AccountRef, closed_until_ms: int) -> Erased:
        """Erase an account that is written down as erased: a restore has brought it back.

        Raises:
            StoreBusyError: as `erase`.
        """
        erased = self._erase(account, closed_until_ms, "", None)
        return erased or Erased(0, 0)

    def erase_deleted(self, account: AccountRef, closed_until_ms: int, now_ms: int) -> Erased | None:
        """Erase an account that its owner deleted, if its grace is over by now; None if it is not.

        Raises:
            StoreBusyError: as `erase`.
        """
        return self._erase(account, closed_until_ms, now_ms, now_ms)

    def _erase(
        self,
        account: AccountRef,
        closed_until_ms: int,
        deleted_by_ms: int | str,
        written_down_ms: int | None,
    ) -> Erased | None:
        cursor, registers, counted = self._step(account, closed_until_ms, 0, deleted_by_ms)
        if cursor == _NOT_NOW:
            return None
        # Only now is it sure that it is to be erased. Who dies before this line is done leaves it unfinished.
        if written_down_ms is not None:
            found = self.shards.resolve(account)
            shard = found.shard(self.shards.count)
            self.mark.record(written_down_ms, closed_until_ms, shard, found.tombstone)
        while cursor:
            cursor, gone, stood = self._step(account, closed_until_ms, cursor, "")
            registers, counted = registers + gone, counted + stood
        return Erased(registers, counted)

    def _step(
        self, account: AccountRef, closed_until_ms: int, cursor: int, deleted_by_ms: int | str
    ) -> tuple[int, int, int]:
        def call(found: Account) -> ScriptCall:
            shard = found.shard(self.shards.count)
            arguments: list[Argument] = [
                self.shards.prefix(shard),
                self.shards.keys.current.key_id,
                found.pseudonym,
                found.previous_pseudonym,
                found.tombstone,
                closed_until_ms,
                cursor,
                REGISTERS_PER_STEP,
                deleted_by_ms,
            ]
            return ScriptCall(self.shards.script_keys(shard), arguments)

        cursor, gone, stood = self.shards.run_one(ERASE, account, call)
        return cursor, gone, stood
