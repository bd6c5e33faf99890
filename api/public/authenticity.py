"""`GET /v1/creators/{creator_id}/authenticity`: the share that was removed as inauthentic, over time."""

from bisect import bisect_right
from collections.abc import Sequence
from math import ceil, floor, sqrt
from typing import Any, Final

import msgspec
from marshmallow import Schema, fields
from marshmallow.validate import Range

from api.http.arguments import PlainInteger
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.public.access.readable import require_readable
from api.public.change_spans import sum_figures
from api.public.kinds import CREATOR, FOLLOWERS, GONE_DOC, LIKES
from api.public.numbers import (
    BELOW_THRESHOLD,
    NOT_YET_RELEASED,
    PUBLISHED_EXAMPLE,
    Number,
    is_overdue,
    make_combined_number,
    number_field,
)
from api.public.response_fields import ResponseSchema, list_field, required_field
from api.public.services import PublicServices
from api.public.target_metadata import METADATA_MAX_AGE_SECONDS
from privacy.gallery.reader import History
from privacy.model.documents import Figure, PointDocument
from privacy.model.engagement import Reason
from privacy.model.timestamp import MS_PER_DAY

BASIS_POINTS: Final = 10_000
"""Shares are integers, in basis points: hundredths of a percent."""


def compute_share(part: Figure, rest: Figure) -> Figure:
    """Returns the share of a part, in basis points: part / (part + rest).

    Both numbers are noisy, so the interval is not that of either. It contains every share p for which
    part·(1 − p) − p·rest, whose noise is known, is compatible with zero (E. C. Fieller, "Some problems in
    interval estimation", 1954). It is exact for normal noise, however noisy the denominator is.

    Args:
        part: the part, with its 95 % interval.
        rest: the rest, with independent noise.
    """
    together = part[0] + rest[0]
    if together <= 0:
        return 0, 0, BASIS_POINTS
    of_part, of_rest = (((high - low) / 2) ** 2 for _, low, high in (part, rest))
    value = min(max(part[0] / together, 0.0), 1.0)
    square = together**2 - of_part - of_rest
    linear = 2 * (of_part - part[0] * together)
    constant = part[0] ** 2 - of_part
    if square <= 0:
        return round(BASIS_POINTS * value), 0, BASIS_POINTS
    root = sqrt(max(linear**2 - 4 * square * constant, 0.0))
    low, high = ((-linear + sign * root) / (2 * square) for sign in (-1, 1))
    return (
        round(BASIS_POINTS * value),
        max(0, min(floor(BASIS_POINTS * low), floor(BASIS_POINTS * value))),
        min(BASIS_POINTS, max(ceil(BASIS_POINTS * high), ceil(BASIS_POINTS * value))),
    )


MAX_VIDEOS: Final = 100
MAX_DAYS: Final = 90
_INAUTHENTIC: Final = Reason.INAUTHENTIC.label


class DaysSchema(Schema):
    """How far back the history goes."""

    days = PlainInteger(
        load_default=30,
        validate=Range(1, MAX_DAYS),
        metadata={"description": f"Number of UTC midnights in `history`, from 1 to {MAX_DAYS}."},
    )


class Share(msgspec.Struct, frozen=True):
    """The share at one moment, from the releases that were current then."""

    share_bps: Number
    removed: Number
    counted: Number
    covered: int
    released: int


def get_authenticity(services: PublicServices, request: Request) -> Response:
    """Returns the shares of a creator.

    Raises:
        NotFoundError: there is no such creator, or no followers are counted.
        GoneError: the creator was taken down.
    """
    creator_id = request.path[CREATOR.id_name]
    require_readable(request.key, creator_id)
    services.cache.get(creator_id, FOLLOWERS.kind)
    midnight_ms = request.now_ms // MS_PER_DAY * MS_PER_DAY
    midnights_ms = [midnight_ms - day * MS_PER_DAY for day in range(request.query["days"])]
    listed = services.gallery.read_creator_videos(creator_id, MAX_VIDEOS)
    videos = [
        history
        for history in services.gallery.read_histories(listed.latest, LIKES.kind)
        if history and history.target.creator_id == creator_id and history.target.taken_down is None
    ]
    followers = [
        history for history in services.gallery.read_histories([creator_id], FOLLOWERS.kind) if history
    ]
    document = {
        CREATOR.id_name: creator_id,
        "followers": _build_shares(followers, midnights_ms, request.now_ms),
        "likes": _build_shares(videos, midnights_ms, request.now_ms),
        "videos": listed.count,
        "videos_included": len(videos),
    }
    return json_response(document, max_age_seconds=METADATA_MAX_AGE_SECONDS)


def _build_shares(histories: Sequence[History], midnights_ms: Sequence[int], now_ms: int) -> dict[str, Any]:
    latest_ms = max((history.points[-1].as_of_ms for history in histories if history.points), default=0)
    return {
        "now": _build_share(histories, latest_ms or midnights_ms[0], now_ms),
        "history": [_build_share(histories, midnight_ms, midnight_ms) for midnight_ms in midnights_ms],
    }


def _build_share(histories: Sequence[History], moment_ms: int, visible_ms: int) -> Share:
    """Builds the share at one moment over the targets for which both numbers were published.

    Args:
        histories: of the targets.
        moment_ms: the moment.
        visible_ms: a release that should have been visible by then and is missing is overdue.
    """
    overdue = any(
        is_overdue(history.points[-1].next_release_at_ms, visible_ms)
        for history in histories
        if history.points
    )
    released = [point for history in histories if (point := _find_point(history.points, moment_ms))]
    counted, removed = [], []
    for point in released:
        gone = point.removals.get(_INAUTHENTIC)
        if point.total and gone:
            counted.append(point.total)
            removed.append(gone)
    reason = BELOW_THRESHOLD if released else NOT_YET_RELEASED
    rest, part = (sum_figures(figures) if figures else None for figures in (counted, removed))

    share = compute_share(part, rest) if part and rest else None
    numbers = [
        make_combined_number(figure, moment_ms, reason, overdue=overdue) for figure in (share, part, rest)
    ]
    return Share(numbers[0], numbers[1], numbers[2], len(counted), len(released))


def _find_point(points: Sequence[PointDocument], moment_ms: int) -> PointDocument | None:
    """Returns the release that was current at a moment; None before the first one."""
    index = bisect_right(points, moment_ms, key=lambda point: point.as_of_ms)
    return points[index - 1] if index else None


class ShareSchema(ResponseSchema):
    """The share at one moment, `as_of`."""

    share_bps = number_field(
        "In basis points: removed / (removed + counted), with Fieller's interval. A difference of two shares "
        "may be about fewer than k accounts."
    )
    removed = number_field("Engagements removed as inauthentic until then.")
    counted = number_field("Engagements counted then.")
    covered = required_field(
        fields.Integer,
        "Number of targets for which both numbers are published; the others are left out.",
        strict=True,
    )
    released = required_field(fields.Integer, "Number of targets that had a release by then.", strict=True)


class SharesSchema(ResponseSchema):
    """A share over time."""

    now = fields.Nested(ShareSchema, required=True)
    history = list_field(fields.Nested(ShareSchema), "The shares at UTC midnights, newest first.")


_MEMBERS: dict[str, fields.Field[Any]] = {
    "followers": fields.Nested(
        SharesSchema, required=True, metadata={"description": "The share of the creator's followers."}
    ),
    "likes": fields.Nested(
        SharesSchema,
        required=True,
        metadata={"description": "The share of the likes of the creator's videos."},
    ),
    "videos": required_field(fields.Integer, "Number of videos that name or named the creator.", strict=True),
    "videos_included": required_field(
        fields.Integer,
        f"Number of the latest {MAX_VIDEOS} videos that name the creator now and are not taken down.",
        strict=True,
    ),
}
_ROLLED_UP = PUBLISHED_EXAMPLE | {"epoch": None, "next_release_at": None}
SHARE_EXAMPLE = {
    "share_bps": _ROLLED_UP | {"value": 1124, "ci95": [1077, 1170]},
    "removed": _ROLLED_UP | {"value": 1200, "ci95": [1145, 1255]},
    "counted": _ROLLED_UP | {"value": 9480, "ci95": [9456, 9504]},
    "covered": 1,
    "released": 1,
}
OPERATION: Operation[PublicServices] = Operation(
    method="GET",
    path=f"{CREATOR.path}/authenticity",
    operation_id="get_authenticity",
    summary="The share of a creator's followers and likes that was removed as inauthentic",
    description="The share of engagements that was removed as inauthentic, among those that are counted "
    "or were so removed: now and at past UTC midnights, in basis points (hundredths of a percent). It is "
    "computed from published numbers only. Targets that withhold one of the two numbers are left out; "
    f"`covered` is the number of targets that are included. Likes are those of the latest {MAX_VIDEOS} "
    "videos.",
    tag="public",
    scope="read",
    limited="checked",
    handler=get_authenticity,
    path_schema=CREATOR.make_path_schema(),
    query_schema=DaysSchema,
    responses={
        200: ResponseDoc(
            "The shares.",
            CREATOR.make_response_schema("Authenticity", _MEMBERS),
            {
                CREATOR.id_name: CREATOR.example_id,
                "followers": {"now": SHARE_EXAMPLE, "history": [SHARE_EXAMPLE]},
                "likes": {"now": SHARE_EXAMPLE | {"covered": 3, "released": 17}, "history": []},
                "videos": 17,
                "videos_included": 17,
            },
        ),
        410: GONE_DOC,
    },
)
