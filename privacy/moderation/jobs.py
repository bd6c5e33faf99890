"""Where jobs are kept: a document, the accounts that are to be done as handles by shard, and a queue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, cast

import msgspec

from privacy.errors import NotFoundError
from privacy.model.account_status import AccountStatus
from privacy.store.connect import translated
from privacy.store.keys import platform_key
from privacy.store.script import Argument, Script, ScriptCall
from privacy.vault.pseudonym import HANDLE_BYTES, AccountHandle
from privacy.vault.recount import Move

if TYPE_CHECKING:
    from redis import Redis


class JobKind(Enum):
    """What a job does with its accounts, as it is spelled outside."""

    PURGE = "purge"
    """They are bots: nothing of them is counted, with the reason `inauthentic`."""
    REINSTATEMENT = "reinstatement"
    """They are none after all."""

    @property
    def move(self) -> Move:
        """The change of standing."""
        return _MOVES[self]


# What an owner decided stands: a deleted account is erased in the end, one that objects counts nowhere.
_MOVES = {
    JobKind.PURGE: Move(
        AccountStatus.INAUTHENTIC,
        (AccountStatus.GOOD, AccountStatus.RESTRICTED, AccountStatus.BANNED, AccountStatus.INAUTHENTIC),
    ),
    JobKind.REINSTATEMENT: Move(AccountStatus.GOOD, (AccountStatus.INAUTHENTIC,)),
}


class JobState(Enum):
    """Where a job stands, as it is spelled outside."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self in (JobState.DONE, JobState.FAILED)


class JobCounts(msgspec.Struct, frozen=True):
    """What a job has done so far.

    Args:
        moved: accounts that came to their new standing.
        unmoved: accounts that had it, or may not come to it from theirs.
        erased: accounts that were erased before.
        not_known: accounts of those that moved of which nothing was held; it holds for what is to come.
        uncounted: engagements that are not counted any more.
        counted: engagements that are counted now and were not.
        over_cap: engagements that found their account's day full.
    """

    moved: int = 0
    unmoved: int = 0
    erased: int = 0
    not_known: int = 0
    uncounted: int = 0
    counted: int = 0
    over_cap: int = 0


class Job(msgspec.Struct, frozen=True):
    """One job; it names no account.

    Args:
        number: counts jobs from 1.
        kind: what it does.
        owner: whose API key asked for it.
        key_id: which one.
        note: why.
        created_at_ms: when it was asked for.
        accounts: how many it was given.
        state: where it stands.
        done: accounts that it is through with.
        counts: what it has done.
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
    done: int = 0
    counts: JobCounts = JobCounts()
    finished_at_ms: int | None = None
    failure: str | None = None


_REPLACE = Script.packaged("privacy.moderation", "replace_job.lua")
_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(Job).decode
_COUNT, _QUEUE = platform_key("jobs", "count"), platform_key("jobs", "queue")
_LOST_AFTER_MS = 600_000
"""A queued number without a document is one whose maker ended in between: its caller got no answer."""


class JobOrder(msgspec.Struct, frozen=True):
    """Who asks for what.

    Args:
        kind: what is to be done.
        owner: whose API key asks.
        key_id: which one.
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
        oldest_number: that was looked for; there are older ones only if it is above 1.
    """

    jobs: list[Job]
    oldest_number: int


@dataclass(frozen=True)
class Jobs:
    """Keeps jobs.

    Args:
        client: of a user that may.
        account_shards: of this store.
        keep_seconds: life of a job after its end; nothing of one lives so long before it.
    """

    client: Redis
    account_shards: int
    keep_seconds: int

    def open(self, order: JobOrder, batches: Iterable[Sequence[AccountHandle]], now_ms: int) -> Job:
        """Queue a job; on disk when this returns.

        Args:
            order: who asks for what.
            batches: the accounts, in as many parts as is convenient.
            now_ms: the time.

        Raises:
            StoreBusyError: the store did not confirm. What is there of it does nothing, and lapses.
        """
        with translated():
            number = int(self.client.incr(_COUNT))
            accounts = 0
            for batch in batches:
                accounts += len(batch)
                self._append(number, batch)
            job = Job(number, order.kind, order.owner, order.key_id, order.note, now_ms, accounts)
            self.client.zadd(_QUEUE, {str(number): now_ms})
            self.client.set(_document(number), _ENCODE(job), ex=self.keep_seconds)
        return job

    def find(self, number: int) -> Job:
        """A job.

        Raises:
            NotFoundError: there is none, or not any more.
        """
        with translated():
            stored = cast("bytes | None", self.client.get(_document(number)))
        if stored is None:
            raise NotFoundError(f"there is no job {number}; jobs are kept for a time after their end")
        return _DECODE(stored)

    def page(self, before: int | None, limit: int) -> JobPage:
        """Jobs, newest first.

        Args:
            before: those with smaller numbers; None for the newest.
            limit: look at so many numbers; some of them may be gone.
        """
        with translated():
            last = cast("bytes | None", self.client.get(_COUNT))
            top = int(last or 0) + 1 if before is None else before
            numbers = range(max(1, top - limit), top)
            if not numbers:
                return JobPage([], 1)
            pipeline = self.client.pipeline(transaction=False)
            for number in reversed(numbers):
                pipeline.get(_document(number))
            stored: list[bytes | None] = pipeline.execute()
        return JobPage([_DECODE(document) for document in stored if document], numbers[0])

    def queued(self, now_ms: int) -> list[Job]:
        """Jobs that are not over, oldest first."""
        with translated():
            rows = self.client.zrange(_QUEUE, 0, -1, withscores=True)
            jobs = []
            for number, made_ms in cast("list[tuple[bytes, float]]", rows):
                stored = cast("bytes | None", self.client.get(_document(int(number))))
                if stored:
                    jobs.append(_DECODE(stored))
                elif now_ms - made_ms > _LOST_AFTER_MS:
                    self.client.zrem(_QUEUE, number)
        return jobs

    def handles(self, job: Job, firsts: Mapping[int, int], count: int) -> dict[int, list[bytes]]:
        """The accounts of a job that are next.

        Args:
            job: which one.
            firsts: by shard, how many of its accounts are passed over.
            count: at most so many of each shard.
        """
        with translated():
            pipeline = self.client.pipeline(transaction=False)
            for shard, first in firsts.items():
                start = first * HANDLE_BYTES
                pipeline.getrange(_items(job.number, shard), start, start + count * HANDLE_BYTES - 1)
            packed: list[bytes] = pipeline.execute()
        return {
            shard: [raw[at : at + HANDLE_BYTES] for at in range(0, len(raw), HANDLE_BYTES)]
            for shard, raw in zip(firsts, packed, strict=True)
        }

    def counted(self, job: Job) -> list[int]:
        """How many accounts of a job are on each shard."""
        with translated():
            pipeline = self.client.pipeline(transaction=False)
            for shard in range(self.account_shards):
                pipeline.strlen(_items(job.number, shard))
            sizes: list[int] = pipeline.execute()
        return [size // HANDLE_BYTES for size in sizes]

    def replace(self, before: Job, after: Job) -> bool:
        """Write how far a job has come, unless somebody else has written in between; true if so."""
        arguments: list[Argument] = [_ENCODE(before), _ENCODE(after), self.keep_seconds]
        with translated():
            return bool(_REPLACE.run(self.client, ScriptCall([_document(after.number)], arguments)))

    def clear(self, job: Job) -> None:
        """Drop the accounts of a job that is over, and take it off the queue."""
        with translated():
            pipeline = self.client.pipeline(transaction=False)
            for shard in range(self.account_shards):
                pipeline.unlink(_items(job.number, shard))
            pipeline.execute()
            self.client.zrem(_QUEUE, str(job.number))

    def _append(self, number: int, batch: Sequence[AccountHandle]) -> None:
        packed: dict[int, bytearray] = {}
        for handle in batch:
            packed.setdefault(handle.shard_hash % self.account_shards, bytearray()).extend(handle.name)
        pipeline = self.client.pipeline(transaction=False)
        for shard, names in packed.items():
            pipeline.append(_items(number, shard), bytes(names))
            pipeline.expire(_items(number, shard), self.keep_seconds)
        pipeline.execute()


def _document(number: int) -> str:
    return platform_key("jobs", "document", number)


def _items(number: int, shard: int) -> str:
    return platform_key("jobs", "accounts", number, shard)
