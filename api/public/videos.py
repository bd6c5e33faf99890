"""What is shown of a video beside its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marshmallow import fields

from api.public.kinds import LIKES
from api.public.numbers import AnswerSchema, member
from api.public.targets import Profile
from privacy.model.timestamp import format_timestamp

if TYPE_CHECKING:
    from privacy.gallery.documents import TargetDocument


class VideoSchema(AnswerSchema):
    """Public metadata of a video."""

    video_id = member(fields.String, "Id of the video.")
    creator_id = member(fields.String, "Id of its creator.", allow_none=True)
    title = member(fields.String, "Title.", allow_none=True)
    hashtags = fields.List(
        fields.String(), required=True, metadata={"description": "Hashtags without their #."}
    )
    sound_id = member(fields.String, "Id of the sound.", allow_none=True)
    duration_seconds = member(fields.Integer, "Length.", strict=True, allow_none=True)
    posted_at = member(fields.DateTime, "When it was posted, in UTC; its schedule starts here.", format="iso")
    policy_version = member(fields.String, "The policy it is bound to; see `GET /v1/privacy`.")


def _metadata(target: TargetDocument) -> dict[str, Any]:
    return {
        "video_id": target.target_id,
        "creator_id": target.creator_id,
        "title": target.title,
        "hashtags": target.hashtags,
        "sound_id": target.sound_id,
        "duration_seconds": target.duration_seconds,
        "posted_at": format_timestamp(target.starts_at_ms),
        "policy_version": target.policy_version,
    }


VIDEO_PROFILE = Profile(
    LIKES,
    VideoSchema,
    _metadata,
    {
        "video_id": "v-4711",
        "creator_id": "c-12",
        "title": "Sourdough in 40 seconds",
        "hashtags": ["baking", "sourdough"],
        "sound_id": None,
        "duration_seconds": 40,
        "posted_at": "2026-05-03T12:00:00Z",
        "policy_version": "2026-11-default",
    },
)
