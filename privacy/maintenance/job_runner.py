"""Carries jobs out: in steps that are exact whatever crashes, and however many maintenance workers run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from privacy.errors import StoreBusyError
from privacy.maintenance.throttle import Throttle
from privacy.model.timestamp import Clock
from privacy.moderation.audit_trail import ActionStage, AuditEntry, AuditTrail
from privacy.moderation.jobs import Job, JobCounts, Jobs, JobState
from privacy.vault.bulk_status import BulkProgress, BulkStatusChange, Chunk

ROUNDS_PER_STEP = 32
"""In each every shard moves about `REGISTERS_PER_STEP` registers; then the job's document is written."""
_ACCOUNTS_PER_ROUND = 64
_ACCOUNTS_PER_STEP = 1_024
"""Of each shard; read at once."""


@dataclass
class JobRunner:
    """Works the queue off, oldest job first.

    Args:
        jobs: the queue.
        moves: of the vault.
        trail: told what came of a job.
        clock: now, in ms since 1970 UTC.
        courtesy: of this process.
    """

    jobs: Jobs
    moves: BulkStatusChange
    trail: AuditTrail
    clock: Clock
    courtesy: Throttle
    _cursors: dict[tuple[int, int], int] = field(default_factory=dict, init=False)
    """Place in the account that is next, by job and shard: good as long as the store is not started again."""

    def step(self, goes_on: Callable[[], bool] = lambda: True) -> int:
        """Work on the oldest job for a while.

        Args:
            goes_on: asked between rounds; false to be done soon.

        Returns:
            0 if there was nothing to do.

        Raises:
            StoreBusyError: the store did not confirm. The next step goes on exactly there.
        """
        try:
            for job in self.jobs.queued(self.clock()):
                if not job.state.is_over:
                    self._advance(job, goes_on)
                    return 1
                self._clear(job)
        except StoreBusyError:
            self._cursors.clear()
            raise
        return 0

    def _advance(self, job: Job, goes_on: Callable[[], bool]) -> None:
        sizes = self.jobs.counted(job)
        if sum(sizes) != job.accounts:
            self._finish(job, msgspec.structs.replace(job, state=JobState.FAILED, failure=_LAPSED))
            return
        progress = self.moves.progress(job.number)
        self._rounds(job, progress, goes_on)
        after = _reported(job, progress)
        if after.done == job.accounts:
            self._finish(job, msgspec.structs.replace(after, state=JobState.DONE))
        else:
            self.jobs.replace(job, msgspec.structs.replace(after, state=JobState.RUNNING))

    def _rounds(self, job: Job, progress: list[BulkProgress], goes_on: Callable[[], bool]) -> None:
        """Let every shard move some accounts, again and again."""
        firsts = {shard: now.done for shard, now in enumerate(progress)}
        handles = self.jobs.handles(job, firsts, _ACCOUNTS_PER_STEP)
        for _ in range(ROUNDS_PER_STEP):
            portions = {}
            for shard, now in enumerate(progress):
                place = now.done - firsts[shard]
                cursor = self._cursors.get((job.number, shard), 0)
                if following := handles[shard][place : place + _ACCOUNTS_PER_ROUND]:
                    portions[shard] = Chunk(now.done, cursor, following)
            if not portions:
                return
            with self.courtesy.step():
                moved = self.moves.step(job.number, job.kind.move, portions, self.clock())
            for shard, (now, cursor) in moved.items():
                progress[shard], self._cursors[job.number, shard] = now, cursor
            if not goes_on():
                return

    def _finish(self, job: Job, after: Job) -> None:
        # The trail first: an entry twice is better than none.
        counts = msgspec.structs.asdict(after.counts)
        details = {"job": job.number, "state": after.state.value, **counts}
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
        self.moves.forget(job.number)
        self.jobs.clear(job)
        self._cursors = {place: cursor for place, cursor in self._cursors.items() if place[0] != job.number}


_LAPSED = "the list of its accounts has lapsed: send it again; what was moved stays so"


def _reported(job: Job, progress: Sequence[BulkProgress]) -> Job:
    total = BulkProgress()
    for shard in progress:
        total = total.plus(shard)
    counts = JobCounts(
        moved=total.moved,
        unmoved=total.unmoved,
        erased=total.erased,
        not_known=total.unknown,
        uncounted=total.fell,
        counted=total.rose,
        over_cap=total.over_cap,
    )
    return msgspec.structs.replace(job, done=total.done, counts=counts)
