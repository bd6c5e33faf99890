"""The maintenance process: runs staff jobs, expirations and retention sweeps."""

from functools import partial
from typing import Final

from redis import Redis

from api.http.system import clock_ms, monotonic_seconds, uptime
from api.runtime.policy_source import read_policy
from api.runtime.poll import PollInterval, poll, report_busy
from api.runtime.stop_signal import stop_on_signal
from api.runtime.store_check import require_healthy_store
from privacy.maintenance.anomalies import CoordinatedActivityDetector
from privacy.maintenance.audience_closing import AudienceCloser
from privacy.maintenance.job_runner import JobRunner
from privacy.maintenance.reapply_erasures import ErasureReplay
from privacy.maintenance.retention_sweep import RetentionSweep
from privacy.maintenance.sealed_series import SealedSeriesCleanup
from privacy.maintenance.throttle import ActivityCounter, Throttle
from privacy.maintenance.worker import MaintenanceWorker
from privacy.model.timestamp import Clock
from privacy.moderation.advisories import Advisories
from privacy.moderation.aof_rewrite import AofRewriteScheduler
from privacy.moderation.audit_trail import AuditTrail
from privacy.moderation.erasure_procedure import ErasureProcedure
from privacy.moderation.jobs import Jobs
from privacy.moderation.pending import PendingOperations
from privacy.policy.registry import PolicyRegistry, read_policy_registry
from privacy.rollback.erasure_log import ErasureLog
from privacy.rollback.erasure_watermark import ErasureWatermark
from privacy.store.clock import MAX_AGE_MS, StoreClock
from privacy.store.connect import connect
from privacy.store.header import StoreHeader
from privacy.store.settings import Settings
from privacy.store.users import MAINTENANCE
from privacy.vault.bulk_status import BulkStatusChange
from privacy.vault.erasure import Erasure
from privacy.vault.limits import KnownLimits, require_limits_in_force
from privacy.vault.pseudonym_key_file import load_store_keys
from privacy.vault.recount import Recount
from privacy.vault.scan import AccountScan
from privacy.vault.shards import AccountShards, PseudonymKeys
from privacy.vault.timers import Timers

_INTERVAL: Final = PollInterval(idle_seconds=0.2)
"""A job should begin while the person who requested it still watches."""


def make_maintenance_worker(
    client: Redis,
    header: StoreHeader,
    registry: PolicyRegistry,
    keys: PseudonymKeys,
    erasures: ErasureLog,
    clock: Clock,
    throttle: Throttle,
    *,
    believed_clock: Clock | None = None,
) -> MaintenanceWorker:
    """Returns a maintenance worker.

    Args:
        client: connection to the private room as the maintenance user.
        header: of the store.
        registry: the store's policies.
        keys: pseudonym keys.
        erasures: the store's erasure log.
        clock: current time in ms since 1970 UTC.
        throttle: of this process.
        believed_clock: `AccountShards.clock`: that of the store as far as it is believed.
    """
    limits = KnownLimits(registry, client)
    shards = AccountShards(client, keys, header.account_shards, limits, clock=believed_clock)
    retention = registry.current.retention
    trail, advisories = AuditTrail(client), Advisories(client)
    jobs = Jobs(client, header.account_shards)
    recount, scan, watermark = Recount(shards), AccountScan(shards), ErasureWatermark(client, erasures)
    pending = PendingOperations(client)
    erasure = ErasureProcedure(client, Erasure(shards, watermark), pending, advisories)
    sweep = RetentionSweep(
        shards=shards,
        retention=retention,
        trail=trail,
        jobs=jobs,
        scan=scan,
        sealed=SealedSeriesCleanup(client, registry, header.target_shards),
        new_detector=partial(CoordinatedActivityDetector, registry.current.integrity),
        advisories=advisories,
    )
    return MaintenanceWorker(
        clock=clock,
        runner=JobRunner(jobs, BulkStatusChange(shards), trail, clock, throttle),
        timers=Timers(shards, recount),
        recount=recount,
        erasure=erasure,
        pending=pending,
        trail=trail,
        rewriter=AofRewriteScheduler(client),
        sweep=sweep,
        replay=ErasureReplay(shards, erasure, scan, watermark, trail, retention.backup_seconds),
        audiences=AudienceCloser(shards, header.target_shards, registry),
        throttle=throttle,
    )


def run_maintenance(settings: Settings) -> None:
    """Maintains the store until SIGTERM or SIGINT.

    Raises:
        PolicyError: the policy breaks a rule, or is not registered in the store.
        StoreError: the settings or the store do not allow it.
    """
    header = require_healthy_store(settings.store, MAINTENANCE, clock_ms)
    keys = PseudonymKeys(partial(load_store_keys, settings.pseudonym_key_file, header))
    erasures = ErasureLog(settings.rollback_guard_dir, header.store_id)
    client = connect(settings.store, MAINTENANCE, greet=header.greet)
    registry = read_policy_registry(client, read_policy(settings.policy_file).policy)
    require_limits_in_force(client, header.account_shards, KnownLimits(registry, client))
    with stop_on_signal() as stop:
        throttle = Throttle(ActivityCounter(client, header.account_shards), monotonic_seconds, stop.wait)
        clock = StoreClock(client, clock_ms, uptime, MAX_AGE_MS)
        parts = client, header, registry, keys, erasures, clock, throttle
        worker = make_maintenance_worker(*parts, believed_clock=clock)
        poll(worker.step, stop.wait, _INTERVAL, report_busy("maintenance"))
