"""A target as the platform declares it: public metadata."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from privacy.model.engagement import TargetType


@dataclass(frozen=True)
class TargetMetadata:
    """Public metadata of one video or creator; checked by the schema at the door of the platform plane.

    Args:
        target_type: video or creator.
        target_id: its identifier, among those of its type.
        starts_at_ms: start of its schedule: when a video was posted, from when on a creator is counted.
        creator_id: who posted a video.
        title: of a video; the name of a creator.
        hashtags: of a video.
        sound_id: of a video.
        duration_seconds: of a video.
    """

    target_type: TargetType
    target_id: str
    starts_at_ms: int
    creator_id: str | None = None
    title: str | None = None
    hashtags: tuple[str, ...] = ()
    sound_id: str | None = None
    duration_seconds: int | None = None
