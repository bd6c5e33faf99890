"""The maintenance worker: runs staff-requested jobs, interrupted operations, expirations and sweeps."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from privacy.maintenance.audience_closing import AudienceCloser
from privacy.maintenance.job_runner import JobRunner
from privacy.maintenance.reapply_erasures import ErasureReplay
from privacy.maintenance.retention_sweep import RetentionSweep
from privacy.maintenance.throttle import Throttle
from privacy.model.account_status import AccountStatus
from privacy.model.timestamp import Clock
from privacy.moderation.aof_rewrite import AofRewriteScheduler
from privacy.moderation.audit_trail import MAINTENANCE, ActionStage, AuditEntry, AuditTrail
from privacy.moderation.erasure_procedure import ErasureProcedure
from privacy.moderation.pending import PendingOperation, PendingOperations, Work
from privacy.vault.erasure import Erased
from privacy.vault.pseudonym import AccountRef
from privacy.vault.recount import ErasedAccountError, Recount
from privacy.vault.timers import Timers

TIMERS_EVERY_MS = 1_000
ABANDONED_AFTER_MS = 30_000
"""An operation that is pending for longer was interrupted."""
_OPERATIONS_PER_STEP = 100


@dataclass
class MaintenanceWorker:
    """Runs the background work of a store. Several workers may run: whatever two of them do has one effect.

    Args:
        clock: now, in ms since 1970 UTC.
        runner: carries out jobs.
        timers: finds restrictions and deletions that are due.
        recount: recounts the engagements of an account.
        erasure: erases accounts.
        pending: lists operations that were interrupted.
        trail: records the actions of the worker.
        rewriter: rewrites the store's log.
        sweep: deletes data past its retention period.
        replay: repeats erasures that a restore undid.
        audiences: closes the periods of audiences that have ended.
        throttle: of this process.
    """

    clock: Clock
    runner: JobRunner
    timers: Timers
    recount: Recount
    erasure: ErasureProcedure
    pending: PendingOperations
    trail: AuditTrail
    rewriter: AofRewriteScheduler
    sweep: RetentionSweep
    replay: ErasureReplay
    audiences: AudienceCloser
    throttle: Throttle
    _timers_at_ms: int = field(default=0, init=False)

    def step(self) -> int:
        """Run one step of the work that is due. Returns 0 if nothing is left for now.

        Raises:
            StoreBusyError: the store did not confirm. The next step continues from the same point.
        """
        now_ms = self.clock()
        if abs(now_ms - self._timers_at_ms) >= TIMERS_EVERY_MS:
            self._run_due_timers(now_ms)
            self._timers_at_ms = now_ms
        done = self.runner.step(self._time_budget())
        if not done:
            self._continue_sweep(now_ms)
        return done

    def _time_budget(self) -> Callable[[], bool]:
        """Return a function that is true until the timers are due again."""
        began_ms = self.clock()
        return lambda: abs(self.clock() - began_ms) < TIMERS_EVERY_MS

    def _run_due_timers(self, now_ms: int) -> None:
        self.replay.run(now_ms)  # first, so that nothing that was erased is counted again
        for handle, status in self.timers.list_due(now_ms):
            with self.throttle.slice():
                self._expire_status(handle, status, now_ms)
        for operation in self.pending.older_than(now_ms - ABANDONED_AFTER_MS, _OPERATIONS_PER_STEP):
            with self.throttle.slice():
                self._resume(operation, now_ms)
        self.rewriter.step(now_ms)
        with self.throttle.slice():
            self.audiences.step(now_ms)
        self._continue_sweep(now_ms)

    def _continue_sweep(self, now_ms: int) -> None:
        with self.throttle.slice():
            self.sweep.step(now_ms)

    def _expire_status(self, handle: bytes, status: AccountStatus, now_ms: int) -> None:
        """End a restriction, or erase a deleted account whose grace is over."""
        if status is AccountStatus.RESTRICTED:
            details = {"counted": self.timers.end_restriction(AccountRef(handle), now_ms)}
            self.trail.write(_done("restriction.ended", details))
            return
        self._erase_if_due(handle, now_ms)

    def _resume(self, operation: PendingOperation, now_ms: int) -> None:
        """Resume an operation that was interrupted."""
        handle, work = operation
        match work:
            case Work.ERASE:
                self.erasure.run(handle, now_ms, partial(_record_erasure, "erasure.resumed"))
            case Work.ERASE_IF_DUE:
                self._erase_if_due(handle, now_ms)
            case Work.SETTLE:
                # An erased account has no engagements left to recount.
                with suppress(ErasedAccountError):
                    self.recount.run(AccountRef(handle), now_ms)
                self.pending.complete(operation)

    def _erase_if_due(self, handle: bytes, now_ms: int) -> None:
        self.erasure.run_if_due(handle, now_ms, partial(_record_erasure, "deleted_account.erased"))


def _record_erasure(action: str, erased: Erased) -> AuditEntry:
    return _done(action, {"engagements": erased.registers, "uncounted": erased.counted})


def _done(action: str, details: Mapping[str, int]) -> AuditEntry:
    return AuditEntry(ActionStage.DONE, action, *MAINTENANCE, "", details=dict(details))
