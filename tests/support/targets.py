"""Targets as tests register them."""

from typing import Any

from privacy.catalogue.catalogue import TargetMetadata
from privacy.model.engagement import TargetType


def a_video(video_id: str, starts_at_ms: int = 0, **more: Any) -> TargetMetadata:
    """A video, posted then."""
    return TargetMetadata(TargetType.VIDEO, video_id, starts_at_ms, **more)


def a_creator(creator_id: str, starts_at_ms: int = 0, **more: Any) -> TargetMetadata:
    """A creator, counted from then."""
    return TargetMetadata(TargetType.CREATOR, creator_id, starts_at_ms, **more)
