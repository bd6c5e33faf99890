"""Finds videos: lists of the videos of a creator, a hashtag or a sound, and of all, by their time of posting.

A list only grows, and names a video under whatever its metadata ever said: check each video that you find.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from redis import Redis

from privacy.store.connect import translated
from privacy.store.video_lists import VideoList, hashtag_key


@dataclass(frozen=True)
class TargetIndex:
    """Reads lists of videos. Every method raises `StoreBusyError` when the gallery does not answer.

    Args:
        client: must have the public ACL user.
    """

    client: Redis

    def find_videos(
        self,
        videos: VideoList,
        limit: int,
        *,
        after: str | None = None,
        posted_from_ms: int | None = None,
        posted_before_ms: int | None = None,
    ) -> list[str] | None:
        """Find the next videos of a list, the one that was posted last first, and by id at one moment.

        A video keeps its place for good. So whoever reads on after the last one meets each video once that
        was there at the beginning, whatever is added meanwhile.

        Args:
            videos: the list.
            limit: how many at most.
            after: the video that precedes them; None for the first ones.
            posted_from_ms: no video that was posted before, in ms since 1970 UTC.
            posted_before_ms: no video that was posted then or later.

        Returns:
            Their ids; None if the list has no video `after`.
        """
        with translated():
            rank = self._find_rank(videos, after, posted_before_ms)
            if rank is None:
                return None
            rows = self._read_on(videos, rank, after, posted_before_ms, limit)
        return [name for name, posted_ms in rows if posted_from_ms is None or posted_ms >= posted_from_ms]

    def count(self, videos: VideoList) -> int:
        """Count the videos of a list: those that ever named what it is about."""
        with translated():
            return int(self.client.zcard(videos.key))

    def read_first_spelling(self, hashtag: str) -> str | None:
        """Read how a hashtag was first written; None for one that no video ever had."""
        with translated():
            written = cast("bytes | None", self.client.get(hashtag_key(hashtag)))
        return None if written is None else written.decode()

    def _find_rank(self, videos: VideoList, after: str | None, posted_before_ms: int | None) -> int | None:
        """Find the rank from which on to read; of the video `after` its own."""
        if after is not None:
            return cast("int | None", self.client.zrevrank(videos.key, after))
        return (
            0 if posted_before_ms is None else int(self.client.zcount(videos.key, posted_before_ms, "+inf"))
        )

    def _read_on(
        self, videos: VideoList, rank: int, after: str | None, posted_before_ms: int | None, limit: int
    ) -> list[tuple[str, int]]:
        """Read from a rank on, or from further on if videos were added since it was found.

        The rank is that of the video `after`, or of the first one that was posted before.
        """
        while True:
            stop = rank + limit - (after is None)
            found = cast(
                "list[tuple[bytes, float]]", self.client.zrevrange(videos.key, rank, stop, withscores=True)
            )
            rows = [(name.decode(), int(posted_ms)) for name, posted_ms in found]
            if after is not None:
                moved_by = next((place for place, (name, _) in enumerate(rows) if name == after), len(rows))
            elif posted_before_ms is not None:
                moved_by = sum(posted_ms >= posted_before_ms for _, posted_ms in rows)
            else:
                moved_by = 0
            if not moved_by:
                return rows[after is not None :]
            rank += moved_by
