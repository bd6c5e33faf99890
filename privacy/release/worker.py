"""The release worker: makes the due releases and copies them to the gallery."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource
from privacy.model.engagement import Kind
from privacy.model.timestamp import Clock
from privacy.publishing.publisher import Publisher
from privacy.release.engine import make_releases
from privacy.release.ledger import LedgerHead
from privacy.rollback.release_watermark import ReleaseWatermark
from privacy.tally.series import Commit, DueSeries, PendingRelease, TallyShard

WORKERS_AT_ONCE = 2
"""Workers that one process runs at a time: one computes while the store works for the other."""
BATCH_SERIES = 256
"""Series that are released and written together; bounds the memory and the length of one atomic step."""


@dataclass(frozen=True)
class ReleaseWorker:
    """Releases due series. Any number of workers may run: exactly one of them writes each release.

    Args:
        shards: target shards to serve.
        publisher: writes the gallery.
        calibrations: returns the mechanism for a policy version and kind.
        entropy: source of the noise.
        clock: decides which epochs are over.
        watermark: rollback protection; None for a store that is thrown away.
    """

    shards: Sequence[TallyShard]
    publisher: Publisher
    calibrations: Callable[[str, Kind], Calibration]
    entropy: EntropySource
    clock: Clock
    watermark: ReleaseWatermark | None = None

    def run_due(self) -> int:
        """Release every series whose epoch is over, epoch by epoch, and publish the releases.

        Returns:
            The number of releases written by this worker.

        Raises:
            StoreBusyError: a store did not confirm. Releases written so far stay; calling again continues.
            StoreError: the tally lacks published releases: it was restored from a backup.
        """
        written = 0
        for shard in self.shards:
            while (count := self._release(shard)) is not None:
                written += count
            self.publish(shard)
        return written

    def publish(self, shard: TallyShard) -> None:
        """Copy pending releases to the gallery; copying twice changes nothing."""
        while releases := shard.list_pending(BATCH_SERIES):
            self._copy(shard, releases)

    def _copy(self, shard: TallyShard, releases: Sequence[PendingRelease]) -> None:
        if self.watermark:
            # The entries of these releases are in the ledger already, so its current length covers them.
            self.watermark.advance(shard.shard, shard.count_ledger_entries())
        self.publisher.publish_releases(releases)
        shard.mark_published(releases)

    def _release(self, shard: TallyShard) -> int | None:
        """Write and publish a batch; its size, 0 if another worker was faster, None if nothing is due."""
        # The head is read first. A commit that finds it unchanged proves that no other worker has released
        # a series of this shard since: the due series and the length of the ledger are still as read here.
        before = shard.read_head()
        now_ms = self.clock()
        numbers = shard.list_due(BATCH_SERIES)
        if not numbers:
            return None
        head = LedgerHead(shard.shard, shard.count_ledger_entries(), before)
        if self.watermark:
            self.watermark.check(shard.shard, head.length)
        commits = []
        for calibration, batch in self._by_calibration(shard.read_series(numbers)):
            schedule = calibration.schedule
            for release in make_releases(batch, calibration, self.entropy, now_ms):
                entry, head = head.append(release, calibration)
                state = release.due.state
                next_due_ms = schedule.next_due_ms(state.starts_at_ms, state.epoch)
                commits.append(
                    Commit(
                        release.due,
                        next_due_ms,
                        release.net_changes,
                        release.measurements,
                        release.encoded,
                        release.point,
                        entry,
                    )
                )
        written = shard.commit(commits, before, head.digest)
        if written:
            self._copy(shard, written)
        return len(written)

    def _by_calibration(self, batch: Sequence[DueSeries]) -> Iterator[tuple[Calibration, list[DueSeries]]]:
        def binding(due: DueSeries) -> tuple[str, Kind]:
            return due.state.policy_version, due.state.kind

        for (version, kind), group in groupby(sorted(batch, key=binding), key=binding):
            yield self.calibrations(version, kind), list(group)


def run_together(workers: Sequence[ReleaseWorker]) -> int:
    """Run the due releases of all workers, `WORKERS_AT_ONCE` workers at a time.

    Returns:
        The number of releases written.

    Raises:
        StoreBusyError: a store did not confirm, as in `ReleaseWorker.run_due`; all workers have tried.
    """
    with ThreadPoolExecutor(WORKERS_AT_ONCE, "release") as threads:
        return sum(threads.map(ReleaseWorker.run_due, workers))
