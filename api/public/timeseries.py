"""`GET /v1/videos/{video_id}/likes/timeseries`, and the same for every kind: release by release."""

import msgspec
from marshmallow import fields

from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.pagination import CURSOR_RULE, PageSchema, decode_cursor, encode_cursor
from api.http.responses import max_age_seconds
from api.public.access.readable import require_readable_target
from api.public.kinds import GONE_DOC, KindRoutes
from api.public.numbers import (
    BELOW_THRESHOLD,
    NOT_MODELLED,
    PUBLISHED_EXAMPLE,
    SPAN_BELOW_ONE_DAY,
    Number,
    is_overdue,
    make_number,
    number_field,
)
from api.public.response_fields import ResponseSchema, list_field, next_cursor_field, required_field
from api.public.services import PublicServices
from privacy.errors import InvalidInputError
from privacy.model.documents import Figure, PointDocument
from privacy.model.timestamp import SECONDS_PER_DAY

_LISTING = "timeseries"


class PointSchema(ResponseSchema):
    """One release of the time series."""

    total = number_field("The total of this release.")
    smoothed = number_field(
        "The total by a model, from all measurements up to this release. It is more precise than `total` "
        "where a count grows as counts usually do: quickly at first, slowly later. `total` assumes nothing, "
        "and is right on average for every count. The interval is that of the model."
    )
    change_per_day = number_field(
        "Its change since the latest release that is at least a day older, per day. It may be about fewer "
        "than k accounts."
    )
    change_span_seconds = required_field(
        fields.Integer,
        "Length of time over which the change was measured, at least one day; null during the first day.",
        strict=True,
        allow_none=True,
    )


class Point(msgspec.Struct, frozen=True):
    """One release of the time series."""

    total: Number
    smoothed: Number
    change_per_day: Number
    change_span_seconds: int | None


def make_timeseries_operation(routes: KindRoutes) -> Operation[PublicServices]:
    """Returns the operation that reads the time series of one kind."""
    target = routes.target

    def get_timeseries(services: PublicServices, request: Request) -> Response:
        target_id, limit = request.path[target.id_name], request.query["limit"]
        require_readable_target(services.gallery, request.key, target.target_type, target_id)
        (start,) = decode_cursor(_LISTING, 1, request.query["cursor"]) if "cursor" in request.query else (0,)
        current = services.cache.get(target_id, routes.kind)
        points = services.gallery.read_points(target_id, routes.kind)
        if points and start > points[-1].epoch:
            raise InvalidInputError("cursor", "is not a cursor of this list", CURSOR_RULE)
        page = [point for point in points if point.epoch >= start]
        overdue = is_overdue(points[-1].next_release_at_ms, request.now_ms) if points else False
        following = page[limit : limit + 1]
        document = {
            target.id_name: target_id,
            "points": [
                _build_point(point, overdue=point is points[-1] and overdue) for point in page[:limit]
            ],
            "next_cursor": encode_cursor(_LISTING, (following[0].epoch,)) if following else None,
        }
        age_seconds = max_age_seconds(current.next_release_at_ms, request.now_ms)
        return json_response(document, max_age_seconds=age_seconds)

    return Operation(
        method="GET",
        path=f"{routes.path}/timeseries",
        operation_id=f"get_{routes.noun}_timeseries",
        summary=f"{routes.title} over time",
        description="Every release of the total so far, the same total by a model (`smoothed`), and its rate "
        "of growth: the change per day since the latest release that is at least one day older. A published "
        "total is about at least k accounts; a change may be about fewer. Published releases never change.",
        tag="public",
        scope="read",
        rows="points",
        limited="checked",
        handler=get_timeseries,
        path_schema=target.make_path_schema(),
        query_schema=PageSchema,
        responses={
            200: ResponseDoc(
                "One page, oldest releases first.",
                target.make_response_schema(routes.name_schema("Timeseries"), _MEMBERS),
                {target.id_name: target.example_id, "points": [POINT_EXAMPLE], "next_cursor": None},
            ),
            410: GONE_DOC,
        },
    )


def _build_point(point: PointDocument, *, overdue: bool) -> Point:
    change = to_daily_rate(point.change, point.change_span_seconds)
    reason = BELOW_THRESHOLD if point.change_span_seconds else SPAN_BELOW_ONE_DAY
    unmodelled = NOT_MODELLED if point.total else BELOW_THRESHOLD
    return Point(
        total=make_number(point.total, point, overdue=overdue),
        smoothed=make_number(point.smoothed, point, unmodelled, overdue=overdue),
        change_per_day=make_number(change, point, reason, overdue=overdue),
        change_span_seconds=point.change_span_seconds,
    )


def to_daily_rate(change: Figure | None, span_seconds: int | None) -> Figure | None:
    """Converts a change to a daily rate: its value rounded to the nearest integer, its interval outwards."""
    if change is None or not span_seconds:
        return None
    value, low, high = (end * SECONDS_PER_DAY for end in change)
    return (2 * value + span_seconds) // (2 * span_seconds), low // span_seconds, -(-high // span_seconds)


_MEMBERS = {
    "points": list_field(fields.Nested(PointSchema), "By epoch, oldest first."),
    "next_cursor": next_cursor_field(),
}
POINT_EXAMPLE = {
    "total": PUBLISHED_EXAMPLE,
    "smoothed": PUBLISHED_EXAMPLE | {"value": 1279, "ci95": [1259, 1299]},
    "change_per_day": PUBLISHED_EXAMPLE | {"value": 310, "ci95": [283, 337]},
    "change_span_seconds": SECONDS_PER_DAY,
}
