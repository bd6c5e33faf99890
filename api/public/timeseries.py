"""`GET /v1/videos/{video_id}/likes/timeseries`: the total and its change, release by release."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from marshmallow import fields

from api.http.etag import max_age_seconds
from api.http.operation import Answer, Call, Operation, Response, json_answer
from api.http.pagination import PageSchema, decode_cursor, encode_cursor
from api.public.likes import LIKE, VideoPathSchema
from api.public.numbers import (
    BELOW_THRESHOLD,
    PUBLISHED_EXAMPLE,
    SPAN_BELOW_ONE_DAY,
    AnswerSchema,
    Number,
    NumberSchema,
    member,
    number,
)

if TYPE_CHECKING:
    from api.public.services import PublicServices
    from privacy.gallery.documents import Figure, PointDocument

_LISTING = "timeseries"
_SECONDS_A_DAY = 86_400


class PointSchema(AnswerSchema):
    """One release of the time series."""

    total = fields.Nested(NumberSchema, required=True)
    change_per_day = fields.Nested(NumberSchema, required=True)
    change_span_seconds = member(
        fields.Integer,
        "Over how long the change was measured, at least a day; null in a video's first day.",
        strict=True,
        allow_none=True,
    )


class TimeseriesSchema(AnswerSchema):
    """The time series of a video."""

    video_id = member(fields.String, "Id of the video.")
    points = fields.List(
        fields.Nested(PointSchema), required=True, metadata={"description": "By epoch, oldest first."}
    )
    next_cursor = member(fields.String, "For the next page; null on the last one.", allow_none=True)


class Point(msgspec.Struct, frozen=True):
    """One release of the time series."""

    total: Number
    change_per_day: Number
    change_span_seconds: int | None


class Timeseries(msgspec.Struct, frozen=True):
    """The time series of a video."""

    video_id: str
    points: list[Point]
    next_cursor: str | None


def get_timeseries(services: PublicServices, call: Call) -> Answer:
    """Answer one page of the time series.

    Raises:
        InvalidInputError: the cursor is none of this list.
        NotFoundError: there is no such video.
    """
    video_id, limit = call.path["video_id"], call.query["limit"]
    (start,) = decode_cursor(_LISTING, 1, call.query["cursor"]) if "cursor" in call.query else (0,)
    standing = services.standings.of(video_id, LIKE)
    page = [point for point in services.gallery.points(video_id, LIKE) if point.epoch >= start]
    following = page[limit : limit + 1]
    document = Timeseries(
        video_id=video_id,
        points=[_point(point) for point in page[:limit]],
        next_cursor=encode_cursor(_LISTING, (following[0].epoch,)) if following else None,
    )
    return json_answer(document, max_age_seconds=max_age_seconds(standing.next_release_at_ms, call.now_ms))


def _point(point: PointDocument) -> Point:
    change = per_day(point.change, point.change_span_seconds)
    reason = BELOW_THRESHOLD if point.change_span_seconds else SPAN_BELOW_ONE_DAY
    return Point(
        total=number(point.total, point),
        change_per_day=number(change, point, reason),
        change_span_seconds=point.change_span_seconds,
    )


def per_day(change: Figure | None, span_seconds: int | None) -> Figure | None:
    """A change as a rate: rounded to the nearest integer, its interval outwards."""
    if change is None or not span_seconds:
        return None
    value, low, high = (end * _SECONDS_A_DAY for end in change)
    return (2 * value + span_seconds) // (2 * span_seconds), low // span_seconds, -(-high // span_seconds)


OPERATION: Operation[PublicServices] = Operation(
    method="GET",
    path="/v1/videos/{video_id}/likes/timeseries",
    operation_id="get_timeseries",
    summary="Likes of a video over time",
    description="Every release of the total so far, and how fast it grew: the change since the latest "
    "release at least a day older, by day. Releases never change once they are out.",
    tag="public",
    scope="read",
    handler=get_timeseries,
    path_schema=VideoPathSchema,
    query_schema=PageSchema,
    responses={
        200: Response(
            "One page, oldest releases first.",
            TimeseriesSchema,
            {
                "video_id": "v-4711",
                "points": [
                    {
                        "total": PUBLISHED_EXAMPLE,
                        "change_per_day": PUBLISHED_EXAMPLE | {"value": 310, "ci95": [262, 358]},
                        "change_span_seconds": _SECONDS_A_DAY,
                    }
                ],
                "next_cursor": None,
            },
        )
    },
)
