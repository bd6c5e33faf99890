"""A video as the platform declares it: public metadata."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class VideoMetadata:
    """Public metadata of one video; checked by the schema at the door of the platform plane."""

    video_id: str
    posted_at_ms: int
    creator_id: str | None = None
    title: str | None = None
    hashtags: tuple[str, ...] = ()
    sound_id: str | None = None
    duration_seconds: int | None = None
