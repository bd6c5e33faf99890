"""The steward: carries jobs out, finishes what others left undone, and lets time pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from privacy.maintenance.job_runner import JobRunner
from privacy.maintenance.reapply_erasures import ErasureReplay
from privacy.maintenance.retention_sweep import RetentionSweep
from privacy.maintenance.throttle import Throttle
from privacy.model.account_status import AccountStatus
from privacy.model.timestamp import Clock
from privacy.moderation.advisories import Advisories
from privacy.moderation.aof_rewrite import AofRewriteScheduler, request_aof_rewrite
from privacy.moderation.audit_trail import STEWARD, ActionStage, AuditEntry, AuditTrail
from privacy.moderation.pending import PendingOperations, Unfinished, Work
from privacy.vault.erasure import Erasure
from privacy.vault.pseudonym import AccountRef
from privacy.vault.recount import ErasedAccountError, Recount
from privacy.vault.shards import PseudonymKeys
from privacy.vault.timers import Timers

if TYPE_CHECKING:
    from redis import Redis

TIMERS_EVERY_MS = 1_000
ABANDONED_AFTER_MS = 30_000
"""Work on one account that is still unfinished then has nobody at it any more."""
_PIECES_PER_STEP = 100


@dataclass
class MaintenanceWorker:
    """One steward. Any number may run: each thing is done once, or once more without any effect.

    Args:
        client: of a user that may.
        clock: now, in ms since 1970 UTC.
        keys: of the pseudonyms.
        runner: of jobs.
        timers: of accounts.
        settlement: of the vault.
        erasure: of the vault.
        unfinished: what others left.
        advisories: which may name an account that is erased.
        trail: told of what time brought about.
        rewriter: of the store's log.
        sweep: of what has outlived its life.
        restored: erases again what a restore has brought back.
        courtesy: of this process.
        closed_seconds: life of a tombstone.
    """

    client: Redis
    clock: Clock
    keys: PseudonymKeys
    runner: JobRunner
    timers: Timers
    settlement: Recount
    erasure: Erasure
    unfinished: PendingOperations
    advisories: Advisories
    trail: AuditTrail
    rewriter: AofRewriteScheduler
    sweep: RetentionSweep
    restored: ErasureReplay
    courtesy: Throttle
    closed_seconds: int
    _timers_at_ms: int = field(default=0, init=False)

    def step(self) -> int:
        """Do what there is to do; 0 if nothing is left for now.

        Raises:
            StoreBusyError: the store did not confirm. The next step goes on exactly there.
        """
        now_ms = self.clock()
        if abs(now_ms - self._timers_at_ms) >= TIMERS_EVERY_MS:
            self._let_time_pass(now_ms)
            self._timers_at_ms = now_ms
        done = self.runner.step(self._for_a_while())
        if not done:
            self._walk_on(now_ms)
        return done

    def _for_a_while(self) -> Callable[[], bool]:
        """Whether it is too early for the timers."""
        began_ms = self.clock()
        return lambda: abs(self.clock() - began_ms) < TIMERS_EVERY_MS

    def _let_time_pass(self, now_ms: int) -> None:
        self.restored.step(now_ms)  # before anything counts again that was erased
        for handle, standing in self.timers.due(now_ms):
            with self.courtesy.step():
                self._end(handle, standing, now_ms)
        for piece in self.unfinished.begun_before(now_ms - ABANDONED_AFTER_MS, _PIECES_PER_STEP):
            with self.courtesy.step():
                self._finish(piece, now_ms)
        self.rewriter.step(now_ms)
        self._walk_on(now_ms)

    def _walk_on(self, now_ms: int) -> None:
        with self.courtesy.step():
            self.sweep.step(now_ms)

    def _end(self, handle: bytes, standing: AccountStatus, now_ms: int) -> None:
        """End what is due: a restriction, or a deleted account."""
        account = AccountRef(handle)
        if standing is AccountStatus.RESTRICTED:
            details = {"counted": self.timers.lift(account, now_ms)}
            self._write("restriction.ended", details)
            return
        closed_until_ms = now_ms + 1000 * self.closed_seconds
        with self.unfinished.during(Unfinished(handle, Work.ERASE), now_ms):
            erased = self.erasure.erase_deleted(account, closed_until_ms, now_ms)
            self.advisories.forget(handle)
            request_aof_rewrite(self.client)
        request_aof_rewrite(self.client)
        if erased:
            self._write(
                "deleted_account.erased", {"engagements": erased.registers, "uncounted": erased.counted}
            )

    def _finish(self, piece: Unfinished, now_ms: int) -> None:
        """Do what somebody left undone."""
        account = AccountRef(piece.handle)
        if piece.work is Work.ERASE:
            self.erasure.erase(account, now_ms + 1000 * self.closed_seconds, now_ms)
            self.advisories.forget(piece.handle)
            request_aof_rewrite(self.client)
        else:
            # Nothing of an erased account is left that could follow.
            with suppress(ErasedAccountError):
                self.settlement.settle(account, now_ms)
        self.unfinished.finished(piece)
        if piece.work is Work.ERASE:
            request_aof_rewrite(self.client)

    def _write(self, action: str, details: Mapping[str, int]) -> None:
        self.trail.write(AuditEntry(ActionStage.DONE, action, *STEWARD, "", details=dict(details)))
