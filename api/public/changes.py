"""`GET /v1/videos/{video_id}/likes/changes`, and the same of every kind: gained, and lost by reason."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from api.http.etag import max_age_seconds
from api.http.operation import Answer, Call, Operation, Response, json_answer
from api.http.pagination import CURSOR_RULE, PageSchema, decode_cursor, encode_cursor
from api.public.change_schemas import CHANGES_EXAMPLE, CHANGES_MEMBERS, REASONS
from api.public.change_spans import ChangeSpan, since_start, spans_back
from api.public.explanation import explain
from api.public.kinds import GONE
from api.public.numbers import number, number_of
from privacy.errors import InvalidInputError
from privacy.model.timestamp import format_timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.public.kinds import Spelling
    from api.public.services import PublicServices
    from privacy.gallery.documents import PointDocument
    from privacy.gallery.reader import Standing

_LISTING: Final = "changes"
_DESCRIPTION: Final = """\
Since the start, and day by day backwards from the current release (spans of a day or more that follow each
other without a gap; what is left of the first day is the last one): how many {noun} were gained, and how many
were lost for which reason. In published numbers, gained less all losses is the change of the total, exactly.
A loss that is withheld is netted in `gained`: `netted_in_gained` names its reason. Losses of a span are
signed, since noise can make them fall below zero. `explanation` says the same in sentences, made
from these numbers alone."""


def changes_operation(spelling: Spelling) -> Operation[PublicServices]:
    """The changes of one kind."""
    target = spelling.target

    def get_changes(services: PublicServices, call: Call) -> Answer:
        target_id = call.path[target.id_name]
        standing = services.standings.of(target_id, spelling.kind)
        document = {target.id_name: target_id, **_changes(services, standing, spelling, call)}
        age_seconds = max_age_seconds(standing.next_release_at_ms, call.now_ms)
        return json_answer(document, max_age_seconds=age_seconds)

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
            200: Response(
                "One page, newest days first.",
                target.answer_schema(spelling.schema_name("Changes"), CHANGES_MEMBERS),
                {target.id_name: target.example_id, **CHANGES_EXAMPLE},
            ),
            410: GONE,
        },
    )


def _changes(services: PublicServices, standing: Standing, spelling: Spelling, call: Call) -> dict[str, Any]:
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


def _before_the_first(standing: Standing) -> dict[str, Any]:
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
