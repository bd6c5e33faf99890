"""Which videos a reader asks for: of a creator, a hashtag or a sound, of all, and by time of posting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from marshmallow import Schema

from api.http.arguments import Identifier, Moment
from api.public.audience_routes import HashtagArgument
from api.public.kinds import LIKES
from privacy.gallery.reader import CurrentRelease, GalleryReader
from privacy.gallery.target_index import TargetIndex
from privacy.model.documents import TargetDocument
from privacy.model.spelling import spelling_key
from privacy.store.video_lists import VideoList


class FoundVideos(NamedTuple):
    """Videos of a list, each with its current release of likes.

    Args:
        videos: those that match now and are not taken down, the one that was posted last first.
        last: id of the last video that was looked at, shown or not; None at the end of the list.
    """

    videos: list[CurrentRelease]
    last: str | None


@dataclass(frozen=True)
class VideoFilter:
    """What videos must have in common; None for what does not matter.

    Args:
        creator_id: their creator now.
        hashtag: one of their hashtags now, in any spelling.
        sound_id: their sound now.
        posted_after_ms: they were posted then or later, in ms since 1970 UTC.
        posted_before_ms: they were posted before.
    """

    creator_id: str | None = None
    hashtag: str | None = None
    sound_id: str | None = None
    posted_after_ms: int | None = None
    posted_before_ms: int | None = None

    @property
    def videos(self) -> VideoList:
        """The shortest list that names all of them."""
        if self.creator_id is not None:
            return VideoList.of_creator(self.creator_id)
        if self.sound_id is not None:
            return VideoList.of_sound(self.sound_id)
        return VideoList.of_all() if self.hashtag is None else VideoList.of_hashtag(self.hashtag)

    def matches(self, video: TargetDocument) -> bool:
        """Return whether a video of the list is asked for, by what its metadata says now."""
        return (
            self.creator_id in (None, video.creator_id)
            and self.sound_id in (None, video.sound_id)
            and (self.hashtag is None or spelling_key(self.hashtag) in map(spelling_key, video.hashtags))
        )

    def find(
        self, index: TargetIndex, gallery: GalleryReader, limit: int, after: str | None = None
    ) -> FoundVideos | None:
        """Find videos. A video keeps its place for good, so reading on meets each one once.

        Args:
            index: the lists.
            gallery: where their metadata and releases are read.
            limit: how many are looked at; fewer are found where some were taken down or changed.
            after: the last video of the page before; None for the first page.

        Returns:
            A page; None if the list has no video `after`.

        Raises:
            StoreError: the gallery does not answer or holds damage.
        """
        ids = index.find_videos(
            self.videos,
            limit + 1,
            after=after,
            posted_from_ms=self.posted_after_ms,
            posted_before_ms=self.posted_before_ms,
        )
        if ids is None:
            return None
        looked_at = ids[:limit]
        videos = [
            video
            for video in gallery.read_current_releases(looked_at, LIKES.kind)
            if video and video.target.taken_down is None and self.matches(video.target)
        ]
        return FoundVideos(videos, looked_at[-1] if len(ids) > limit else None)


class VideoFilterSchema(Schema):
    """A filter of videos, as query parameters."""

    creator_id = Identifier(metadata={"description": "Only videos of this creator.", "example": "c-12"})
    hashtag = HashtagArgument(
        metadata={"description": "Only videos with this hashtag, in any spelling.", "example": "baking"}
    )
    sound_id = Identifier(metadata={"description": "Only videos with this sound.", "example": "s-7"})
    posted_after = Moment(metadata={"description": "Only videos that were posted at this time or later."})
    posted_before = Moment(metadata={"description": "Only videos that were posted before this time."})


FILTER_NAMES: Final = ("creator_id", "hashtag", "sound_id", "posted_after", "posted_before")


def make_filter(loaded: Mapping[str, Any]) -> VideoFilter:
    """Return the filter in what was loaded with `VideoFilterSchema`."""
    return VideoFilter(
        creator_id=loaded.get("creator_id"),
        hashtag=loaded.get("hashtag"),
        sound_id=loaded.get("sound_id"),
        posted_after_ms=loaded.get("posted_after"),
        posted_before_ms=loaded.get("posted_before"),
    )
