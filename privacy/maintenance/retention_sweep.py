"""Lets go of what has outlived its life, and looks for patterns on the way: one walk a day."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

from privacy.maintenance.anomalies import CoordinatedActivityDetector
from privacy.maintenance.sealed_series import SealedTargets
from privacy.model.timestamp import MS_PER_DAY
from privacy.moderation.advisories import Advisories, Advisory, Signal
from privacy.moderation.audit_trail import AuditTrail
from privacy.moderation.jobs import Jobs
from privacy.policy.retention import Retention
from privacy.store.connect import translated
from privacy.store.keys import SWEPT, vault_key
from privacy.store.script import Argument, ScriptCall
from privacy.vault.pseudonym import PSEUDONYM_BYTES
from privacy.vault.scan import AccountScan, FoundAccount
from privacy.vault.shards import AccountShards, vault_script

SWEEP_EVERY_MS = MS_PER_DAY
_RETIRE, _CLOSE_TOMBS = vault_script("retire.lua"), vault_script("close_tombs.lua")
_FIELDS_PER_STEP = 1_000


@dataclass
class RetentionSweep:
    """One walk over everything, in small steps.

    Args:
        shards: of a user that may.
        retention: how long what is kept is kept.
        trail: trimmed.
        jobs: whose progress is dropped with them.
        scan: over all accounts.
        sealed: series whose registers are dropped.
        patterns: makes a fresh look for what many accounts do alike.
        advisories: where it is put.
    """

    shards: AccountShards
    retention: Retention
    trail: AuditTrail
    jobs: Jobs
    scan: AccountScan
    sealed: SealedTargets
    patterns: Callable[[int], CoordinatedActivityDetector]
    advisories: Advisories
    _walk: Iterator[None] | None = field(default=None, init=False)

    def step(self, now_ms: int) -> None:
        """Do a small part of the walk, if one is due.

        Raises:
            StoreBusyError: the store did not confirm. The walk begins again.
        """
        if self._walk is None:
            if not self._is_due(now_ms):
                return
            self._walk = self.walk(now_ms)
        walk, self._walk = self._walk, None
        if next(walk, self) is None:
            self._walk = walk

    def walk(self, now_ms: int) -> Iterator[None]:
        """The whole walk; every step is right to be done again.

        Raises:
            StoreBusyError: the store did not confirm.
        """
        self.trail.forget_before(now_ms - 1000 * self.retention.audit_trail_seconds)
        self._forget_jobs(now_ms)
        yield
        yield from self._close_tombs(now_ms)
        sealed = []
        for found in self.sealed.find():
            sealed += found
            yield
        numbers = frozenset(series.number for series in sealed)
        patterns = self.patterns(now_ms)
        for accounts in self.scan.batches():
            for account in accounts:
                patterns.see(account.handle, account.held)
            self._retire(accounts, numbers, now_ms)
            yield
        self.advisories.replace([*patterns.found(), *self._bursts(now_ms)], self.retention.advisory_seconds)
        self.sealed.retire(sealed)
        with translated():
            self.shards.client.set(SWEPT, now_ms)

    def _is_due(self, now_ms: int) -> bool:
        with translated():
            walked = cast("bytes | None", self.shards.client.get(SWEPT))
        return walked is None or abs(now_ms - int(walked)) >= SWEEP_EVERY_MS

    def _forget_jobs(self, now_ms: int) -> None:
        """Drop the progress of finished jobs: a worker that was late may have written some again."""
        alive = {str(job.number).encode() for job in self.jobs.queued(now_ms)}
        with translated():
            for shard in range(self.shards.count):
                key = vault_key(shard, "jobs")
                gone = [
                    name for name in cast("list[bytes]", self.shards.client.hkeys(key)) if name not in alive
                ]
                if gone:
                    self.shards.client.hdel(key, *gone)

    def _close_tombs(self, now_ms: int) -> Iterator[None]:
        for shard in range(self.shards.count):
            cursor = 0
            while True:
                with translated():
                    answer = self.shards.client.hscan(
                        vault_key(shard, "tombstones"), cursor, count=_FIELDS_PER_STEP
                    )
                    cursor, page = cast("tuple[int, dict[bytes, bytes]]", answer)
                    over = [tomb for tomb, until_ms in page.items() if int(until_ms) < now_ms]
                    if over:
                        call = ScriptCall(self.shards.script_keys(shard), [now_ms, *over])
                        _CLOSE_TOMBS.run(self.shards.client, call)
                yield
                if not cursor:
                    break

    def _retire(self, accounts: Sequence[FoundAccount], sealed: frozenset[int], now_ms: int) -> None:
        idle_since_ms = now_ms - 1000 * self.retention.idle_account_seconds
        calls = []
        for name, shard, _, held in accounts:
            over = [register.series.number for register in held.registers if register.series.number in sealed]
            is_empty = len(over) == len(held.registers)
            if over or (is_empty and held.last_heard_ms < idle_since_ms):
                arguments: list[Argument] = [name, name[-PSEUDONYM_BYTES:], idle_since_ms, *over]
                calls.append(ScriptCall(self.shards.script_keys(shard), arguments))
        if calls:
            with translated():
                _RETIRE.run_all(self.shards.client, calls)

    def _bursts(self, now_ms: int) -> list[Advisory]:
        """Accounts that burst, by shard."""
        found = []
        for shard in range(self.shards.count):
            with translated():
                page = cast("dict[bytes, bytes]", self.shards.client.hgetall(vault_key(shard, "flagged")))
            handles = self.shards.keys.current.handles_of_pseudonyms(list(page))
            found += [
                Advisory(Signal.BURSTS, now_ms, int(times), [handle.name])
                for handle, times in zip(handles, page.values(), strict=True)
            ]
        return found
