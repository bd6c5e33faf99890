"""Moves many accounts to a standing, for a job: step by step, each exactly once, whoever does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from privacy.store.connect import translated
from privacy.store.keys import vault_key
from privacy.store.script import Argument, ScriptCall
from privacy.vault.recount import Move
from privacy.vault.registers import ContributionCaps
from privacy.vault.shards import AccountShards, vault_script

REGISTERS_PER_STEP = 500
"""Registers that one atomic step looks at: some ms, in which the shard's Redis does nothing else."""

_MOVE_MANY = vault_script("follow.lua", "move_many.lua")


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
        over_cap: engagements that found their account's day full.
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
    """What one step is given of one shard.

    Args:
        done: accounts of the job on this shard that are done.
        cursor: place in the next account, 0 at its beginning; good as long as the store runs.
        handles: of the accounts that are next.
    """

    done: int
    cursor: int
    handles: Sequence[bytes]


@dataclass(frozen=True)
class BulkStatusChange:
    """Moves the accounts of jobs.

    Args:
        shards: of a user that may write registers.
        caps: what bounds contributions.
    """

    shards: AccountShards
    caps: ContributionCaps

    def step(
        self, job: int, move: Move, portions: Mapping[int, Chunk], now_ms: int
    ) -> dict[int, tuple[BulkProgress, int]]:
        """Move some accounts of several shards; on disk when this returns.

        Where another one was faster, nothing is done and its progress is answered.

        Args:
            job: number of the job.
            move: to what, and from where it may come; without a time.
            portions: by shard.
            now_ms: the time.

        Returns:
            By shard the progress, and the cursor of the next portion.

        Raises:
            StoreBusyError: the store did not confirm. Do it again.
        """

        def call(shard: int, portion: Chunk) -> ScriptCall:
            return self._call(shard, job, move, portion, now_ms)

        answers = self.shards.run(_MOVE_MANY, portions, call)
        return {shard: (BulkProgress(*answer[:-1]), answer[-1]) for shard, answer in answers.items()}

    def progress(self, job: int) -> list[BulkProgress]:
        """How far a job has come on each shard.

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
        """Drop the progress of a job that is over.

        Raises:
            StoreBusyError: the store did not confirm. Do it again.
        """
        with translated():
            pipeline = self.shards.client.pipeline(transaction=False)
            for shard in range(self.shards.count):
                pipeline.hdel(_progress_key(shard), str(job))
            pipeline.execute()

    def _call(self, shard: int, job: int, move: Move, portion: Chunk, now_ms: int) -> ScriptCall:
        keys = self.shards.keys.current
        accounts = keys.of_handles(portion.handles)
        arguments: list[Argument] = [
            self.shards.prefix(shard),
            keys.key_id,
            now_ms,
            self.caps.daily_cap,
            self.caps.flip_cap,
            job,
            portion.done,
            portion.cursor,
            REGISTERS_PER_STEP,
            int(move.to),
            ",".join(str(int(standing)) for standing in move.allowed_from),
            b"".join(account.pseudonym + account.tombstone for account in accounts),
            b"".join(account.previous_pseudonym for account in accounts),
        ]
        return ScriptCall([*self.shards.script_keys(shard), _progress_key(shard)], arguments)


def _progress_key(shard: int) -> str:
    return vault_key(shard, "jobs")
