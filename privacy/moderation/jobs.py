"""Stores staff-requested jobs: a document for each, the handles of its accounts by shard, and a queue.

Nothing of a job has a time to live in Redis, whose own clock may leap: the maintenance worker deletes jobs by
an index of their times.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, cast

import msgspec
from redis import Redis

from privacy.errors import NotFoundError
from privacy.model.account_status import AccountStatus
from privacy.store.connect import translated
from privacy.store.keys import platform_key
from privacy.store.script import Argument, Script, ScriptCall
from privacy.vault.bulk_status import BulkProgress
from privacy.vault.pseudonym import HANDLE_BYTES, AccountHandle
from privacy.vault.recount import StatusTransition


class JobKind(Enum):
    """The kinds of jobs, as the API spells them."""

    PURGE = "purge"
    """The accounts are bots: none of their engagements is counted, with the reason `inauthentic`."""
    REINSTATEMENT = "reinstatement"
    """The accounts are not bots after all."""

    @property
    def transition(self) -> StatusTransition:
        """The change of status."""
        return _TRANSITIONS[self]


# Staff cannot override an owner's decision: a deleted account is erased after its grace, and an account that
# objects is not counted.
_TRANSITIONS = {
    JobKind.PURGE: StatusTransition(
        AccountStatus.INAUTHENTIC,
        (AccountStatus.GOOD, AccountStatus.RESTRICTED, AccountStatus.BANNED, AccountStatus.INAUTHENTIC),
    ),
    JobKind.REINSTATEMENT: StatusTransition(AccountStatus.GOOD, (AccountStatus.INAUTHENTIC,)),
}


class JobState(Enum):
    """The states of a job, as the API spells them."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        """True if the job has ended."""
        return self in (JobState.DONE, JobState.FAILED)


class Job(msgspec.Struct, frozen=True):
    """A job. It names no account.

    Args:
        number: of the job; the first one is 1.
        kind: of the job.
        owner: of the API key that requested it.
        key_id: of that API key.
        note: why.
        created_at_ms: when it was requested.
        accounts: number of its accounts.
        state: of the job.
        progress: the work done so far, on all shards.
        finished_at_ms: when it ended; None before.
        failure: why it failed; None if it did not.
    """

    number: int
    kind: JobKind
    owner: str
    key_id: str
    note: str
    created_at_ms: int
    accounts: int
    state: JobState = JobState.QUEUED
    progress: BulkProgress = BulkProgress()
    finished_at_ms: int | None = None
    failure: str | None = None


_REPLACE = Script.from_package("privacy.moderation", "replace_document.lua")
_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(Job).decode
_COUNT, _QUEUE = platform_key("jobs", "count"), platform_key("jobs", "queue")
_BY_TIME = platform_key("jobs", "by-time")
"""When each job was requested, and later, when it ended."""
_LOST_AFTER_MS = 600_000
"""A queued number without a document belongs to a process that died before its caller got an answer."""


class JobRequest(msgspec.Struct, frozen=True):
    """A request for a job.

    Args:
        kind: of the job.
        owner: of the API key.
        key_id: of the API key.
        note: why.
    """

    kind: JobKind
    owner: str
    key_id: str
    note: str


class JobPage(NamedTuple):
    """A page of jobs.

    Args:
        jobs: newest first.
        oldest_number: the lowest number that was read; there are older jobs only if it is above 1.
    """

    jobs: list[Job]
    oldest_number: int


@dataclass(frozen=True)
class Jobs:
    """Stores jobs.

    Args:
        client: must have the ACL user `platform`, which opens and reads jobs, or `maintenance`, to run them.
        account_shards: number of account shards of the store.
    """

    client: Redis
    account_shards: int

    def open(self, request: JobRequest, batches: Iterable[Sequence[AccountHandle]], now_ms: int) -> Job:
        """Queue a job; it is on disk when this returns.

        Args:
            request: the request.
            batches: the accounts, in any number of parts.
            now_ms: the time.

        Raises:
            StoreBusyError: the store did not confirm. What was written of the job has no effect, and is
                deleted later.
        """
        with translated():
            number = int(self.client.incr(_COUNT))
            self.client.zadd(_BY_TIME, {str(number): now_ms})
            accounts = 0
            for batch in batches:
                accounts += len(batch)
                self._append(number, batch)
            job = Job(number, request.kind, request.owner, request.key_id, request.note, now_ms, accounts)
            self.client.zadd(_QUEUE, {str(number): now_ms})
            self.client.set(_document_key(number), _ENCODE(job))
        return job

    def find(self, number: int) -> Job:
        """Return a job.

        Raises:
            NotFoundError: there is no such job, or it is no longer kept.
            StoreBusyError: the store did not answer.
        """
        with translated():
            stored = cast("bytes | None", self.client.get(_document_key(number)))
        if stored is None:
            raise NotFoundError(f"There is no job {number}; jobs are kept for a limited time.")
        return _DECODE(stored)

    def read_page(self, before: int | None, limit: int) -> JobPage:
        """Return jobs, newest first.

        Args:
            before: return jobs with smaller numbers; None for the newest ones.
            limit: how many numbers are read; some of their jobs may be gone.

        Raises:
            StoreBusyError: the store did not answer.
        """
        with translated():
            last = cast("bytes | None", self.client.get(_COUNT))
            top = int(last or 0) + 1 if before is None else before
            numbers = range(max(1, top - limit), top)
            if not numbers:
                return JobPage([], 1)
            pipeline = self.client.pipeline(transaction=False)
            for number in reversed(numbers):
                pipeline.get(_document_key(number))
            stored: list[bytes | None] = pipeline.execute()
        return JobPage([_DECODE(document) for document in stored if document], numbers[0])

    def list_queued(self, now_ms: int) -> list[Job]:
        """Return the queued jobs, oldest first. One that has ended may still be among them.

        Args:
            now_ms: the time.

        Raises:
            StoreBusyError: the store did not answer.
        """
        with translated():
            rows = self.client.zrange(_QUEUE, 0, -1, withscores=True)
            jobs = []
            for number, made_ms in cast("list[tuple[bytes, float]]", rows):
                stored = cast("bytes | None", self.client.get(_document_key(int(number))))
                if stored:
                    jobs.append(_DECODE(stored))
                elif now_ms - made_ms > _LOST_AFTER_MS:
                    self.client.zrem(_QUEUE, number)
        return jobs

    def read_handles(self, job: Job, firsts: Mapping[int, int], count: int) -> dict[int, list[bytes]]:
        """Return the handles of the next accounts of a job, by shard.

        Args:
            job: the job.
            firsts: by shard, the number of accounts to skip.
            count: the maximum number of handles per shard.

        Raises:
            StoreBusyError: the store did not answer.
        """
        with translated():
            pipeline = self.client.pipeline(transaction=False)
            for shard, first in firsts.items():
                start = first * HANDLE_BYTES
                pipeline.getrange(_handles_key(job.number, shard), start, start + count * HANDLE_BYTES - 1)
            packed: list[bytes] = pipeline.execute()
        return {
            shard: [raw[at : at + HANDLE_BYTES] for at in range(0, len(raw), HANDLE_BYTES)]
            for shard, raw in zip(firsts, packed, strict=True)
        }

    def count_accounts(self, job: Job) -> list[int]:
        """Return the number of accounts of a job on each shard.

        Raises:
            StoreBusyError: the store did not answer.
        """
        with translated():
            pipeline = self.client.pipeline(transaction=False)
            for shard in range(self.account_shards):
                pipeline.strlen(_handles_key(job.number, shard))
            sizes: list[int] = pipeline.execute()
        return [size // HANDLE_BYTES for size in sizes]

    def replace(self, before: Job, after: Job) -> bool:
        """Replace a job's document if it is still `before`. Returns whether it was.

        Raises:
            StoreBusyError: the store did not confirm.
        """
        arguments: list[Argument] = [_ENCODE(before), _ENCODE(after)]
        with translated():
            return bool(_REPLACE.run(self.client, ScriptCall([_document_key(after.number)], arguments)))

    def clear(self, job: Job) -> None:
        """Delete the handles of a job that has ended, and take it off the queue.

        Raises:
            StoreBusyError: the store did not confirm.
        """
        with translated():
            pipeline = self.client.pipeline(transaction=False)
            for shard in range(self.account_shards):
                pipeline.unlink(_handles_key(job.number, shard))
            pipeline.execute()
            if job.finished_at_ms is not None:
                self.client.zadd(_BY_TIME, {str(job.number): job.finished_at_ms})
            self.client.zrem(_QUEUE, str(job.number))

    def forget_before(self, moment_ms: int) -> None:
        """Delete jobs that ended before a time, and the handles of jobs that were requested before it.

        A job that has not ended fails then, for want of its accounts, and is deleted later.

        Raises:
            StoreBusyError: the store did not confirm. Repeat.
        """
        with translated():
            rows = self.client.zrange(_BY_TIME, "-inf", f"({moment_ms}", byscore=True)
            for number in map(int, cast("list[bytes]", rows)):
                for shard in range(self.account_shards):
                    self.client.unlink(_handles_key(number, shard))
                stored = cast("bytes | None", self.client.get(_document_key(number)))
                if stored is None or _DECODE(stored).state.is_over:
                    self.client.unlink(_document_key(number))
                    self.client.zrem(_BY_TIME, str(number))

    def _append(self, number: int, batch: Sequence[AccountHandle]) -> None:
        packed: dict[int, bytearray] = {}
        for handle in batch:
            packed.setdefault(handle.shard_hash % self.account_shards, bytearray()).extend(handle.name)
        pipeline = self.client.pipeline(transaction=False)
        for shard, names in packed.items():
            pipeline.append(_handles_key(number, shard), bytes(names))
        pipeline.execute()


def _document_key(number: int) -> str:
    return platform_key("jobs", "document", number)


def _handles_key(number: int, shard: int) -> str:
    return platform_key("jobs", "accounts", number, shard)
