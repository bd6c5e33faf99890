"""Deletes data past its retention period, and detects coordinated activity on the way: one sweep a day."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

from privacy.maintenance.anomalies import CoordinatedActivityDetector
from privacy.maintenance.sealed_series import SealedSeriesCleanup
from privacy.model.timestamp import MS_PER_DAY
from privacy.moderation.advisories import Advisories, Advisory, Signal
from privacy.moderation.audit_trail import AuditTrail
from privacy.moderation.jobs import Jobs
from privacy.moderation.receipts import forget_receipts_before
from privacy.policy.retention import Retention
from privacy.store.connect import translated
from privacy.store.keys import SWEPT, vault_key
from privacy.vault.keys_in_force import KeysInForce, is_rotating
from privacy.vault.pseudonym import Pseudonymiser
from privacy.vault.scan import AccountScan, FoundAccount
from privacy.vault.shards import AccountShards, ScriptArguments, vault_script

SWEEP_EVERY_MS = MS_PER_DAY
_PURGE_SEALED, _EXPIRE_TOMBSTONES = vault_script("purge_sealed.lua"), vault_script("expire_tombstones.lua")
_FIELDS_PER_STEP = 1_000


@dataclass
class RetentionSweep:
    """Sweeps the whole store once a day, in small steps.

    Args:
        shards: the account shards. Its client must have the ACL user `maintenance`.
        retention: the retention periods.
        trail: the audit trail, whose old entries are deleted.
        jobs: the jobs, of which old ones are deleted, and progress of those that are not queued.
        scan: reads all accounts.
        sealed: finds sealed series, whose registers and logs are deleted.
        new_detector: creates a detector for a sweep that begins at the given time.
        advisories: stores the findings.
    """

    shards: AccountShards
    retention: Retention
    trail: AuditTrail
    jobs: Jobs
    scan: AccountScan
    sealed: SealedSeriesCleanup
    new_detector: Callable[[int], CoordinatedActivityDetector]
    advisories: Advisories
    _running: Iterator[None] | None = field(default=None, init=False)

    def step(self, now_ms: int) -> None:
        """Run a small step of the sweep, if one is due.

        Raises:
            StoreBusyError: the store did not confirm. The sweep starts over.
        """
        if self._running is None:
            if not self._is_due(now_ms):
                return
            self._running = self.run(now_ms)
        running, self._running = self._running, None
        if next(running, self) is None:
            self._running = running

    def run(self, now_ms: int) -> Iterator[None]:
        """Run a whole sweep, and yield after each step. Every step may be repeated.

        Raises:
            LimitsError: other retention periods are in force than this process knows.
            StoreBusyError: the store did not confirm.
        """
        self.shards.require_limits_in_force()
        keys_in_force = KeysInForce(self.shards.client, self.shards.count)
        ids = keys_in_force.read()
        self.trail.forget_before(now_ms - 1000 * self.retention.audit_trail_seconds)
        forget_receipts_before(self.shards.client, now_ms - 1000 * self.retention.audit_trail_seconds)
        self.jobs.forget_before(now_ms - 1000 * self.retention.job_seconds)
        self._delete_progress(now_ms)
        yield
        yield from self._expire_tombstones(now_ms)
        sealed = []
        for page in self.sealed.find():
            sealed += page
            yield
        numbers = frozenset(series.number for series in sealed)
        canaries = frozenset(series.number for series in sealed if series.is_canary)
        detector = self.new_detector(now_ms)
        for accounts in self.scan.scan_records():
            for account in accounts:
                detector.observe(account.account_handle, account.held)
            self._purge(accounts, numbers, canaries, now_ms)
            yield
        advisories = [*detector.findings(), *self._read_bursts(now_ms)]
        self.advisories.replace(advisories, self.retention.advisory_seconds)
        self._forget_erased({handle for advisory in advisories for handle in advisory.handles})
        # A scan may miss an account that is moved to another name meanwhile: the next sweep finds it.
        is_clean = not is_rotating(ids) and keys_in_force.read() == ids
        self.sealed.purge(sealed, is_clean=is_clean)
        with translated():
            self.shards.client.set(SWEPT, now_ms)

    def _forget_erased(self, handles: Collection[bytes]) -> None:
        """Remove accounts from the new advisories that were erased after the sweep had read them."""
        if not handles:
            return
        accounts = self.shards.keys.current.resolve_handles(list(handles))
        with translated():
            pipeline = self.shards.client.pipeline(transaction=False)
            for account in accounts:
                tombstones = vault_key(account.shard(self.shards.count), "tombstones")
                pipeline.hexists(tombstones, account.tombstone)
            erased: list[bool] = pipeline.execute()
        for handle, is_erased in zip(handles, erased, strict=True):
            if is_erased:
                self.advisories.forget(handle)

    def _is_due(self, now_ms: int) -> bool:
        with translated():
            swept = cast("bytes | None", self.shards.client.get(SWEPT))
        return swept is None or abs(now_ms - int(swept)) >= SWEEP_EVERY_MS

    def _delete_progress(self, now_ms: int) -> None:
        """Delete the progress of finished jobs, which a worker that was late may have written again."""
        queued = {str(job.number).encode() for job in self.jobs.list_queued(now_ms)}
        with translated():
            for shard in range(self.shards.count):
                key = vault_key(shard, "jobs")
                gone = [
                    name for name in cast("list[bytes]", self.shards.client.hkeys(key)) if name not in queued
                ]
                if gone:
                    self.shards.client.hdel(key, *gone)

    def _expire_tombstones(self, now_ms: int) -> Iterator[None]:
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
                        arguments = {"now_ms": now_ms, "tombstones": over}
                        self.shards.run(_EXPIRE_TOMBSTONES, {shard: arguments}, _as_given)
                yield
                if not cursor:
                    break

    def _purge(
        self,
        accounts: Sequence[FoundAccount],
        sealed: frozenset[int],
        canaries: frozenset[int],
        now_ms: int,
    ) -> None:
        idle_since_ms = now_ms - 1000 * self.retention.idle_account_seconds
        calls: list[tuple[int, ScriptArguments]] = []
        for name, _, held in accounts:
            over = [register.series.number for register in held.registers if register.series.number in sealed]
            is_empty = len(over) == len(held.registers)
            if over or (is_empty and held.last_heard_ms < idle_since_ms):
                # An account of the sandbox has no end of its own: it goes with the last of its canaries.
                is_over = bool(over) and is_empty and canaries.issuperset(over)
                arguments = {
                    "key": name.name,
                    "pseudonym": name.pseudonym,
                    "idle_since_ms": now_ms + 2 * MS_PER_DAY if is_over else idle_since_ms,
                    "series": over,
                }
                calls.append((name.shard, arguments))
        if calls:
            self.shards.run_all(_PURGE_SEALED, calls, _as_given)

    def _read_bursts(self, now_ms: int) -> list[Advisory]:
        """Return an advisory per account whose likes came in bursts."""
        found = []
        for shard in range(self.shards.count):
            with translated():
                page = cast("dict[bytes, bytes]", self.shards.client.hgetall(vault_key(shard, "flagged")))
            handles = self.shards.keys.current.derive_handles_from_pseudonyms(list(page))
            found += [
                Advisory(Signal.BURSTS, now_ms, int(times), [handle.name])
                for handle, times in zip(handles, page.values(), strict=True)
            ]
        return found


def _as_given(_shard: int, arguments: ScriptArguments, _keys: Pseudonymiser) -> ScriptArguments:
    return arguments
