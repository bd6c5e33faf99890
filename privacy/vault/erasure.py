"""Erases accounts: every register gone, a tombstone left that is not the pseudonym, and a line outside."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from privacy.rollback.erasure_log import ErasureRecord
from privacy.rollback.erasure_watermark import ErasureWatermark
from privacy.vault.pseudonym import AccountRef
from privacy.vault.recount import REGISTERS_PER_STEP
from privacy.vault.shards import AccountShards, ScriptArguments, vault_script

ERASE_SCRIPT = vault_script("audiences.lua", "erase.lua")
_CLOSE = vault_script("close_accounts.lua")
_TOMBSTONES_PER_STEP = 1_000
_NOT_NOW = -1


class Erased(NamedTuple):
    """The registers that were erased.

    Args:
        registers: how many were held.
        counted: how many of them were counted; they leave the counts with the next epochs, reason `account`.
        closed_until_ms: until when the account's tombstone keeps every event of it out.
    """

    registers: int
    counted: int
    closed_until_ms: int


class _Step(NamedTuple):
    """The result of one atomic step, as `erase.lua` returns it."""

    cursor: int
    registers: int
    counted: int
    closed_until_ms: int


@dataclass(frozen=True)
class Erasure:
    """Erases accounts, and closes them for as long as the limits in force say.

    An engagement that came back would flip more often than the noise covers, so an account stays closed past
    the end of every schedule.

    Args:
        shards: their client must have an ACL user that may write and delete registers.
        watermark: records erasures, so that they are reapplied after a restore from a backup.
    """

    shards: AccountShards
    watermark: ErasureWatermark

    def erase(self, account: AccountRef, now_ms: int) -> Erased:
        """Erases an account; on disk when this returns. Erased again, it only stays closed for longer.

        Raises:
            StoreBusyError: store or list did not confirm. Do it again: it resumes where it stopped.
            StoreError: the store is under other limits than this process's.
        """
        closing = {"now_ms": now_ms}
        first = self._step(account, closing)
        self._record(account, first, now_ms)
        return self._finish(account, first, closing)

    def reapply_erasures(self, account: AccountRef, closed_until_ms: int) -> Erased:
        """Erases an account that is recorded as erased: a restore has brought it back.

        Args:
            account: the account.
            closed_until_ms: as it was recorded.

        Raises:
            StoreBusyError: as `erase`.
            StoreError: as `erase`.
        """
        closing = {"closed_until_ms": closed_until_ms}
        return self._finish(account, self._step(account, closing), closing)

    def erase_deleted(self, account: AccountRef, now_ms: int) -> Erased | None:
        """Erases an account that its owner deleted, if its grace is over by now; None if it is not.

        An erasure that has begun is finished: the tombstone decides that.

        Raises:
            StoreBusyError: as `erase`.
            StoreError: as `erase`.
        """
        closing = {"now_ms": now_ms}
        first = self._step(account, {**closing, "deleted_by_ms": now_ms})
        if first.cursor == _NOT_NOW:
            return None
        self._record(account, first, now_ms)
        return self._finish(account, first, closing)

    def _record(self, account: AccountRef, first: _Step, now_ms: int) -> None:
        """Records an erasure once it is sure. Who dies before this is done leaves it unfinished."""
        found = self.shards.resolve(account)
        shard = found.shard(self.shards.count)
        self.watermark.record(now_ms, first.closed_until_ms, shard, found.tombstone)

    def _finish(self, account: AccountRef, first: _Step, closing: ScriptArguments) -> Erased:
        """Erases what the first step left."""
        step, registers, counted = first, first.registers, first.counted
        while step.cursor:
            step = self._step(account, closing, step.cursor)
            registers, counted = registers + step.registers, counted + step.counted
        return Erased(registers, counted, step.closed_until_ms)

    def _step(self, account: AccountRef, closing: ScriptArguments, cursor: int = 0) -> _Step:
        arguments = {**closing, "cursor": cursor, "page_size": REGISTERS_PER_STEP}
        return _Step(*self.shards.run_one(ERASE_SCRIPT, account, arguments))


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
