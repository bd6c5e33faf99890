"""Tries to write a release a second time."""

from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np

from api.audit.scenario import LIKED
from api.replay.in_process import InProcessSystem
from api.runtime.release import make_release_workers
from api.runtime.store_setup import PreparedStore
from privacy.audit.report_model import Finding
from privacy.errors import StoreError
from privacy.mechanism.entropy import EntropySource
from privacy.model.engagement import Kind
from privacy.publishing.publisher import Publisher
from privacy.release.engine import make_releases
from privacy.release.history import MEASUREMENT
from privacy.release.ledger import LedgerHead
from privacy.release.worker import make_commit
from privacy.store.connect import connect
from privacy.store.users import PUBLISHER, RELEASE
from privacy.tally.pending_release import PendingRelease
from privacy.tally.series import DueSeries, TallyShard


def write_once_findings(
    store: PreparedStore,
    in_process: InProcessSystem,
    series: Callable[[], dict[str, DueSeries]],
    entropy: EntropySource,
) -> Iterator[Finding]:
    """Tries every way to repeat a release."""
    before = series()
    again = sum(worker.run_due() for worker in in_process.timeline.workers)
    fresh = make_release_workers(store.settings, store.header, store.erasures, entropy, in_process.clock)
    with closing(fresh[0].shards[0].client):
        again += sum(worker.run_due() for worker in fresh)
    yield Finding(
        "workers after the epoch was released, one of them restarted",
        "no release, and no record changed",
        f"{again} releases; records {'unchanged' if series() == before else 'changed'}",
        again == 0 and series() == before,
    )
    yield _check_drawn_once(before[LIKED])
    in_process.clock.advance_to(before[LIKED].due_ms or 0)
    in_process.timeline.relay.drain()
    yield from _race_two_workers(store, in_process, series()[LIKED], entropy)
    after = series()[LIKED]
    kept = after.measurements.startswith(before[LIKED].measurements)
    yield Finding(
        "measurements of earlier epochs after the next release",
        "the same bytes, followed by new ones",
        "the same" if kept else "changed",
        kept and len(after.measurements) > len(before[LIKED].measurements),
    )


def _check_drawn_once(series: DueSeries) -> Finding:
    rows = np.frombuffer(series.measurements, MEASUREMENT)
    drawn = {(int(step), int(stream)) for step, stream in zip(rows["step"], rows["stream"], strict=True)}
    return Finding(
        "measurements in the tally",
        "one for each stream and step",
        f"{len(rows):,} of {len(drawn):,} streams and steps",
        len(rows) == len(drawn) > 0,
    )


def _race_two_workers(
    store: PreparedStore, in_process: InProcessSystem, due: DueSeries, entropy: EntropySource
) -> Iterator[Finding]:
    """Lets two workers make the same release, then offers the losing one to the gallery."""
    worker = in_process.timeline.workers[0]
    calibration = worker.calibrations(due.state.policy_version, Kind.LIKE)
    with closing(connect(store.settings, RELEASE)) as client:
        shard = TallyShard(client, worker.shards[0].shard)
        before, length = shard.read_ledger_end()
        head = LedgerHead(shard.shard, length, before)
        written = []
        commits = []
        for _ in range(2):
            (release,) = make_releases([due], calibration, entropy)
            entry, after = head.append(release, calibration)
            commits.append(make_commit(release, calibration, entry, in_process.clock()))
            written.append(bool(shard.commit([commits[-1]], head.digest, after.digest)))
        yield Finding(
            "two workers that made the same release at the same time",
            "only the first one writes it",
            f"written: {written}",
            written == [True, False],
        )
    publication = in_process.timeline.publication
    publication.publish(publication.read_last_visible_ms() or 0)
    first, other = (commit.release for commit in commits)
    if other == first:  # neither shows a number: the likes are below the thresholds of the policy
        other += b" "
    lost = PendingRelease.parse(shard.shard, head.length, other, commits[1].ledger_entry)
    yield _try_to_replace(store, lost)


def _try_to_replace(store: PreparedStore, lost: PendingRelease) -> Finding:
    refused = "accepted"
    with closing(connect(store.settings, PUBLISHER)) as client:
        try:
            Publisher(client).publish_releases([lost])
        except StoreError as error:
            refused = f"refused: {error}"
    return Finding(
        "other bytes for a release in the gallery",
        "refused",
        refused,
        refused.startswith("refused"),
    )
