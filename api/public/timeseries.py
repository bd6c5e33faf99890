"""`GET /v1/videos/{video_id}/likes/timeseries`, and the same of every kind: release by release."""

from __future__ import annotations

import msgspec
from marshmallow import fields

from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.pagination import PageSchema, decode_cursor, encode_cursor
from api.http.responses import max_age_seconds
from api.public.kinds import GONE, KindRoutes
from api.public.numbers import (
    BELOW_THRESHOLD,
    PUBLISHED_EXAMPLE,
    SPAN_BELOW_ONE_DAY,
    AnswerSchema,
    Number,
    NumberSchema,
    number,
    required_field,
)
from api.public.services import PublicServices
from privacy.model.documents import Figure, PointDocument
from privacy.model.timestamp import SECONDS_PER_DAY

_LISTING = "timeseries"


class PointSchema(AnswerSchema):
    """One release of the time series."""

    total = fields.Nested(NumberSchema, required=True)
    change_per_day = fields.Nested(NumberSchema, required=True)
    change_span_seconds = required_field(
        fields.Integer,
        "Over how long the change was measured, at least a day; null in the first day.",
        strict=True,
        allow_none=True,
    )


class Point(msgspec.Struct, frozen=True):
    """One release of the time series."""

    total: Number
    change_per_day: Number
    change_span_seconds: int | None


def timeseries_operation(spelling: KindRoutes) -> Operation[PublicServices]:
    """The time series of one kind."""
    target = spelling.target

    def get_timeseries(services: PublicServices, call: Request) -> Response:
        target_id, limit = call.path[target.id_name], call.query["limit"]
        (start,) = decode_cursor(_LISTING, 1, call.query["cursor"]) if "cursor" in call.query else (0,)
        standing = services.standings.of(target_id, spelling.kind)
        points = services.gallery.points(target_id, spelling.kind)
        page = [point for point in points if point.epoch >= start]
        following = page[limit : limit + 1]
        document = {
            target.id_name: target_id,
            "points": [_point(point) for point in page[:limit]],
            "next_cursor": encode_cursor(_LISTING, (following[0].epoch,)) if following else None,
        }
        age_seconds = max_age_seconds(standing.next_release_at_ms, call.now_ms)
        return json_response(document, max_age_seconds=age_seconds)

    return Operation(
        method="GET",
        path=f"{spelling.path}/timeseries",
        operation_id=f"get_{spelling.noun}_timeseries",
        summary=f"{spelling.title} over time",
        description="Every release of the total so far, and how fast it grew: the change since the latest "
        "release at least a day older, by day. Releases never change once they are out.",
        tag="public",
        scope="read",
        handler=get_timeseries,
        path_schema=target.path_schema(),
        query_schema=PageSchema,
        responses={
            200: ResponseDoc(
                "One page, oldest releases first.",
                target.answer_schema(spelling.schema_name("Timeseries"), _MEMBERS),
                {target.id_name: target.example_id, "points": [_POINT_EXAMPLE], "next_cursor": None},
            ),
            410: GONE,
        },
    )


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
    value, low, high = (end * SECONDS_PER_DAY for end in change)
    return (2 * value + span_seconds) // (2 * span_seconds), low // span_seconds, -(-high // span_seconds)


_MEMBERS = {
    "points": fields.List(
        fields.Nested(PointSchema), required=True, metadata={"description": "By epoch, oldest first."}
    ),
    "next_cursor": required_field(fields.String, "For the next page; null on the last one.", allow_none=True),
}
_POINT_EXAMPLE = {
    "total": PUBLISHED_EXAMPLE,
    "change_per_day": PUBLISHED_EXAMPLE | {"value": 310, "ci95": [262, 358]},
    "change_span_seconds": SECONDS_PER_DAY,
}
