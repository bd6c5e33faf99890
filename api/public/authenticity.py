"""`GET /v1/creators/{creator_id}/authenticity`: which share was removed as inauthentic, over time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from math import ceil, floor, sqrt
from typing import Any, Final

import msgspec
from marshmallow import Schema, fields
from marshmallow.validate import Range

from api.http.arguments import PlainInteger
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.public.change_spans import total_of
from api.public.kinds import CREATOR, FOLLOWERS, GONE, LIKES
from api.public.numbers import (
    BELOW_THRESHOLD,
    NOT_YET_RELEASED,
    PUBLISHED_EXAMPLE,
    AnswerSchema,
    Number,
    NumberSchema,
    figure_number,
    required_field,
)
from api.public.services import PublicServices
from api.public.targets import METADATA_MAX_AGE_SECONDS
from privacy.gallery.reader import History
from privacy.model.documents import Figure, PointDocument
from privacy.model.engagement import Reason
from privacy.model.timestamp import MS_PER_DAY

BASIS_POINTS: Final = 10_000
"""Shares are integers: so many of ten thousand."""


def share_of(part: Figure, rest: Figure) -> Figure:
    """How many of ten thousand belong to the part: part / (part + rest).

    Both numbers are noisy, so the interval is not that of either. It holds every share p for which
    part·(1 − p) − p·rest, whose noise is known, is compatible with zero (E. C. Fieller, "Some problems in
    interval estimation", 1954): exact for normal noise, however large the denominator's.

    Args:
        part: with its 95 % interval.
        rest: likewise, with independent noise.
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
    """How far back."""

    days = PlainInteger(
        load_default=30,
        validate=Range(1, MAX_DAYS),
        metadata={"description": f"So many UTC midnights back, 1 to {MAX_DAYS}."},
    )


class Share(msgspec.Struct, frozen=True):
    """What was known at one moment."""

    share_per_10_000: Number
    removed: Number
    standing: Number
    covered: int
    released: int


def get_authenticity(services: PublicServices, call: Request) -> Response:
    """Answer the shares of a creator.

    Raises:
        NotFoundError: there is no such creator, or no followers are counted.
        GoneError: the creator was taken down.
    """
    creator_id = call.path[CREATOR.id_name]
    services.standings.of(creator_id, FOLLOWERS.kind)
    midnight_ms = call.now_ms // MS_PER_DAY * MS_PER_DAY
    midnights_ms = [midnight_ms - day * MS_PER_DAY for day in range(call.query["days"])]
    listed = services.gallery.creator_videos(creator_id, MAX_VIDEOS)
    videos = [
        history
        for history in services.gallery.histories(listed.latest, LIKES.kind)
        if history and history.target.creator_id == creator_id and history.target.taken_down is None
    ]
    followers = [history for history in services.gallery.histories([creator_id], FOLLOWERS.kind) if history]
    document = {
        CREATOR.id_name: creator_id,
        "followers": _shares(followers, midnights_ms),
        "likes": _shares(videos, midnights_ms),
        "videos": listed.count,
        "videos_looked_at": len(videos),
    }
    return json_response(document, max_age_seconds=METADATA_MAX_AGE_SECONDS)


def _shares(histories: Sequence[History], midnights_ms: Sequence[int]) -> dict[str, Any]:
    latest_ms = max((history.points[-1].as_of_ms for history in histories if history.points), default=0)
    return {
        "now": _share(histories, latest_ms or midnights_ms[0]),
        "history": [_share(histories, midnight_ms) for midnight_ms in midnights_ms],
    }


def _share(histories: Sequence[History], moment_ms: int) -> Share:
    """The share at one moment, over the targets of which both numbers were published."""
    released = [point for history in histories if (point := _point_at(history.points, moment_ms))]
    standing, removed = [], []
    for point in released:
        gone = point.removals.get(_INAUTHENTIC)
        if point.total and gone:
            standing.append(point.total)
            removed.append(gone)
    reason = BELOW_THRESHOLD if released else NOT_YET_RELEASED
    rest, part = (total_of(figures) if figures else None for figures in (standing, removed))

    def shown(figure: Figure | None) -> Number:
        return figure_number(figure, moment_ms, reason)

    share = share_of(part, rest) if part and rest else None
    return Share(shown(share), shown(part), shown(rest), len(standing), len(released))


def _point_at(points: Sequence[PointDocument], moment_ms: int) -> PointDocument | None:
    """The release that was current at a moment; None before the first one."""
    place = bisect_right(points, moment_ms, key=lambda point: point.as_of_ms)
    return points[place - 1] if place else None


class ShareSchema(AnswerSchema):
    """What was known at one moment, `as_of`."""

    share_per_10_000 = fields.Nested(
        NumberSchema,
        required=True,
        metadata={
            "description": f"Of {BASIS_POINTS:,}: removed / (removed + standing); interval by Fieller."
        },
    )
    removed = fields.Nested(
        NumberSchema, required=True, metadata={"description": "Removed as inauthentic until then."}
    )
    standing = fields.Nested(NumberSchema, required=True, metadata={"description": "Counted then."})
    covered = required_field(
        fields.Integer,
        "Of how many targets both numbers are published: the others are left out.",
        strict=True,
    )
    released = required_field(fields.Integer, "How many targets had a release by then.", strict=True)


class SharesSchema(AnswerSchema):
    """A share over time."""

    now = fields.Nested(ShareSchema, required=True)
    history = fields.List(
        fields.Nested(ShareSchema),
        required=True,
        metadata={"description": "At UTC midnights, newest first."},
    )


_MEMBERS: dict[str, fields.Field[Any]] = {
    "followers": fields.Nested(
        SharesSchema, required=True, metadata={"description": "Of the creator's followers."}
    ),
    "likes": fields.Nested(
        SharesSchema, required=True, metadata={"description": "Of the likes of the creator's videos."}
    ),
    "videos": required_field(fields.Integer, "How many videos name or named the creator.", strict=True),
    "videos_looked_at": required_field(
        fields.Integer,
        f"Of the latest {MAX_VIDEOS}: those that name the creator now and are not taken down.",
        strict=True,
    ),
}
_ROLLED_UP = PUBLISHED_EXAMPLE | {"epoch": None, "next_release_at": None}
_SHARE_EXAMPLE = {
    "share_per_10_000": _ROLLED_UP | {"value": 1124, "ci95": [1059, 1188]},
    "removed": _ROLLED_UP | {"value": 1200, "ci95": [1126, 1274]},
    "standing": _ROLLED_UP | {"value": 9480, "ci95": [9445, 9515]},
    "covered": 1,
    "released": 1,
}
OPERATION: Operation[PublicServices] = Operation(
    method="GET",
    path=f"{CREATOR.path}/authenticity",
    operation_id="get_authenticity",
    summary="Which share of a creator's followers and likes was removed as inauthentic",
    description="Now, and at past UTC midnights: of the engagements that are counted or were removed as "
    f"inauthentic, how many of {BASIS_POINTS:,} were removed. Computed from published numbers only. Numbers "
    "that a target withholds are left out; `covered` says for how many targets there are numbers. Likes are "
    f"those of the latest {MAX_VIDEOS} videos.",
    tag="public",
    scope="read",
    handler=get_authenticity,
    path_schema=CREATOR.path_schema(),
    query_schema=DaysSchema,
    responses={
        200: ResponseDoc(
            "The shares.",
            CREATOR.answer_schema("Authenticity", _MEMBERS),
            {
                CREATOR.id_name: CREATOR.example_id,
                "followers": {"now": _SHARE_EXAMPLE, "history": [_SHARE_EXAMPLE]},
                "likes": {"now": _SHARE_EXAMPLE | {"covered": 3, "released": 17}, "history": []},
                "videos": 17,
                "videos_looked_at": 17,
            },
        ),
        410: GONE,
    },
)
