"""A job: long work that staff asked for, and how far it has come."""

from __future__ import annotations

from enum import Enum

import msgspec

from privacy.model.standing import Standing
from privacy.vault.settlement import Move


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
        Standing.INAUTHENTIC, (Standing.GOOD, Standing.RESTRICTED, Standing.BANNED, Standing.INAUTHENTIC)
    ),
    JobKind.REINSTATEMENT: Move(Standing.GOOD, (Standing.INAUTHENTIC,)),
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
