"""`GET /v1/trends/hashtags`, and the same of sounds and creators: rankings of a period by their audiences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from marshmallow import Schema, fields
from marshmallow.validate import Range

from api.http.arguments import Identifier, PlainInteger, UtcDay
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.responses import max_age_seconds
from api.public.audience_routes import (
    SCOPE_ROUTES,
    TOTAL,
    UNKNOWN_DOC,
    CellArgument,
    DeclaredPeriod,
    ScopeRoutes,
    make_version_field,
    read_periods,
)
from api.public.numbers import PUBLISHED_EXAMPLE, NumberSchema, make_audience_number
from api.public.rank_intervals import RankInterval, rank_intervals
from api.public.response_fields import ResponseSchema, list_field, required_field
from api.public.services import PublicServices
from privacy.errors import InvalidInputError
from privacy.model.audience import Scope
from privacy.model.documents import AudienceDocument, Figure, TargetDocument
from privacy.model.timestamp import format_timestamp

MAX_PLACES: Final = 200


@dataclass(frozen=True)
class Ranking:
    """What is ranked.

    Args:
        declared: the periods that measure it.
        number: number of the period.
        dimension: a breakdown; None to rank by the total.
        cell: one of its cells.
    """

    declared: DeclaredPeriod
    number: int
    dimension: str | None
    cell: str | None

    @property
    def deviation(self) -> float:
        """Standard deviation of the noise of each number; that of reconciled cells is no larger."""
        total = self.declared.deviations.get(TOTAL, 0.0)
        return total if self.dimension is None else max(total, self.declared.deviations[self.dimension])

    def find_figure(self, document: AudienceDocument) -> Figure | None:
        """Returns the number by which an audience is ranked; None if it is withheld."""
        if self.dimension is None:
            return document.total
        figures = document.breakdowns.get(self.dimension)
        return figures.cells.get(self.cell or "") if figures else None


class _Place(NamedTuple):
    """An audience with its number and its places."""

    document: AudienceDocument
    figure: Figure
    rank: RankInterval


def make_trend_operation(routes: ScopeRoutes) -> Operation[PublicServices]:
    """Returns the operation that ranks the audiences of one scope."""

    def get_trend(services: PublicServices, request: Request) -> Response:
        declared = read_periods(services, routes.scope, request.query["version"], "")
        ranking = _select_ranking(declared, request)
        places = _rank(services.gallery.read_ranked(ranking.declared.kind, ranking.number), ranking)
        shown = _hide_gone(services, routes, places[: request.query["limit"]])
        document = {
            "period": ranking.declared.period,
            "from": format_timestamp(ranking.declared.start_ms(ranking.number)),
            "to": format_timestamp(ranking.declared.start_ms(ranking.number + 1)),
            "dimension": ranking.dimension,
            "cell": ranking.cell,
            routes.plural: [_build_place(routes, place) for place in shown],
            "ranked": len(places),
        }
        next_ms = ranking.declared.next_visible_ms(request.now_ms)
        return json_response(document, max_age_seconds=max_age_seconds(next_ms, request.now_ms))

    return Operation(
        method="GET",
        path=f"/v1/trends/{routes.plural}",
        operation_id=f"get_{routes.plural}_trend",
        summary=f"The {routes.plural} with the largest audiences of a period",
        description=f"Ranks the {routes.plural} of which the number of accounts is shown, for one period: by "
        "the total, or by one cell of a breakdown. Each has an interval of places, `rank`: all of these hold "
        "together with a probability of 95 %. Where two intervals overlap, the order of the two is not "
        "known: it is a tie. What is below its threshold is not ranked. "
        f"{routes.plural.capitalize()} are in the order of their numbers, then of their names.",
        tag="public",
        scope="read",
        handler=get_trend,
        query_schema=_QUERY_SCHEMA,
        responses={
            200: ResponseDoc("The ranking.", _make_schema(routes), _make_example(routes)),
            404: UNKNOWN_DOC,
        },
    )


def _select_ranking(declared: Sequence[DeclaredPeriod], request: Request) -> Ranking:
    """Returns what is asked for, over the shortest periods that measure it.

    Raises:
        InvalidInputError: nothing measures it, or its period is not over.
    """
    dimension, cell = request.query.get("dimension"), request.query.get("cell")
    if (dimension is None) != (cell is None):
        raise InvalidInputError("cell", "needs `dimension`, and the reverse", "both of them, or neither")
    measured = [
        period
        for period in declared
        if (period.has_total if dimension is None else cell in period.breakdowns.get(dimension, ()))
    ]
    if not measured:
        cells = {name: cells for period in declared for name, cells in period.breakdowns.items()}
        known = (
            f"one of {', '.join(cells)}"
            if dimension not in cells
            else f"one of {', '.join(cells[dimension])}"
        )
        raise InvalidInputError("cell" if dimension in cells else "dimension", "is not measured", known)
    period = min(measured, key=lambda one: one.every_seconds)
    latest = period.latest_visible(request.now_ms)
    number = period.number_at(request.query["day"]) if "day" in request.query else latest
    if number > latest:
        raise InvalidInputError(
            "day", "lies in a period whose numbers are not visible yet", "a UTC day of an earlier period"
        )
    return Ranking(period, number, dimension, cell)


def _rank(documents: Sequence[AudienceDocument], ranking: Ranking) -> list[_Place]:
    """Ranks what is shown, largest first."""
    found = [(figure, document) for document in documents if (figure := ranking.find_figure(document))]
    found.sort(key=lambda one: (-one[0][0], one[1].target_id))
    intervals = rank_intervals([figure[0] for figure, _ in found], ranking.deviation)
    return [_Place(document, figure, rank) for (figure, document), rank in zip(found, intervals, strict=True)]


def _hide_gone(services: PublicServices, routes: ScopeRoutes, places: Sequence[_Place]) -> Sequence[_Place]:
    """Returns the places without creators that were taken down; the others keep theirs."""
    if routes.scope is not Scope.CREATOR or not places:
        return places
    targets = services.gallery.read_targets(
        [place.document.target_id for place in places], routes.scope.value
    )
    return [place for place, target in zip(places, targets, strict=True) if _is_shown(target)]


def _is_shown(target: TargetDocument | None) -> bool:
    return target is None or target.taken_down is None


def _build_place(routes: ScopeRoutes, place: _Place) -> dict[str, Any]:
    return {
        str(routes.id_name): place.document.target_id,
        "rank": place.rank,
        "accounts": make_audience_number(place.figure, place.document),
    }


_QUERY_SCHEMA: Final = Schema.from_dict(
    {
        "day": UtcDay(
            metadata={
                "description": "A UTC day of the period, or its midnight; by default the latest period that "
                "is visible."
            }
        ),
        "dimension": Identifier(
            metadata={"description": "Ranks by a cell of this breakdown.", "example": "region"}
        ),
        "cell": CellArgument(metadata={"description": "The cell.", "example": "DE"}),
        "limit": PlainInteger(
            load_default=50,
            validate=Range(1, MAX_PLACES, error=f"is out of range; 1 to {MAX_PLACES}"),
            metadata={"description": f"Number of places, 1 to {MAX_PLACES}."},
        ),
        "version": make_version_field(),
    },
    name="TrendQuery",
)


def _make_schema(routes: ScopeRoutes) -> type[Schema]:
    place = ResponseSchema.from_dict(
        {
            str(routes.id_name): required_field(fields.String, f"The {routes.scope.value}."),
            "rank": fields.List(
                fields.Integer(strict=True),
                required=True,
                metadata={
                    "description": "The highest and the lowest place that it can have among what is ranked."
                },
            ),
            "accounts": fields.Nested(NumberSchema, required=True),
        },
        name=f"Ranked{routes.scope.value.capitalize()}",
    )
    members: Mapping[str, fields.Field[Any]] = {
        "period": required_field(fields.String, "Length of the period, in ISO 8601."),
        "from": required_field(fields.DateTime, "Begin of the period, in UTC.", format="iso"),
        "to": required_field(
            fields.DateTime, "End of the period, in UTC: the first moment that is not in it.", format="iso"
        ),
        "dimension": required_field(fields.String, "The breakdown; null for totals.", allow_none=True),
        "cell": required_field(fields.String, "The cell; null for totals.", allow_none=True),
        routes.plural: list_field(fields.Nested(place), f"The {routes.plural}, largest audience first."),
        "ranked": required_field(fields.Integer, "How many are ranked, also beyond `limit`.", strict=True),
    }
    return ResponseSchema.from_dict(dict(members), name=f"{routes.plural.capitalize()}Trend")


def _make_example(routes: ScopeRoutes) -> dict[str, Any]:
    shown = PUBLISHED_EXAMPLE | {"epoch": 20573, "as_of": "2026-05-05T00:00:00Z", "next_release_at": None}
    return {
        "period": "P1D",
        "from": "2026-05-04T00:00:00Z",
        "to": "2026-05-05T00:00:00Z",
        "dimension": "region",
        "cell": "DE",
        routes.plural: [{str(routes.id_name): routes.example_id, "rank": [1, 2], "accounts": shown}],
        "ranked": 18,
    }


TREND_OPERATIONS: Final = tuple(
    make_trend_operation(routes) for routes in SCOPE_ROUTES if routes.id_name is not None
)
