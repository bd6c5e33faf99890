"""Repeats erasures that a restore from a backup undid, before anything of those accounts can be counted."""

from collections.abc import Sequence
from dataclasses import dataclass

from privacy.model.timestamp import MS_PER_DAY
from privacy.moderation.audit_trail import MAINTENANCE, ActionStage, AuditEntry, AuditTrail
from privacy.moderation.erasure_procedure import ErasureProcedure
from privacy.rollback.erasure_log import ErasureRecord
from privacy.rollback.erasure_watermark import ErasureWatermark
from privacy.vault.erasure import close_accounts
from privacy.vault.keys_in_force import KeysInForce, is_rotating
from privacy.vault.scan import AccountScan
from privacy.vault.shards import AccountShards

EXPIRY_MARGIN_MS = MS_PER_DAY
"""A record of the erasure log is kept a day longer than the last backup that needs it."""


@dataclass(frozen=True)
class ErasureReplay:
    """Brings a store up to date with the erasure log, which is outside of it.

    Args:
        shards: the account shards. Its client must have the ACL user `maintenance`.
        erasure: erases accounts.
        scan: finds all accounts.
        watermark: number of the last erasure that the store knows of, and the erasure log.
        trail: records replays.
        backup_seconds: how long backups of the store are kept.
    """

    shards: AccountShards
    erasure: ErasureProcedure
    scan: AccountScan
    watermark: ErasureWatermark
    trail: AuditTrail
    backup_seconds: int

    def run(self, now_ms: int) -> int:
        """Repeat the erasures that the store lacks; if there are none, delete records that no backup needs.

        Returns:
            The number of erasures that the store lacked.

        Raises:
            LimitsError: another `backup_seconds` is in force than this process knows.
            StoreBusyError: the store did not confirm, or its accounts are under a pseudonym key that was
                destroyed. Until a replay succeeds, no events are accepted and nothing is released.
            StoreError: the erasure log is missing, damaged, or not the newest one.
        """
        erasures = self.watermark.erasures
        if not self.watermark.is_behind():
            needed_ms = now_ms - 1000 * self.backup_seconds - EXPIRY_MARGIN_MS
            oldest_ms = erasures.oldest_ms()
            if oldest_ms is not None and oldest_ms < needed_ms:
                self.shards.require_limits_in_force()
                with erasures.locked():
                    erasures.forget_before(needed_ms)
            return 0
        missing = self.watermark.list_missing()
        if not missing:
            return 0  # Another process was between its two writes.
        # Close first: an account that the backup does not know must not be counted either.
        close_accounts(self.shards, missing)
        accounts, registers, counted = self._erase_all(missing, now_ms)
        details = {
            "listed": len(missing),
            "accounts": accounts,
            "engagements": registers,
            "uncounted": counted,
        }
        self.trail.write(
            AuditEntry(ActionStage.DONE, "erasures.replayed", *MAINTENANCE, "", details=dict(details))
        )
        self.watermark.advance(missing[-1].number)
        return len(missing)

    def _erase_all(self, missing: Sequence[ErasureRecord], now_ms: int) -> tuple[int, int, int]:
        """Erase the accounts of some records; returns as `_erase`.

        A scan may miss an account that a rotation moves meanwhile. While keys stay the same, none is moved
        twice, so the second of two scans finds it.
        """
        keys, totals, before = KeysInForce(self.shards.client, self.shards.count), (0, 0, 0), None
        while True:
            ids = keys.read()
            found = self._erase(missing, now_ms)
            totals = totals[0] + found[0], totals[1] + found[1], totals[2] + found[2]
            if keys.read() == ids and (ids == before or not is_rotating(ids)):
                return totals
            before = ids

    def _erase(self, missing: Sequence[ErasureRecord], now_ms: int) -> tuple[int, int, int]:
        """Erase the accounts of some records.

        Returns:
            How many there were, how many engagements they had, and how many of these were counted.

        The log names no account, so the tombstone of every account in the store is compared with it.
        """
        until_ms = {listed.tombstone: listed.closed_until_ms for listed in missing}
        accounts, registers, counted = 0, 0, 0
        for found in self.scan.scan_accounts():
            for account in found:
                if account.tombstone in until_ms:
                    handle = self.shards.keys.current.derive_handles_from_accounts([account])[0].name
                    erased = self.erasure.run_again(handle, until_ms[account.tombstone], now_ms)
                    accounts += 1
                    registers, counted = registers + erased.registers, counted + erased.counted
        return accounts, registers, counted
