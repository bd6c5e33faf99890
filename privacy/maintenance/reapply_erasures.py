"""Erases again what a restore from a backup has brought back, before anything of it can count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from privacy.model.timestamp import MS_PER_DAY
from privacy.moderation.audit_trail import MAINTENANCE, ActionStage, AuditEntry, AuditTrail
from privacy.moderation.erasure_procedure import ErasureProcedure
from privacy.rollback.erasure_log import ErasureRecord
from privacy.rollback.erasure_watermark import ErasureWatermark
from privacy.store.script import Argument, ScriptCall
from privacy.vault.erasure import Erased
from privacy.vault.scan import AccountScan
from privacy.vault.shards import AccountShards, vault_script

SPARE_MS = MS_PER_DAY
"""A line outlives the last backup that needs it by a day."""
_CLOSE = vault_script("close.lua")
_TOMBSTONES_PER_STEP = 1_000


@dataclass(frozen=True)
class ErasureReplay:
    """Brings a store in step with the list of erasures outside of it.

    Args:
        shards: of a user that may.
        erasure: erases accounts.
        scan: over all accounts.
        mark: how many erasures the store knows of.
        trail: told of it.
        backup_seconds: within which backups of the store are gone.
    """

    shards: AccountShards
    erasure: ErasureProcedure
    scan: AccountScan
    mark: ErasureWatermark
    trail: AuditTrail
    backup_seconds: int

    def run(self, now_ms: int) -> int:
        """Erase again what the store lacks; else drop lines that no backup needs any more.

        Returns:
            How many erasures the store lacked.

        Raises:
            StoreBusyError: the store did not confirm, or is kept under a pseudonym key that was destroyed.
                Until this has succeeded nothing is taken in and nothing is released.
            StoreError: the list is missing, damaged, or not the newest one.
        """
        erasures = self.mark.erasures
        if not self.mark.is_behind():
            needed_ms = now_ms - 1000 * self.backup_seconds - SPARE_MS
            oldest_ms = erasures.oldest_ms()
            if oldest_ms is not None and oldest_ms < needed_ms:
                with erasures.alone():
                    erasures.forget_before(needed_ms)
            return 0
        missing = erasures.after(self.mark.value() or 0)
        # Closed first: an account that has nothing in this store must not begin anew either.
        self._close(missing)
        accounts, erased = self._erase(missing, now_ms)
        details = {
            "listed": len(missing),
            "accounts": accounts,
            "engagements": erased.registers,
            "uncounted": erased.counted,
        }
        self.trail.write(
            AuditEntry(ActionStage.DONE, "erasures.done_again", *MAINTENANCE, "", details=dict(details))
        )
        self.mark.advance(missing[-1].number)
        return len(missing)

    def _close(self, missing: Sequence[ErasureRecord]) -> None:
        by_shard: defaultdict[int, list[ErasureRecord]] = defaultdict(list)
        for listed in missing:
            by_shard[listed.shard].append(listed)
        for shard, erasures in by_shard.items():
            for first in range(0, len(erasures), _TOMBSTONES_PER_STEP):
                self.shards.run(
                    _CLOSE, {shard: erasures[first : first + _TOMBSTONES_PER_STEP]}, self._closing
                )

    def _closing(self, shard: int, erasures: Sequence[ErasureRecord]) -> ScriptCall:
        arguments: list[Argument] = [self.shards.keys.current.key_id]
        for listed in erasures:
            arguments += [listed.tombstone, listed.closed_until_ms]
        return ScriptCall(self.shards.script_keys(shard), arguments)

    def _erase(self, missing: Sequence[ErasureRecord], now_ms: int) -> tuple[int, Erased]:
        """How many accounts were there, and what went with them.

        A list names no account, so that all accounts are asked for the tombstone that they would leave.
        """
        until_ms = {listed.tombstone: listed.closed_until_ms for listed in missing}
        accounts, registers, counted = 0, 0, 0
        for found in self.scan.accounts():
            for account in found:
                if account.tombstone in until_ms:
                    handle = self.shards.keys.current.handles_of_accounts([account])[0].name
                    erased = self.erasure.run_again(handle, until_ms[account.tombstone], now_ms)
                    accounts += 1
                    registers, counted = registers + erased.registers, counted + erased.counted
        return accounts, Erased(registers, counted)
