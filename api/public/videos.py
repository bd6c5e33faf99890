"""`GET /v1/videos/{video_id}` and `GET /v1/videos?ids=…`: public metadata, as the platform declared it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from marshmallow import Schema, fields

from api.http.arguments import IdentifierList
from api.http.operation import Answer, Call, Operation, Response, json_answer
from api.public.likes import LIKE, VideoPathSchema
from api.public.numbers import PUBLISHED_EXAMPLE, AnswerSchema, Number, NumberSchema, member, number_of
from privacy.errors import NotFoundError
from privacy.model.timestamp import format_timestamp

if TYPE_CHECKING:
    from api.public.services import PublicServices
    from privacy.gallery.documents import TargetDocument

MOST_IDS = 100
METADATA_MAX_AGE_SECONDS = 10
"""Metadata may change at any time, unlike releases."""


class VideosQuerySchema(Schema):
    """Which videos."""

    ids = IdentifierList(
        MOST_IDS,
        required=True,
        metadata={
            "description": f"Up to {MOST_IDS} ids with commas between; order and repetition do not matter.",
            "example": ["v-4711", "v-4712"],
        },
    )


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


class VideoWithLikesSchema(VideoSchema):
    """A video and its likes."""

    likes = fields.Nested(NumberSchema, required=True)


class VideosSchema(AnswerSchema):
    """Several videos."""

    videos = fields.List(
        fields.Nested(VideoWithLikesSchema),
        required=True,
        metadata={"description": "In the order of their ids."},
    )
    unknown_ids = fields.List(
        fields.String(),
        required=True,
        data_key="unknown",
        metadata={"description": "Ids of no video, in order."},
    )


class Video(msgspec.Struct, frozen=True):
    """Public metadata of a video."""

    video_id: str
    creator_id: str | None
    title: str | None
    hashtags: list[str]
    sound_id: str | None
    duration_seconds: int | None
    posted_at: str
    policy_version: str

    @classmethod
    def of(cls, target: TargetDocument, **more: Number) -> Video:
        """Show a target."""
        return cls(
            video_id=target.target_id,
            creator_id=target.creator_id,
            title=target.title,
            hashtags=target.hashtags,
            sound_id=target.sound_id,
            duration_seconds=target.duration_seconds,
            posted_at=format_timestamp(target.starts_at_ms),
            policy_version=target.policy_version,
            **more,
        )


class VideoWithLikes(Video, frozen=True, kw_only=True):
    """A video and its likes."""

    likes: Number


class Videos(msgspec.Struct, frozen=True):
    """Several videos."""

    videos: list[Video]
    unknown: list[str]


def get_video(services: PublicServices, call: Call) -> Answer:
    """Answer one video.

    Raises:
        NotFoundError: there is no such video.
    """
    standing = services.gallery.standing(call.path["video_id"], LIKE)
    if standing is None:
        raise NotFoundError(f"there is no video {call.path['video_id']}")
    return json_answer(Video.of(standing.target), max_age_seconds=METADATA_MAX_AGE_SECONDS)


def get_videos(services: PublicServices, call: Call) -> Answer:
    """Answer several videos: one answer for one set of ids, however it is spelled."""
    video_ids = sorted(set(call.query["ids"]))
    videos: list[Video] = []
    unknown = []
    for video_id, standing in zip(video_ids, services.gallery.standings(video_ids, LIKE), strict=True):
        if standing is None:
            unknown.append(video_id)
            continue
        likes = number_of(standing, standing.release.total if standing.release else None)
        videos.append(VideoWithLikes.of(standing.target, likes=likes))
    return json_answer(Videos(videos, unknown), max_age_seconds=METADATA_MAX_AGE_SECONDS)


_EXAMPLE = {
    "video_id": "v-4711",
    "creator_id": "c-12",
    "title": "Sourdough in 40 seconds",
    "hashtags": ["baking", "sourdough"],
    "sound_id": None,
    "duration_seconds": 40,
    "posted_at": "2026-05-03T12:00:00Z",
    "policy_version": "2026-11-default",
}
OPERATIONS: tuple[Operation[PublicServices], ...] = (
    Operation(
        method="GET",
        path="/v1/videos",
        operation_id="get_videos",
        summary="Several videos with their likes",
        description="Metadata and totals of up to 100 videos; ids that are no video are listed.",
        tag="public",
        scope="read",
        handler=get_videos,
        query_schema=VideosQuerySchema,
        responses={
            200: Response(
                "The videos.",
                VideosSchema,
                {"videos": [_EXAMPLE | {"likes": PUBLISHED_EXAMPLE}], "unknown": ["v-4712"]},
            )
        },
    ),
    Operation(
        method="GET",
        path="/v1/videos/{video_id}",
        operation_id="get_video",
        summary="A video",
        description="Public metadata of a video.",
        tag="public",
        scope="read",
        handler=get_video,
        path_schema=VideoPathSchema,
        responses={200: Response("The video.", VideoSchema, _EXAMPLE)},
    ),
)
