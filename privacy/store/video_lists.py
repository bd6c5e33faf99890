"""Names the lists of videos in the gallery: of a creator, a hashtag or a sound, and of all.

A list is a sorted set by time of posting. It only grows, so it names each video that ever belonged to it.
"""

from __future__ import annotations

from typing import NamedTuple

from privacy.model.documents import TargetDocument
from privacy.model.engagement import TargetType
from privacy.model.sandbox import is_canary
from privacy.model.spelling import spelling_key
from privacy.store.keys import gallery_key


class VideoList(NamedTuple):
    """A list of videos.

    Args:
        key: its name in Redis.
    """

    key: str

    @classmethod
    def of_all(cls) -> VideoList:
        """Return the list of all videos but canaries."""
        return cls(gallery_key("videos", "all"))

    @classmethod
    def of_creator(cls, creator_id: str) -> VideoList:
        """Return the list of a creator."""
        return cls(gallery_key("creator-videos", creator_id))

    @classmethod
    def of_hashtag(cls, hashtag: str) -> VideoList:
        """Return the list of a hashtag, in any spelling and without its `#`."""
        return cls(gallery_key("videos", "hashtag", _spell(hashtag)))

    @classmethod
    def of_sound(cls, sound_id: str) -> VideoList:
        """Return the list of a sound."""
        return cls(gallery_key("videos", "sound", sound_id))


def list_memberships(video: TargetDocument) -> list[VideoList]:
    """Return the lists that a video is in: a canary is in that of its creator alone."""
    if video.target_type != TargetType.VIDEO.value:
        return []
    of_creator = [VideoList.of_creator(video.creator_id)] if video.creator_id else []
    if is_canary(video.target_id):
        return of_creator
    of_sound = [VideoList.of_sound(video.sound_id)] if video.sound_id else []
    of_hashtags = [VideoList.of_hashtag(hashtag) for hashtag in video.hashtags]
    return [VideoList.of_all(), *of_creator, *of_sound, *of_hashtags]


def hashtag_key(hashtag: str) -> str:
    """Name the key that holds a hashtag as it was first written."""
    return gallery_key("hashtag", _spell(hashtag))


def _spell(hashtag: str) -> str:
    """Returns what all spellings share; for one without any visible character, what no hashtag is."""
    return spelling_key(hashtag) or "#"
