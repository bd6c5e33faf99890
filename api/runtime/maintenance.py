"""The maintenance worker, wired together."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from privacy.maintenance.anomalies import CoordinatedActivityDetector
from privacy.maintenance.job_runner import JobRunner
from privacy.maintenance.reapply_erasures import ErasureReplay
from privacy.maintenance.retention_sweep import RetentionSweep
from privacy.maintenance.sealed_series import SealedSeriesCleanup
from privacy.maintenance.throttle import Throttle
from privacy.maintenance.worker import MaintenanceWorker
from privacy.model.timestamp import Clock
from privacy.moderation.advisories import Advisories
from privacy.moderation.aof_rewrite import AofRewriteScheduler
from privacy.moderation.audit_trail import AuditTrail
from privacy.moderation.erasure_procedure import ErasureProcedure
from privacy.moderation.jobs import Jobs
from privacy.moderation.pending import PendingOperations
from privacy.policy.registry import PolicyRegistry
from privacy.rollback.erasure_log import ErasureLog
from privacy.rollback.erasure_watermark import ErasureWatermark
from privacy.store.header import StoreHeader
from privacy.vault.bulk_status import BulkStatusChange
from privacy.vault.erasure import Erasure
from privacy.vault.recount import Recount
from privacy.vault.registers import ContributionCaps
from privacy.vault.scan import AccountScan
from privacy.vault.shards import AccountShards, PseudonymKeys
from privacy.vault.timers import Timers

if TYPE_CHECKING:
    from redis import Redis


def make_maintenance_worker(
    client: Redis,
    header: StoreHeader,
    book: PolicyRegistry,
    keys: PseudonymKeys,
    erasures: ErasureLog,
    clock: Clock,
    throttle: Throttle,
) -> MaintenanceWorker:
    """Wire a maintenance worker together.

    Args:
        client: of the private room, with the maintenance worker's credentials.
        header: of its store.
        book: its policies.
        keys: of the pseudonyms.
        erasures: the list of its erasures, outside of it.
        clock: now, in ms since 1970 UTC.
        throttle: of this process.
    """
    shards, caps = AccountShards(client, keys, header.account_shards), ContributionCaps.of(book)
    retention = book.current.retention
    trail, advisories = AuditTrail(client), Advisories(client)
    jobs = Jobs(client, header.account_shards, retention.job_seconds)
    settlement, scan, mark = Recount(shards, caps), AccountScan(shards), ErasureWatermark(client, erasures)
    pending = PendingOperations(client)
    erasure = ErasureProcedure(client, Erasure(shards, mark), pending, advisories)
    sweep = RetentionSweep(
        shards=shards,
        retention=retention,
        trail=trail,
        jobs=jobs,
        scan=scan,
        sealed=SealedSeriesCleanup(client, book, header.target_shards),
        new_detector=partial(CoordinatedActivityDetector, book.current.integrity),
        advisories=advisories,
    )
    return MaintenanceWorker(
        clock=clock,
        runner=JobRunner(jobs, BulkStatusChange(shards, caps), trail, clock, throttle),
        timers=Timers(shards, settlement),
        recount=settlement,
        erasure=erasure,
        pending=pending,
        trail=trail,
        rewriter=AofRewriteScheduler(client),
        sweep=sweep,
        replay=ErasureReplay(shards, erasure, scan, mark, trail, retention.backup_seconds),
        throttle=throttle,
        tombstone_ttl_seconds=book.closed_seconds,
    )
