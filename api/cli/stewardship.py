"""The steward, wired together."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from privacy.moderation.advisories import Advisories
from privacy.moderation.audit_trail import AuditTrail
from privacy.moderation.jobs import Jobs
from privacy.moderation.rewrite import LogRewriter
from privacy.moderation.unfinished import UnfinishedWork
from privacy.steward.job_runner import JobRunner
from privacy.steward.patterns import Patterns
from privacy.steward.retention import Sweep
from privacy.steward.sealed import SealedTargets
from privacy.steward.steward import Steward
from privacy.vault.erasure import Erasure
from privacy.vault.many import ManyMoves
from privacy.vault.scan import AccountScan
from privacy.vault.settlement import Settlement
from privacy.vault.shards import AccountShards
from privacy.vault.timers import Timers
from privacy.vault.vault import Caps

if TYPE_CHECKING:
    from redis import Redis

    from privacy.model.timestamp import Clock
    from privacy.policy_book import PolicyBook
    from privacy.store.header import StoreHeader
    from privacy.vault.courtesy import Courtesy
    from privacy.vault.shards import PseudonymKeys


def make_steward(
    client: Redis,
    header: StoreHeader,
    book: PolicyBook,
    keys: PseudonymKeys,
    clock: Clock,
    courtesy: Courtesy,
) -> Steward:
    """Wire a steward together.

    Args:
        client: of the private room, with the steward's credentials.
        header: of its store.
        book: its policies.
        keys: of the pseudonyms.
        clock: now, in ms since 1970 UTC.
        courtesy: of this process.
    """
    shards, caps = AccountShards(client, keys, header.account_shards), Caps.of(book)
    retention = book.current.retention
    trail, advisories = AuditTrail(client), Advisories(client)
    jobs = Jobs(client, header.account_shards, retention.job_seconds)
    settlement = Settlement(shards, caps)
    sweep = Sweep(
        shards=shards,
        retention=retention,
        trail=trail,
        jobs=jobs,
        scan=AccountScan(shards),
        sealed=SealedTargets(client, book, header.target_shards),
        patterns=partial(Patterns, book.current.integrity),
        advisories=advisories,
    )
    return Steward(
        client=client,
        clock=clock,
        keys=keys,
        runner=JobRunner(jobs, ManyMoves(shards, caps), trail, clock, courtesy),
        timers=Timers(shards, settlement),
        settlement=settlement,
        erasure=Erasure(shards),
        unfinished=UnfinishedWork(client),
        advisories=advisories,
        trail=trail,
        rewriter=LogRewriter(client),
        sweep=sweep,
        courtesy=courtesy,
        closed_seconds=book.closed_seconds,
    )
