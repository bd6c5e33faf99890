"""`GET /v1/videos/{video_id}/likes`: the total."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from marshmallow import Schema, fields

from api.http.arguments import Identifier
from api.http.etag import max_age_seconds
from api.http.operation import Answer, Call, Operation, Response, json_answer
from api.public.numbers import PUBLISHED_EXAMPLE, AnswerSchema, Number, NumberSchema, member, number_of
from privacy.model.engagement import Kind

if TYPE_CHECKING:
    from api.public.services import PublicServices

LIKE = Kind.LIKE


class VideoPathSchema(Schema):
    """Path arguments of everything about one video."""

    video_id = Identifier(required=True, metadata={"description": "Id of the video.", "example": "v-4711"})


class LikesSchema(AnswerSchema):
    """Likes of a video."""

    video_id = member(fields.String, "Id of the video.")
    total = fields.Nested(NumberSchema, required=True)


class Likes(msgspec.Struct, frozen=True):
    """Likes of a video."""

    video_id: str
    total: Number


def get_likes(services: PublicServices, call: Call) -> Answer:
    """Answer the total."""
    video_id = call.path["video_id"]
    standing = services.standings.of(video_id, LIKE)
    total = number_of(standing, standing.release.total if standing.release else None)
    return json_answer(
        Likes(video_id, total), max_age_seconds=max_age_seconds(standing.next_release_at_ms, call.now_ms)
    )


OPERATION: Operation[PublicServices] = Operation(
    method="GET",
    path="/v1/videos/{video_id}/likes",
    operation_id="get_likes",
    summary="Likes of a video",
    description="How many accounts like the video: the estimate of the current release with its 95 % "
    "interval. It changes at `next_release_at` and not before, however many likes come in.",
    tag="public",
    scope="read",
    handler=get_likes,
    path_schema=VideoPathSchema,
    responses={200: Response("The total.", LikesSchema, {"video_id": "v-4711", "total": PUBLISHED_EXAMPLE})},
)
