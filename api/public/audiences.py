"""`GET /v1/creators/{creator_id}/audience`, and the same of hashtags, sounds and the platform: by period."""

from collections.abc import Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from marshmallow import Schema, fields

from api.http.arguments import Identifier, UtcDay
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.pagination import PageSchema, decode_cursor, encode_cursor
from api.http.responses import max_age_seconds
from api.public.audience_routes import (
    UNKNOWN_DOC,
    DeclaredPeriod,
    ScopeRoutes,
    make_version_field,
    read_periods,
)
from api.public.kinds import GONE_DOC
from api.public.numbers import (
    PUBLISHED_EXAMPLE,
    WITHHELD_EXAMPLE,
    Number,
    NumberSchema,
    is_overdue,
    make_audience_number,
)
from api.public.response_fields import ResponseSchema, list_field, next_cursor_field, required_field
from api.public.services import PublicServices
from privacy.errors import InvalidInputError
from privacy.model.audience import Scope
from privacy.model.documents import AudienceDocument, BreakdownFigures, Figure
from privacy.model.timestamp import MS_PER_DAY, format_timestamp

_LISTING: Final = "audience"
_NOTHING: Final = BreakdownFigures(cells={}, other=None)

_QUERY_SCHEMA: Final = PageSchema.from_dict(
    {
        "version": make_version_field(),
        "period": Identifier(
            metadata={
                "description": "Only periods of this length, as `period` in the response; by default all.",
                "example": "P7D",
            }
        ),
        "from": UtcDay(
            metadata={
                "description": "Only periods that end after this UTC day has begun. A time at midnight UTC, "
                "as in responses, is that day."
            }
        ),
        "to": UtcDay(
            metadata={
                "description": "Only periods that begin on this UTC day or before: the day is included. `to` "
                "in responses is not: it is the moment at which a period ends, and as a parameter it is the "
                "day after the period, on which the next one begins."
            }
        ),
    },
    name="AudiencePage",
)


class _History(NamedTuple):
    """All released periods of one length, in order."""

    declared: DeclaredPeriod
    documents: Sequence[AudienceDocument]


class _Audience(NamedTuple):
    """A released period, and what is measured of it."""

    document: AudienceDocument
    declared: DeclaredPeriod

    @property
    def position(self) -> tuple[int, int]:
        """Its place in the list; unique, and larger for later periods."""
        return self.document.as_of_ms // 1000, self.declared.every_seconds


def make_audience_operation(routes: ScopeRoutes) -> Operation[PublicServices]:
    """Returns the operation that reads the audiences of one scope."""

    def get_audience(services: PublicServices, request: Request) -> Response:
        scope_id = routes.find_id(services, request)
        declared = read_periods(services, routes.scope, request.query["version"], scope_id)
        histories = [
            _History(period, services.gallery.read_audience(scope_id, period.kind))
            for period in _select_periods(declared, request)
        ]
        walk = iter(_list_audiences(histories, request))
        page = list(islice(walk, request.query["limit"]))
        following = next(walk, None)
        document = {
            **({routes.id_name: scope_id} if routes.id_name else {}),
            "audiences": [_build_audience(audience) for audience in page],
            "running": [_build_running(history, request.now_ms) for history in histories],
            "next_cursor": encode_cursor(_LISTING, following.position) if following else None,
        }
        next_ms = min(history.declared.next_visible_ms(request.now_ms) for history in histories)
        return json_response(document, max_age_seconds=max_age_seconds(next_ms, request.now_ms))

    return Operation(
        method="GET",
        path=routes.path,
        operation_id=f"get_{routes.scope.value}_audience",
        summary=f"The audience of {routes.article} {routes.scope.value}",
        description="How many different accounts were reached, by period: accounts of which a like of "
        f"{routes.of_what} was first counted in the period, each once, however many likes it gave. The "
        "numbers are drawn once, when the period is over, and are final; a like that is taken back later "
        "changes nothing. A total and a published cell are about at least k accounts, with certainty. A "
        "period is listed if a video could be liked in it, whether or not anybody did. "
        f"{routes.unknown}Accounts of two "
        "periods overlap: do not add them up. `GET /v1/privacy` says under `audiences` what is measured.",
        tag="public",
        scope="read",
        limited="checked" if routes.scope is Scope.CREATOR else "refused",
        handler=get_audience,
        path_schema=routes.make_path_schema(),
        query_schema=_QUERY_SCHEMA,
        responses={
            200: ResponseDoc("One page, newest periods first.", _make_schema(routes), _make_example(routes)),
            404: UNKNOWN_DOC,
            **({410: GONE_DOC} if routes.scope is Scope.CREATOR else {}),
        },
    )


def _select_periods(declared: Sequence[DeclaredPeriod], request: Request) -> list[DeclaredPeriod]:
    """Returns the lengths that are asked for.

    Raises:
        InvalidInputError: none of them is declared, or the days are in the wrong order.
    """
    begin_ms, end_ms = request.query.get("from"), request.query.get("to")
    if begin_ms is not None and end_ms is not None and end_ms < begin_ms:
        raise InvalidInputError("to", "is before `from`", "the same UTC day or a later one")
    asked = request.query.get("period")
    selected = [period for period in declared if asked in {None, period.period}]
    if not selected:
        known = ", ".join(period.period for period in declared)
        raise InvalidInputError("period", f"is {asked!r}, which is not measured", f"one of {known}")
    return selected


def _list_audiences(histories: Sequence[_History], request: Request) -> list[_Audience]:
    """Returns the periods that are asked for, newest first, from the position of the cursor on."""
    begin_ms = request.query.get("from", 0)
    end_ms = request.query.get("to", request.now_ms) + MS_PER_DAY
    found = [
        _Audience(document, history.declared)
        for history in histories
        for document in history.documents
        if document.as_of_ms > begin_ms and document.starts_at_ms < end_ms
    ]
    if "cursor" in request.query:
        cursor = decode_cursor(_LISTING, 2, request.query["cursor"])
        found = [audience for audience in found if audience.position <= cursor]
    return sorted(found, key=lambda audience: audience.position, reverse=True)


def _build_audience(audience: _Audience) -> dict[str, Any]:
    """Builds one period: every declared number, shown or withheld."""
    document, declared = audience

    def rest(figure: Figure | None) -> Number | None:
        return make_audience_number(figure, document) if declared.has_total else None

    return {
        "period": declared.period,
        "from": format_timestamp(document.starts_at_ms),
        "to": format_timestamp(document.as_of_ms),
        "total": rest(document.total),
        "breakdowns": [
            {
                "dimension": name,
                "cells": [
                    {"cell": cell, "accounts": make_audience_number(figures.cells.get(cell), document)}
                    for cell in cells
                ],
                "other": rest(figures.other),
            }
            for name, cells in declared.breakdowns.items()
            for figures in (document.breakdowns.get(name, _NOTHING),)
        ],
    }


def _build_running(history: _History, now_ms: int) -> dict[str, Any]:
    """Builds what is known of the period that is running: its times."""
    declared = history.declared
    number = declared.number_at(now_ms)
    latest = history.documents[-1] if history.documents else None
    return {
        "period": declared.period,
        "from": format_timestamp(declared.start_ms(number)),
        "to": format_timestamp(declared.start_ms(number + 1)),
        "next_release_at": format_timestamp(declared.next_visible_ms(now_ms)),
        "overdue": latest is not None and is_overdue(latest.next_release_at_ms, now_ms),
    }


class RunningSchema(ResponseSchema):
    """The running period of one length."""

    period = required_field(fields.String, "Length of the period, in ISO 8601.")
    overdue = required_field(
        fields.Boolean,
        "True if the period before, or the latest one, should be listed by now.",
        truthy={True},
        falsy={False},
    )
    next_release_at = required_field(
        fields.DateTime, "When the next numbers of this length become visible, in UTC.", format="iso"
    )


_TIMES: Final[dict[str, fields.Field[Any]]] = {
    "from": required_field(fields.DateTime, "Begin of the period, in UTC.", format="iso"),
    "to": required_field(
        fields.DateTime, "End of the period, in UTC: the first moment that is not in it.", format="iso"
    ),
}


class AudienceCellSchema(ResponseSchema):
    """A cell of a breakdown."""

    cell = required_field(fields.String, "Value of the dimension; of a joint dimension, the values with `/`.")
    accounts = fields.Nested(NumberSchema, required=True)


class AudienceBreakdownSchema(ResponseSchema):
    """A breakdown of an audience."""

    dimension = required_field(fields.String, "Name of the dimension.")
    cells = list_field(
        fields.Nested(AudienceCellSchema), "All cells of the dimension, in their declared order."
    )
    other = fields.Nested(
        NumberSchema,
        required=True,
        allow_none=True,
        metadata={
            "description": "The total minus the published cells; it may be about fewer than k accounts. Null "
            "where the policy measures no total of this length."
        },
    )


_AUDIENCE_SCHEMA: Final = ResponseSchema.from_dict(
    {
        "period": required_field(fields.String, "Length of the period, in ISO 8601."),
        **_TIMES,
        "total": fields.Nested(
            NumberSchema,
            required=True,
            allow_none=True,
            metadata={
                "description": "Number of accounts; null where the policy measures none of this length."
            },
        ),
        "breakdowns": list_field(fields.Nested(AudienceBreakdownSchema), "What the policy measures."),
    },
    name="Audience",
)


_RUNNING_SCHEMA: Final = RunningSchema.from_dict(_TIMES, name="RunningPeriod")


def _make_schema(routes: ScopeRoutes) -> type[Schema]:
    named = (
        {routes.id_name: required_field(fields.String, f"The {routes.scope.value}.")}
        if routes.id_name
        else {}
    )
    return ResponseSchema.from_dict(
        {
            **named,
            "audiences": list_field(fields.Nested(_AUDIENCE_SCHEMA), "The periods, newest first."),
            "running": list_field(
                fields.Nested(_RUNNING_SCHEMA),
                "The running period of each length.",
            ),
            "next_cursor": next_cursor_field(),
        },
        name=f"{routes.scope.value.capitalize()}Audience",
    )


def _make_example(routes: ScopeRoutes) -> dict[str, Any]:
    """Returns an example of what the packaged policy measures of a scope."""
    week, block, day = (
        _make_period("P7D", 2938, "2026-04-27", "2026-05-04"),
        _make_period("P28D", 733, "2026-03-16", "2026-04-13") | {"total": None},
        _make_period("P1D", 20572, "2026-05-03", "2026-05-04"),
    )
    is_creator = routes.scope is Scope.CREATOR
    (without_other,) = ({**breakdown, "other": None} for breakdown in block["breakdowns"])
    audiences = [week | {"breakdowns": []}, block | {"breakdowns": [without_other]}] if is_creator else [day]
    next_end = "2026-05-11" if is_creator else "2026-05-05"
    running = {
        "period": audiences[0]["period"],
        "from": "2026-05-04T00:00:00Z",
        "to": f"{next_end}T00:00:00Z",
        "next_release_at": f"{next_end}T00:02:00Z",
        "overdue": False,
    }
    return {
        **({routes.id_name: routes.example_id} if routes.id_name else {}),
        "audiences": audiences,
        "running": [running],
        "next_cursor": None,
    }


def _make_period(period: str, number: int, begin: str, end: str) -> dict[str, Any]:
    """Returns an example of a period with a total and a breakdown."""
    times = {"epoch": number, "as_of": f"{end}T00:00:00Z", "next_release_at": None}
    shown, withheld = PUBLISHED_EXAMPLE | times, WITHHELD_EXAMPLE | times
    cells = {
        "DE": shown | {"value": 842, "ci95": [782, 902]},
        "FR": shown | {"value": 391, "ci95": [331, 451]},
        "PL": withheld,
    }
    region = {
        "dimension": "region",
        "cells": [{"cell": cell, "accounts": accounts} for cell, accounts in cells.items()],
        "other": withheld,
    }
    return {
        "period": period,
        "from": f"{begin}T00:00:00Z",
        "to": f"{end}T00:00:00Z",
        "total": shown,
        "breakdowns": [region],
    }
