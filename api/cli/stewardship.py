"""The steward, wired together."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from privacy.moderation.advisories import Advisories
from privacy.moderation.audit_trail import AuditTrail
from privacy.moderation.jobs import Jobs
from privacy.moderation.rewrite import LogRewriter
from privacy.moderation.unfinished import UnfinishedWork
from privacy.steward.job_runner import JobRunner
from privacy.steward.patterns import Patterns
from privacy.steward.restored import RestoredErasures
from privacy.steward.retention import Sweep
from privacy.steward.sealed import SealedTargets
from privacy.steward.steward import Steward
from privacy.store.connect import connect
from privacy.store.erasure_mark import ErasureMark
from privacy.store.users import STEWARD
from privacy.vault.courtesy import Courtesy
from privacy.vault.erasure import Erasure
from privacy.vault.many import ManyMoves
from privacy.vault.scan import AccountScan
from privacy.vault.settlement import Settlement
from privacy.vault.shards import AccountShards
from privacy.vault.timers import Timers
from privacy.vault.vault import Caps

if TYPE_CHECKING:
    from redis import Redis

    from api.cli.founding import Founded
    from privacy.model.timestamp import Clock
    from privacy.policy_book import PolicyBook
    from privacy.store.erasure_list import ErasureList
    from privacy.store.header import StoreHeader
    from privacy.vault.shards import PseudonymKeys


def make_steward(
    client: Redis,
    header: StoreHeader,
    book: PolicyBook,
    keys: PseudonymKeys,
    erasures: ErasureList,
    clock: Clock,
    courtesy: Courtesy,
) -> Steward:
    """Wire a steward together.

    Args:
        client: of the private room, with the steward's credentials.
        header: of its store.
        book: its policies.
        keys: of the pseudonyms.
        erasures: the list of its erasures, outside of it.
        clock: now, in ms since 1970 UTC.
        courtesy: of this process.
    """
    shards, caps = AccountShards(client, keys, header.account_shards), Caps.of(book)
    retention = book.current.retention
    trail, advisories = AuditTrail(client), Advisories(client)
    jobs = Jobs(client, header.account_shards, retention.job_seconds)
    settlement, scan, mark = Settlement(shards, caps), AccountScan(shards), ErasureMark(client, erasures)
    erasure = Erasure(shards, mark)
    sweep = Sweep(
        shards=shards,
        retention=retention,
        trail=trail,
        jobs=jobs,
        scan=scan,
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
        erasure=erasure,
        unfinished=UnfinishedWork(client),
        advisories=advisories,
        trail=trail,
        rewriter=LogRewriter(client),
        sweep=sweep,
        restored=RestoredErasures(shards, erasure, scan, mark, advisories, trail, retention.backup_seconds),
        courtesy=courtesy,
        closed_seconds=book.closed_seconds,
    )


def erase_again(store: Founded, clock: Clock) -> int:
    """Do erasures again that a store lacks because it was restored, before anything else runs on it.

    Returns:
        How many it lacked.

    Raises:
        StoreError: the list of erasures is damaged, or not the newest one.
        StoreBusyError: the store did not confirm.
    """
    with closing(connect(store.settings, STEWARD, greet=store.header.greet)) as client:
        steward = make_steward(
            client, store.header, store.book, store.keys, store.erasures, clock, Courtesy.to_nobody()
        )
        return steward.restored.step(clock())
