"""A maintenance worker is killed in the middle of a purge: the next one goes on, and all is counted once."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from api.http.system import clock_ms
from privacy.catalogue.catalogue import Catalogue, TargetMetadata
from privacy.model.change import GAINED
from privacy.model.engagement import Kind, Series, TargetType
from privacy.moderation.jobs import Job, JobKind, JobRequest, Jobs
from privacy.store.users import Process
from privacy.tally.outbox_relay import Relay
from privacy.vault.limits import KnownLimits
from privacy.vault.registers import RegisterStore
from privacy.vault.shards import AccountShards
from tests.support.eventually import eventually
from tests.support.prepared_store import prepare_store, process_environment
from tests.support.redis_server import Store
from tests.support.registers import read_changes

BOTS, LIKES, BOTS_PER_BATCH = 2_000, 50, 40


@pytest.mark.parametrize("kills", [3, pytest.param(30, marks=pytest.mark.nightly(part="crash"))])
def test_a_purge_survives_killed_workers(store: Store, tmp_path: Path, kills: int) -> None:
    """Workers are killed at any time and restarted: the job ends, and its report and the tally are exact."""
    prepared = prepare_store(store.settings, tmp_path)
    header, registry = prepared.header, prepared.registry
    posted_at_ms = clock_ms() - 3_600_000
    catalogue = Catalogue(store.platform, header.target_shards, registry.current, lambda _documents: None)
    names = [f"v-{number}" for number in range(LIKES)]
    catalogue.register([TargetMetadata(TargetType.VIDEO, name, posted_at_ms) for name in names], posted_at_ms)
    known = catalogue.lookup(TargetType.VIDEO, names)
    series = [Series(known[name].number, Kind.LIKE).number for name in names]
    limits = KnownLimits(registry, store.platform)
    shards = AccountShards(store.platform, prepared.keys, header.account_shards, limits)
    vault = RegisterStore(shards)
    bots = [f"bot-{number}" for number in range(BOTS)]
    with store.without_fsync():
        for first in range(0, BOTS, BOTS_PER_BATCH):
            vault.record(
                [
                    (bot, number, posted_at_ms + 60_000 * index, GAINED, 0)
                    for bot in bots[first : first + BOTS_PER_BATCH]
                    for index, number in enumerate(series)
                ],
                posted_at_ms,
            )
    jobs = Jobs(store.platform, header.account_shards)
    request = JobRequest(JobKind.PURGE, "tests", "", "a test")
    job = jobs.open(request, [prepared.keys.current.derive_handles(bots)], clock_ms())
    environment = process_environment(prepared.settings, tmp_path, Process.MAINTENANCE)
    for number in range(kills):
        maintenance = start(environment)
        eventually(lambda: moved(store) or is_over(jobs, job), "progress of the purge", 60)
        time.sleep(0.01 * number)  # no wait for a condition: each kill happens at another moment
        maintenance.send_signal(signal.SIGKILL)
        maintenance.wait()
    last = start(environment)
    try:
        ended = eventually(lambda: is_over(jobs, job), "the purge ending", 120)
    finally:
        last.terminate()
        last.wait()
    assert (ended.progress.moved, ended.progress.uncounted) == (BOTS, BOTS * LIKES)
    Relay(store.relay, header).drain()
    assert sum(read_changes(store.root, series, header).values()) == 2 * BOTS * LIKES


def start(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a maintenance worker."""
    command = [sys.executable, "-m", "api.cli", "maintain"]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


def moved(store: Store) -> bool:
    """Return whether some progress is stored."""
    return bool(store.root.keys("v:*:jobs"))


def is_over(jobs: Jobs, job: Job) -> Any:
    """Return the job once it has ended; None before."""
    found = jobs.find(job.number)
    return found if found.state.is_over else None
