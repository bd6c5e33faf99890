"""The steward, wired together."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from privacy.maintenance.anomalies import Patterns
from privacy.maintenance.job_runner import JobRunner
from privacy.maintenance.reapply_erasures import RestoredErasures
from privacy.maintenance.retention_sweep import Sweep
from privacy.maintenance.sealed_series import SealedTargets
from privacy.maintenance.throttle import Courtesy
from privacy.maintenance.worker import Steward
from privacy.model.timestamp import Clock
from privacy.moderation.advisories import Advisories
from privacy.moderation.aof_rewrite import LogRewriter
from privacy.moderation.audit_trail import AuditTrail
from privacy.moderation.jobs import Jobs
from privacy.moderation.pending import UnfinishedWork
from privacy.policy.enrolled import PolicyBook
from privacy.rollback.erasure_log import ErasureList
from privacy.rollback.erasure_watermark import ErasureMark
from privacy.store.header import StoreHeader
from privacy.vault.bulk_settlement import ManyMoves
from privacy.vault.erasure import Erasure
from privacy.vault.registers import Caps
from privacy.vault.scan import AccountScan
from privacy.vault.settlement import Settlement
from privacy.vault.shards import AccountShards, PseudonymKeys
from privacy.vault.timers import Timers

if TYPE_CHECKING:
    from redis import Redis


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
