"""Fills the gallery's lists of videos in a store whose videos were registered before there were any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from redis import Redis

from privacy.catalogue.catalogue import parse_document
from privacy.model.documents import TargetDocument
from privacy.model.engagement import TargetType
from privacy.model.sandbox import is_canary
from privacy.publishing.publisher import Publisher
from privacy.store.connect import translated
from privacy.store.keys import tally_key

_RECORDS_PER_CALL: Final = 1_000


@dataclass(frozen=True)
class VideoListBackfill:
    """Publishes every video once more. Canaries are left out: what names them expires.

    Args:
        private: must have the admin ACL user.
        target_shards: number of target shards of the store.
        publisher: writes to the gallery.
    """

    private: Redis
    target_shards: int
    publisher: Publisher

    def run(self) -> int:
        """Fill the lists unless that was done; whatever is registered meanwhile is in them anyway.

        Returns:
            The number of videos.

        Raises:
            StoreBusyError: a store did not confirm; call again.
        """
        if self.publisher.has_video_lists():
            return 0
        videos = chain.from_iterable(map(self._read_shard, range(self.target_shards)))
        count = 0
        while batch := [*islice(videos, _RECORDS_PER_CALL)]:
            self.publisher.publish_targets(batch)
            count += len(batch)
        self.publisher.note_video_lists()
        return count

    def _read_shard(self, shard: int) -> Iterator[TargetDocument]:
        key = tally_key(shard, f"{TargetType.VIDEO.value}s")
        with translated():
            for _, record in self.private.hscan_iter(key, count=_RECORDS_PER_CALL):
                video = parse_document(record)
                if not is_canary(video.target_id):
                    yield video
