"""Carries out staff-requested jobs, in steps that stay exact if a worker crashes or several workers run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce

import msgspec

from privacy.errors import StoreBusyError
from privacy.maintenance.throttle import Throttle
from privacy.model.timestamp import Clock
from privacy.moderation.audit_trail import ActionStage, AuditEntry, AuditTrail
from privacy.moderation.jobs import Job, Jobs, JobState
from privacy.vault.bulk_status import BulkProgress, BulkStatusChange, Chunk

ROUNDS_PER_STEP = 32
"""A round recounts about `REGISTERS_PER_STEP` registers per shard. After all rounds the job is written."""
_ACCOUNTS_PER_ROUND = 64
_ACCOUNTS_PER_STEP = 1_024
"""Handles of one shard that are read at once."""


@dataclass
class JobRunner:
    """Carries out queued jobs, oldest first.

    Args:
        jobs: the queue.
        status_change: changes the status of accounts.
        trail: records the result of each job.
        clock: now, in ms since 1970 UTC.
        throttle: of this process.
    """

    jobs: Jobs
    status_change: BulkStatusChange
    trail: AuditTrail
    clock: Clock
    throttle: Throttle
    _cursors: dict[tuple[int, int], int] = field(default_factory=dict, init=False)
    """Cursor in the next account, by job and shard; valid until the store restarts."""

    def step(self, has_time: Callable[[], bool] = lambda: True) -> int:
        """Work on the oldest job for some rounds.

        Args:
            has_time: called between rounds; the step ends when it returns false.

        Returns:
            0 if there was nothing to do.

        Raises:
            StoreBusyError: the store did not confirm. The next step continues from the same point.
        """
        try:
            for job in self.jobs.list_queued(self.clock()):
                if not job.state.is_over:
                    self._advance(job, has_time)
                    return 1
                self._clear(job)
        except StoreBusyError:
            self._cursors.clear()
            raise
        return 0

    def _advance(self, job: Job, has_time: Callable[[], bool]) -> None:
        sizes = self.jobs.count_accounts(job)
        if sum(sizes) != job.accounts:
            self._finish(job, msgspec.structs.replace(job, state=JobState.FAILED, failure=_EXPIRED))
            return
        progress = self.status_change.read_progress(job.number)
        self._run_rounds(job, progress, has_time)
        total = reduce(BulkProgress.plus, progress, BulkProgress())
        after = msgspec.structs.replace(job, progress=total)
        if total.done == job.accounts:
            self._finish(job, msgspec.structs.replace(after, state=JobState.DONE))
        else:
            self.jobs.replace(job, msgspec.structs.replace(after, state=JobState.RUNNING))

    def _run_rounds(self, job: Job, progress: list[BulkProgress], has_time: Callable[[], bool]) -> None:
        """Move some accounts of every shard per round, and update `progress`."""
        firsts = {shard: now.done for shard, now in enumerate(progress)}
        handles = self.jobs.read_handles(job, firsts, _ACCOUNTS_PER_STEP)
        for _ in range(ROUNDS_PER_STEP):
            chunks = {}
            for shard, now in enumerate(progress):
                start = now.done - firsts[shard]
                cursor = self._cursors.get((job.number, shard), 0)
                if following := handles[shard][start : start + _ACCOUNTS_PER_ROUND]:
                    chunks[shard] = Chunk(now.done, cursor, following)
            if not chunks:
                return
            with self.throttle.slice():
                moved = self.status_change.step(job.number, job.kind.transition, chunks, self.clock())
            for shard, (now, cursor) in moved.items():
                progress[shard], self._cursors[job.number, shard] = now, cursor
            if not has_time():
                return

    def _finish(self, job: Job, after: Job) -> None:
        # The trail first: a duplicate entry is better than none.
        details = {"job": job.number, "state": after.state.value, **after.progress.counts()}
        self.trail.write(
            AuditEntry(
                ActionStage.DONE,
                f"accounts.{job.kind.value}",
                job.owner,
                job.key_id,
                job.note,
                details=details,
            )
        )
        ended = msgspec.structs.replace(after, finished_at_ms=self.clock())
        if self.jobs.replace(job, ended):
            self._clear(ended)

    def _clear(self, job: Job) -> None:
        self.status_change.forget(job.number)
        self.jobs.clear(job)
        self._cursors = {key: cursor for key, cursor in self._cursors.items() if key[0] != job.number}


_EXPIRED = (
    "The list of its accounts has expired. Send it again; accounts that were moved keep their new status."
)
