"""Copies releases to the gallery at the tick from which they are visible.

The moment at which a release appears is seen by everybody, so it follows from public data alone: all
releases of a tick are copied in one pass over all shards, in an order that public data gives, however early
they were made.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple

from privacy.publishing.publisher import Publisher
from privacy.rollback.release_watermark import ReleaseWatermark
from privacy.tally.pending_release import PendingRelease
from privacy.tally.series import TallyShard

WRITING_MS: Final = 1_000
"""Time for which a commit may take: a release that is made closer to its tick might miss it."""
BATCH_RELEASES: Final = 256
"""Releases that are copied together; bounds memory, and the length of each script."""


def visible_at_ms(due_ms: int, delay_ms: int, now_ms: int) -> int:
    """Return from when a release is visible, given that it is written now.

    That is a fixed time after its epoch. A release that is too late for it becomes visible at the next
    multiple of that time, together with all others that are late.

    Args:
        due_ms: end of its epoch.
        delay_ms: the policy's public delay.
        now_ms: the time now.
    """
    on_time_ms, written_by_ms = due_ms + delay_ms, now_ms + WRITING_MS
    return on_time_ms if written_by_ms <= on_time_ms else (written_by_ms // delay_ms + 1) * delay_ms


class _Waiting(NamedTuple):
    """A release that waits; the order of these values is the order of copying."""

    visible_at_ms: int
    shard: int
    sequence: int


@dataclass(frozen=True)
class ReleasePublication:
    """Copies what is visible. Any number may run: copying again changes nothing.

    Args:
        shards: all target shards.
        publisher: writes the gallery.
        watermark: rollback protection; None for a store that is thrown away.
    """

    shards: Sequence[TallyShard]
    publisher: Publisher
    watermark: ReleaseWatermark | None = None

    def publish(self, tick_ms: int) -> int:
        """Copy every release that is visible at a tick, oldest first.

        Returns:
            Number of releases copied.

        Raises:
            StoreBusyError: a store did not confirm; calling again continues.
            StoreError: the gallery holds other bytes for a release: nothing is replaced.
        """
        waiting = sorted(
            _Waiting(at_ms, shard.shard, sequence)
            for shard in self.shards
            for sequence, at_ms in shard.list_visible(tick_ms)
        )
        if self.watermark and waiting:
            # A sequence number is the place of an entry in the ledger. What still waits was seen by nobody.
            lengths: dict[int, int] = {}
            for each in waiting:
                lengths[each.shard] = max(lengths.get(each.shard, 0), each.sequence + 1)
            for number, length in lengths.items():
                self.watermark.advance(number, length)
        starts = range(0, len(waiting), BATCH_RELEASES)
        self._copy([waiting[start : start + BATCH_RELEASES] for start in starts])
        return len(waiting)

    def read_last_visible_ms(self) -> int | None:
        """Return from when the last waiting release is visible; None if none waits."""
        moments = [shard.read_last_visible_ms() for shard in self.shards]
        return max((moment for moment in moments if moment is not None), default=None)

    def _copy(self, batches: Sequence[Sequence[_Waiting]]) -> None:
        """Copy batch after batch; while the gallery takes one, the tally gives the next one."""
        with ThreadPoolExecutor(1, "tally") as tally:
            reads = [tally.submit(self._read, batch) for batch in batches[:1]]
            marks = []
            for place, batch in enumerate(batches):
                releases = reads.pop().result()
                reads += [tally.submit(self._read, following) for following in batches[place + 1 : place + 2]]
                self.publisher.publish_releases(releases)
                marks.append(tally.submit(self._mark, batch))
            for mark in marks:
                mark.result()

    def _read(self, batch: Sequence[_Waiting]) -> list[PendingRelease]:
        shards = {shard.shard: shard for shard in self.shards}
        return [
            release
            for number, group in groupby(batch, key=lambda waiting: waiting.shard)
            for release in shards[number].read_pending([waiting.sequence for waiting in group])
        ]

    def _mark(self, batch: Sequence[_Waiting]) -> None:
        shards = {shard.shard: shard for shard in self.shards}
        for number in dict.fromkeys(waiting.shard for waiting in batch):
            shards[number].mark_published([each.sequence for each in batch if each.shard == number])
