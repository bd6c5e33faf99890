"""`GET /v1/videos/{video_id}/likes/changes`, and the same of every kind: gained, and lost by reason."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from marshmallow import Schema, fields

from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.pagination import CURSOR_RULE, PageSchema, decode_cursor, encode_cursor
from api.http.responses import max_age_seconds
from api.public.change_spans import ChangeSpan, since_start, spans_back
from api.public.explanation import explain
from api.public.kinds import GONE, KindRoutes
from api.public.numbers import (
    PUBLISHED_EXAMPLE,
    WITHHELD_EXAMPLE,
    AnswerSchema,
    NumberSchema,
    number,
    number_of,
    required_field,
)
from api.public.services import PublicServices
from privacy.errors import InvalidInputError
from privacy.gallery.reader import CurrentRelease
from privacy.model.documents import PointDocument
from privacy.model.engagement import Reason
from privacy.model.timestamp import format_timestamp

REASONS: Final = tuple(reason.label for reason in Reason)


class LostSchema(AnswerSchema):
    """What went, by reason."""

    unliked = fields.Nested(NumberSchema, required=True, metadata={"description": "Taken back."})
    inauthentic = fields.Nested(
        NumberSchema, required=True, metadata={"description": "Of bots, or given too fast."}
    )
    account = fields.Nested(
        NumberSchema,
        required=True,
        metadata={"description": "The account was restricted, banned, deleted or erased, or objects."},
    )
    policy = fields.Nested(
        NumberSchema, required=True, metadata={"description": "Removed under a rule of the platform."}
    )
    correction = fields.Nested(
        NumberSchema, required=True, metadata={"description": "The platform corrected its records."}
    )


_SPAN_MEMBERS: dict[str, fields.Field[Any]] = {
    "from": required_field(fields.DateTime, "When the span starts, in UTC.", format="iso"),
    "to": required_field(
        fields.DateTime, "When it ends; null before the first release.", format="iso", allow_none=True
    ),
    "span_seconds": required_field(fields.Integer, "How long it is.", strict=True, allow_none=True),
    "change": fields.Nested(
        NumberSchema, required=True, metadata={"description": "Of the total: gained less all losses."}
    ),
    "gained": fields.Nested(
        NumberSchema,
        required=True,
        metadata={"description": "What came, less the losses that are withheld."},
    ),
    "lost": fields.Nested(LostSchema, required=True),
    "netted_in_gained": fields.List(
        fields.String(), required=True, metadata={"description": "Reasons whose loss is withheld."}
    ),
}
_SPAN_SCHEMA: type[Schema] = AnswerSchema.from_dict(_SPAN_MEMBERS, name="ChangeSpan")
CHANGES_MEMBERS: dict[str, fields.Field[Any]] = {
    "since_start": fields.Nested(
        _SPAN_SCHEMA, required=True, metadata={"description": "From the start to the current release."}
    ),
    "days": fields.List(
        fields.Nested(_SPAN_SCHEMA), required=True, metadata={"description": "Newest first."}
    ),
    "next_cursor": required_field(fields.String, "For the next page; null on the last one.", allow_none=True),
    "explanation": fields.List(
        fields.String(), required=True, metadata={"description": "In plain sentences, for creators."}
    ),
}
_SPAN_EXAMPLE = {
    "from": "2026-05-04T12:00:00Z",
    "to": "2026-05-05T12:00:00Z",
    "span_seconds": 86_400,
    "change": PUBLISHED_EXAMPLE | {"value": -820, "ci95": [-866, -774]},
    "gained": PUBLISHED_EXAMPLE | {"value": 380, "ci95": [304, 456]},
    "lost": dict.fromkeys(REASONS, WITHHELD_EXAMPLE)
    | {"inauthentic": PUBLISHED_EXAMPLE | {"value": 1200, "ci95": [1140, 1260]}},
    "netted_in_gained": ["unliked", "account", "policy", "correction"],
}
CHANGES_EXAMPLE: dict[str, Any] = {
    "since_start": _SPAN_EXAMPLE
    | {
        "from": "2026-05-03T12:00:00Z",
        "span_seconds": 172_800,
        "change": PUBLISHED_EXAMPLE,
        "gained": PUBLISHED_EXAMPLE | {"value": 2484, "ci95": [2414, 2554]},
    },
    "days": [_SPAN_EXAMPLE],
    "next_cursor": None,
    "explanation": [
        "Between 4 May and 5 May 2026, 12:00 UTC, about 1,200 likes (±60) were removed as inauthentic."
    ],
}


_LISTING: Final = "changes"
_DESCRIPTION: Final = """\
Since the start, and day by day backwards from the current release (spans of a day or more that follow each
other without a gap; what is left of the first day is the last one): how many {noun} were gained, and how many
were lost for which reason. In published numbers, gained less all losses is the change of the total, exactly.
A loss that is withheld is netted in `gained`: `netted_in_gained` names its reason. Losses of a span are
signed, since noise can make them fall below zero. `explanation` says the same in sentences, made
from these numbers alone."""


def changes_operation(spelling: KindRoutes) -> Operation[PublicServices]:
    """The changes of one kind."""
    target = spelling.target

    def get_changes(services: PublicServices, call: Request) -> Response:
        target_id = call.path[target.id_name]
        standing = services.standings.of(target_id, spelling.kind)
        document = {target.id_name: target_id, **_changes(services, standing, spelling, call)}
        age_seconds = max_age_seconds(standing.next_release_at_ms, call.now_ms)
        return json_response(document, max_age_seconds=age_seconds)

    return Operation(
        method="GET",
        path=f"{spelling.path}/changes",
        operation_id=f"get_{spelling.noun}_changes",
        summary=f"{spelling.title}: why they came and went",
        description=_DESCRIPTION.format(noun=spelling.noun),
        tag="public",
        scope="read",
        handler=get_changes,
        path_schema=target.path_schema(),
        query_schema=PageSchema,
        responses={
            200: ResponseDoc(
                "One page, newest days first.",
                target.answer_schema(spelling.schema_name("Changes"), CHANGES_MEMBERS),
                {target.id_name: target.example_id, **CHANGES_EXAMPLE},
            ),
            410: GONE,
        },
    )


def _changes(
    services: PublicServices, standing: CurrentRelease, spelling: KindRoutes, call: Request
) -> dict[str, Any]:
    starts_at_ms, target_id = standing.target.starts_at_ms, standing.target.target_id
    points = services.gallery.points(target_id, spelling.kind)
    if not points:
        word = f"The first {spelling.noun} of this {spelling.target.word} are still to be released."
        nothing = {"days": [], "next_cursor": None, "explanation": [word]}
        return {"since_start": _before_the_first(standing), **nothing}
    whole = since_start(points[-1], starts_at_ms)
    walk = spans_back(points, _first_epoch(points, call.query.get("cursor")), starts_at_ms)
    days = list(islice(walk, call.query["limit"]))
    following = next(walk, None)
    return {
        "since_start": _span(whole),
        "days": [_span(day) for day in days],
        "next_cursor": encode_cursor(_LISTING, (following.point.epoch,)) if following else None,
        "explanation": explain(spelling, whole, days),
    }


def _first_epoch(points: Sequence[PointDocument], cursor: str | None) -> int:
    """Where a page begins: at the current release, or where its cursor says.

    Raises:
        InvalidInputError: the cursor is none of this list.
    """
    if cursor is None:
        return points[-1].epoch
    (epoch,) = decode_cursor(_LISTING, 1, cursor)
    if all(point.epoch != epoch for point in points):
        raise InvalidInputError("cursor", "is no cursor of this list", CURSOR_RULE)
    return epoch


def _span(span: ChangeSpan) -> dict[str, Any]:
    return {
        "from": format_timestamp(span.since_ms),
        "to": format_timestamp(span.point.as_of_ms),
        "span_seconds": span.seconds,
        "change": number(span.change, span.point),
        "gained": number(span.gained, span.point),
        "lost": {reason: number(figure, span.point) for reason, figure in span.lost.items()},
        "netted_in_gained": span.netted_in_gained,
    }


def _before_the_first(standing: CurrentRelease) -> dict[str, Any]:
    none = number_of(standing, None)
    return {
        "from": format_timestamp(standing.target.starts_at_ms),
        "to": None,
        "span_seconds": None,
        "change": none,
        "gained": none,
        "lost": dict.fromkeys(REASONS, none),
        "netted_in_gained": list(REASONS),
    }
