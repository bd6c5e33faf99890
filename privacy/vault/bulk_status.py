"""Changes the status of many accounts, for a job: step by step, each exactly once, whoever does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from privacy.store.connect import translated
from privacy.store.keys import vault_key
from privacy.vault.pseudonym import Pseudonymiser
from privacy.vault.recount import StatusTransition
from privacy.vault.shards import AccountShards, ScriptArguments, vault_script

REGISTERS_PER_STEP = 500
"""Registers that one atomic step settles: some ms, in which the shard's Redis does nothing else."""

_BULK_STATUS = vault_script("audiences.lua", "change_status.lua", "bulk_status.lua")


class BulkProgress(NamedTuple):
    """The progress of a job, on one shard or on all of them.

    Args:
        done: accounts that are finished.
        begun: 1 while the next account has its new status, and some of its engagements do not follow it yet.
        moved: accounts that came to the new status.
        unmoved: accounts that had it, or may not come to it from theirs.
        erased: accounts that were erased before.
        not_known: accounts of those that moved of which nothing was stored; the status applies from now on.
        uncounted: engagements that are no longer counted.
        counted: engagements that are newly counted.
        over_cap: 0; earlier versions, whose jobs are read too, decided caps again.
    """

    done: int = 0
    begun: int = 0
    moved: int = 0
    unmoved: int = 0
    erased: int = 0
    not_known: int = 0
    uncounted: int = 0
    counted: int = 0
    over_cap: int = 0

    def plus(self, other: BulkProgress) -> BulkProgress:
        """Return the sum of both."""
        return BulkProgress(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    def counts(self) -> dict[str, int]:
        """Return what was done to accounts and engagements, by name."""
        return {name: count for name, count in self._asdict().items() if name not in ("done", "begun")}


class Chunk(NamedTuple):
    """The accounts of one shard for one step.

    Args:
        done: accounts of the job on this shard that are done.
        cursor: position in the next account, 0 at its beginning; valid as long as the store runs.
        account_handles: of the accounts that are next.
    """

    done: int
    cursor: int
    account_handles: Sequence[bytes]


@dataclass(frozen=True)
class BulkStatusChange:
    """Changes the status of the accounts of jobs.

    Args:
        shards: their client must have an ACL user that may write registers.
    """

    shards: AccountShards

    def step(
        self, job: int, transition: StatusTransition, chunks: Mapping[int, Chunk], now_ms: int
    ) -> dict[int, tuple[BulkProgress, int]]:
        """Changes some accounts of several shards; on disk when this returns.

        Where another worker was faster, this does nothing and returns its progress.

        Args:
            job: number of the job.
            transition: the change; without a time.
            chunks: by shard.
            now_ms: the time.

        Returns:
            The progress and the cursor of the next chunk, by shard.

        Raises:
            StoreBusyError: the store did not confirm. Do it again.
        """

        def arguments(_shard: int, chunk: Chunk, keys: Pseudonymiser) -> ScriptArguments:
            accounts = keys.resolve_handles(chunk.account_handles)
            return {
                "now_ms": now_ms,
                **transition.as_arguments(),
                "job": job,
                "done": chunk.done,
                "cursor": chunk.cursor,
                "budget": REGISTERS_PER_STEP,
                "accounts": b"".join(account.pseudonym + account.tombstone for account in accounts),
                "previous": b"".join(account.previous_pseudonym for account in accounts),
            }

        replies = self.shards.run(_BULK_STATUS, chunks, arguments)
        return {shard: (BulkProgress(*reply[:-1]), reply[-1]) for shard, reply in replies.items()}

    def read_progress(self, job: int) -> list[BulkProgress]:
        """Reads how far a job has come on each shard.

        Raises:
            StoreBusyError: the store did not answer.
        """
        with translated():
            pipeline = self.shards.client.pipeline(transaction=False)
            for shard in range(self.shards.count):
                pipeline.hget(_progress_key(shard), str(job))
            stored: list[bytes | None] = pipeline.execute()
        return [BulkProgress(*map(int, numbers.split())) if numbers else BulkProgress() for numbers in stored]

    def forget(self, job: int) -> None:
        """Drops the progress of a job that is over.

        Raises:
            StoreBusyError: the store did not confirm. Do it again.
        """
        with translated():
            pipeline = self.shards.client.pipeline(transaction=False)
            for shard in range(self.shards.count):
                pipeline.hdel(_progress_key(shard), str(job))
            pipeline.execute()


def _progress_key(shard: int) -> str:
    return vault_key(shard, "jobs")
