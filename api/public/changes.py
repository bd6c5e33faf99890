"""`GET /v1/videos/{video_id}/likes/changes`, and the same for every kind: gained, and lost by reason."""

from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from marshmallow import Schema, fields
from marshmallow.validate import Length, OneOf

from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.pagination import CURSOR_RULE, PageSchema, decode_cursor, encode_cursor
from api.http.responses import max_age_seconds
from api.public.access.readable import require_readable_target
from api.public.change_spans import ChangeSpan, iterate_spans, span_since_start
from api.public.explanation import CODES, explain
from api.public.kinds import GONE_DOC, KindRoutes
from api.public.numbers import (
    BELOW_THRESHOLD,
    NETTED_BELOW_ZERO,
    PUBLISHED_EXAMPLE,
    WITHHELD_EXAMPLE,
    Number,
    is_overdue,
    make_current_number,
    make_number,
    number_field,
)
from api.public.response_fields import ResponseSchema, list_field, next_cursor_field, required_field
from api.public.services import PublicServices
from privacy.errors import InvalidInputError
from privacy.gallery.reader import CurrentRelease
from privacy.model.documents import Figure, PointDocument
from privacy.model.engagement import Reason
from privacy.model.timestamp import format_timestamp

REASONS: Final = tuple(reason.label for reason in Reason)


class LostSchema(ResponseSchema):
    """Losses by reason."""

    unliked = number_field("Taken back by the people who gave them.")
    inauthentic = number_field("The platform found the accounts to be bots.")
    account = number_field("The account was restricted, banned, deleted or erased, or its owner objected.")
    policy = number_field("Removed under a rule of the platform.")
    correction = number_field("The platform corrected its records.")


class SentenceSchema(ResponseSchema):
    """A sentence, with its code and its numbers for tools that say it in their own words."""

    code = required_field(
        fields.String,
        "What it says. `grew`: the total, with no loss that is shown. `gained`: gains and what is left. "
        "`lost`: a loss for `reason`. `fell`: the total fell, and `lost` says why. `fell_unexplained`: it "
        "fell, and the reasons are each too small to be shown.",
        validate=OneOf(CODES),
    )
    text = required_field(fields.String, "The sentence in English.")
    reason = required_field(fields.String, "Of `lost`; null otherwise.", allow_none=True)
    numbers = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.Integer(strict=True), validate=Length(equal=3)),
        required=True,
        metadata={"description": "By name: value, and lower and upper end of its 95 % interval."},
    )


SentenceSchema = SentenceSchema.from_dict(  # type: ignore[misc,assignment] # names that Python has taken
    {
        "from": required_field(fields.DateTime, "Begin of what it is about, in UTC.", format="iso"),
        "to": required_field(fields.DateTime, "End of what it is about, in UTC.", format="iso"),
    },
    name="Sentence",
)


_SPAN_MEMBERS: dict[str, fields.Field[Any]] = {
    "from": required_field(fields.DateTime, "When the span starts, in UTC.", format="iso"),
    "to": required_field(
        fields.DateTime,
        "When the span ends, in UTC; null before the first release.",
        format="iso",
        allow_none=True,
    ),
    "span_seconds": required_field(fields.Integer, "Length of the span.", strict=True, allow_none=True),
    "change": number_field(
        "Change of the total: gained minus all losses. Shown where the total is shown now; it may be about "
        "fewer than k accounts."
    ),
    "gained": number_field(
        "Gains, minus the losses whose number is withheld. It may be about fewer than k accounts."
    ),
    "lost": fields.Nested(
        LostSchema,
        required=True,
        metadata={
            "description": "Losses by reason. Since the start, a published loss is about at least k "
            "accounts. That of a shorter span is a difference of two estimates, and may be about fewer."
        },
    ),
    "netted_in_gained": list_field(
        fields.String(), "Reasons whose loss is withheld and deducted from `gained`."
    ),
}
_SPAN_SCHEMA: type[Schema] = ResponseSchema.from_dict(_SPAN_MEMBERS, name="ChangeSpan")
CHANGES_MEMBERS: dict[str, fields.Field[Any]] = {
    "since_start": fields.Nested(
        _SPAN_SCHEMA,
        required=True,
        metadata={"description": "The span from the start to the current release."},
    ),
    "days": list_field(fields.Nested(_SPAN_SCHEMA), "Newest first."),
    "next_cursor": next_cursor_field(),
    "explanation": list_field(
        fields.Nested(SentenceSchema),
        "The same in plain sentences, for creators: the time since the start, and every loss and every fall "
        "that is clear of the noise. Empty where there is nothing to say.",
    ),
}
_SPAN_EXAMPLE = {
    "from": "2026-05-04T12:00:00Z",
    "to": "2026-05-05T12:00:00Z",
    "span_seconds": 86_400,
    "change": PUBLISHED_EXAMPLE | {"value": -820, "ci95": [-847, -793]},
    "gained": PUBLISHED_EXAMPLE | {"value": 380, "ci95": [313, 447]},
    "lost": dict.fromkeys(REASONS, WITHHELD_EXAMPLE)
    | {"inauthentic": PUBLISHED_EXAMPLE | {"value": 1200, "ci95": [1139, 1261]}},
    "netted_in_gained": ["unliked", "account", "policy", "correction"],
}
_CHANGES_EXAMPLE: dict[str, Any] = {
    "since_start": _SPAN_EXAMPLE
    | {
        "from": "2026-05-03T12:00:00Z",
        "span_seconds": 172_800,
        "change": PUBLISHED_EXAMPLE,
        "gained": PUBLISHED_EXAMPLE | {"value": 2484, "ci95": [2423, 2545]},
        "lost": dict.fromkeys(REASONS, WITHHELD_EXAMPLE)
        | {"inauthentic": PUBLISHED_EXAMPLE | {"value": 1200, "ci95": [1145, 1255]}},
    },
    "days": [_SPAN_EXAMPLE],
    "next_cursor": None,
}


_LISTING: Final = "changes"
_DESCRIPTION: Final = (
    "How many {noun} were gained, and how many were lost for which reason: since the start, and day by day "
    "backwards from the current release, in adjacent spans of a day or more; the last span is the rest of "
    "the first day. In published numbers, gained minus all losses is exactly the change of the total. A loss "
    "that is withheld is deducted from `gained`, and `netted_in_gained` names its reason. Losses of a span "
    "may be negative because of the noise. Changes are differences of measured numbers and may be about "
    "fewer than k accounts. `explanation` says the same in sentences, from these numbers alone."
)


def make_changes_operation(routes: KindRoutes) -> Operation[PublicServices]:
    """Returns the operation that reads the changes of one kind."""
    target = routes.target

    def get_changes(services: PublicServices, request: Request) -> Response:
        target_id = request.path[target.id_name]
        require_readable_target(services.gallery, request.key, target.target_type, target_id)
        current = services.cache.get(target_id, routes.kind)
        document = {target.id_name: target_id, **_build_changes(services, current, routes, request)}
        age_seconds = max_age_seconds(current.next_release_at_ms, request.now_ms)
        return json_response(document, max_age_seconds=age_seconds)

    return Operation(
        method="GET",
        path=f"{routes.path}/changes",
        operation_id=f"get_{routes.noun}_changes",
        summary=f"{routes.title}: why they came and went",
        description=_DESCRIPTION.format(noun=routes.noun),
        tag="public",
        scope="read",
        rows="days",
        limited="checked",
        handler=get_changes,
        path_schema=target.make_path_schema(),
        query_schema=PageSchema,
        responses={
            200: ResponseDoc(
                "One page, newest days first.",
                target.make_response_schema(routes.name_schema("Changes"), CHANGES_MEMBERS),
                make_example(routes),
            ),
            410: GONE_DOC,
        },
    )


def make_example(routes: KindRoutes) -> dict[str, Any]:
    """Returns a response about two days at whose end 1,200 bots were purged."""
    noun, (start, day, end) = routes.noun, ("2026-05-03", "2026-05-04", "2026-05-05")
    between = "Between 4 May 2026, 12:00 UTC and 5 May 2026, 12:00 UTC"
    whole = (
        f"From 3 May 2026, 12:00 UTC to 5 May 2026, 12:00 UTC this {routes.target.word} gained about "
        f"2,484 {noun} (±61), less losses that are too few to show, of which about 1,284 (±24) are left."
    )
    told: list[tuple[str, str, str, str | None, dict[str, list[int]]]] = [
        (
            "gained",
            whole,
            start,
            None,
            {"gained": [2484, 2423, 2545], "left": [1284, 1260, 1308]},
        ),
        (
            "lost",
            f"In that time about 1,200 {noun} (±55) were removed as inauthentic.",
            start,
            "inauthentic",
            {"lost": [1200, 1145, 1255]},
        ),
        ("fell", f"{between} the {noun} fell by about 820 (±27).", day, None, {"fell": [820, 793, 847]}),
        (
            "lost",
            f"{between} about 1,200 {noun} (±61) were removed as inauthentic.",
            day,
            "inauthentic",
            {"lost": [1200, 1139, 1261]},
        ),
    ]
    explanation = [
        {
            "code": code,
            "text": text,
            "from": f"{begin}T12:00:00Z",
            "to": f"{end}T12:00:00Z",
            "reason": reason,
            "numbers": numbers,
        }
        for code, text, begin, reason, numbers in told
    ]
    example = _CHANGES_EXAMPLE | {"explanation": explanation}
    return {routes.target.id_name: routes.target.example_id, **example}


def _build_changes(
    services: PublicServices, current: CurrentRelease, routes: KindRoutes, request: Request
) -> dict[str, Any]:
    starts_at_ms, target_id = current.target.starts_at_ms, current.target.target_id
    points = services.gallery.read_points(target_id, routes.kind)
    if not points:
        empty: dict[str, Any] = {"days": [], "next_cursor": None, "explanation": []}
        return {"since_start": _build_unreleased_span(current, request.now_ms), **empty}
    overdue = is_overdue(points[-1].next_release_at_ms, request.now_ms)
    whole = span_since_start(points[-1], starts_at_ms)
    walk = iterate_spans(points, _parse_first_epoch(points, request.query.get("cursor")), starts_at_ms)
    days = list(islice(walk, request.query["limit"]))
    following = next(walk, None)
    return {
        "since_start": _build_span(whole, overdue=overdue),
        "days": [_build_span(day, overdue=overdue and day.point is points[-1]) for day in days],
        "next_cursor": encode_cursor(_LISTING, (following.point.epoch,)) if following else None,
        "explanation": explain(routes, whole, days),
    }


def _parse_first_epoch(points: Sequence[PointDocument], cursor: str | None) -> int:
    """Returns the epoch that a page begins with: that of the cursor, or of the current release.

    Raises:
        InvalidInputError: the cursor does not belong to this list.
    """
    if cursor is None:
        return points[-1].epoch
    (epoch,) = decode_cursor(_LISTING, 1, cursor)
    if all(point.epoch != epoch for point in points):
        raise InvalidInputError("cursor", "is not a cursor of this list", CURSOR_RULE)
    return epoch


def _build_span(span: ChangeSpan, *, overdue: bool) -> dict[str, Any]:
    def number(figure: Figure | None, reason: str = BELOW_THRESHOLD) -> Number:
        return make_number(figure, span.point, reason, overdue=overdue)

    return {
        "from": format_timestamp(span.since_ms),
        "to": format_timestamp(span.point.as_of_ms),
        "span_seconds": span.seconds,
        "change": number(span.change),
        "gained": number(span.gained, BELOW_THRESHOLD if span.change is None else NETTED_BELOW_ZERO),
        "lost": {reason: number(figure) for reason, figure in span.lost.items()},
        "netted_in_gained": span.netted_in_gained,
    }


def _build_unreleased_span(current: CurrentRelease, now_ms: int) -> dict[str, Any]:
    withheld = make_current_number(current, None, now_ms)
    return {
        "from": format_timestamp(current.target.starts_at_ms),
        "to": None,
        "span_seconds": None,
        "change": withheld,
        "gained": withheld,
        "lost": dict.fromkeys(REASONS, withheld),
        "netted_in_gained": list(REASONS),
    }
