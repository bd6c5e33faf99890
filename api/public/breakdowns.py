"""`GET /v1/videos/{video_id}/likes/breakdowns/{dimension}`, and the same of every kind: counts by cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from api.http.arguments import Identifier
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.responses import max_age_seconds
from api.public.kinds import GONE, KindRoutes
from api.public.numbers import (
    PUBLISHED_EXAMPLE,
    WITHHELD_EXAMPLE,
    AnswerSchema,
    NumberSchema,
    number_of,
    required_field,
)
from api.public.services import PublicServices
from privacy.errors import NotFoundError, StoreError
from privacy.gallery.reader import CurrentRelease, GalleryReader
from privacy.model.documents import BreakdownFigures


def breakdown_operation(spelling: KindRoutes) -> Operation[PublicServices]:
    """The breakdowns of one kind."""
    target, noun = spelling.target, spelling.noun
    dimension = Identifier(
        required=True, metadata={"description": "A declared dimension.", "example": "device"}
    )

    def get_breakdown(services: PublicServices, call: Request) -> Response:
        target_id = call.path[target.id_name]
        standing = services.standings.of(target_id, spelling.kind)
        document = {target.id_name: target_id, **_breakdown(services, standing, call.path["dimension"], noun)}
        age_seconds = max_age_seconds(standing.next_release_at_ms, call.now_ms)
        return json_response(document, max_age_seconds=age_seconds)

    return Operation(
        method="GET",
        path=f"{spelling.path}/breakdowns/{{dimension}}",
        operation_id=f"get_{noun}_breakdown",
        summary=f"{spelling.title} by cell of a dimension",
        description=f"The {noun} by age band, gender, region, language, device or hour of day: the "
        "dimensions that the policy declares (`GET /v1/privacy` lists them). Published cells and `other` add "
        "up to the total.",
        tag="public",
        scope="read",
        handler=get_breakdown,
        path_schema=target.path_schema({"dimension": dimension}),
        responses={200: ResponseDoc("The breakdown.", _schema(spelling), _example(spelling)), 410: GONE},
    )


def _breakdown(
    services: PublicServices, standing: CurrentRelease, dimension: str, noun: str
) -> dict[str, Any]:
    """What is said of one dimension.

    Raises:
        NotFoundError: the target's policy declares no such dimension.
    """
    declared = _breakdowns(standing, services.gallery)
    if dimension not in declared:
        raise NotFoundError(f"there is no dimension {dimension}; declared are {', '.join(declared)}")
    figures = declared[dimension]
    return {
        "dimension": dimension,
        "total": number_of(standing, standing.release.total if standing.release else None),
        "cells": [
            {"cell": cell, noun: number_of(standing, figure)} for cell, figure in figures.cells.items()
        ],
        "other": number_of(standing, figures.other),
    }


def _breakdowns(standing: CurrentRelease, gallery: GalleryReader) -> Mapping[str, BreakdownFigures]:
    """The declared breakdowns; before the first release the guarantee names the cells, all withheld."""
    if standing.release:
        return standing.release.breakdowns
    version = standing.target.policy_version
    guarantee = gallery.guarantee(version)
    if guarantee is None:
        raise StoreError(f"the gallery lacks the guarantee of policy {version}")
    return {
        name: BreakdownFigures(cells=dict.fromkeys(cells), other=None)
        for name, cells in guarantee["dimensions"].items()
    }


def _schema(spelling: KindRoutes) -> type[Schema]:
    cell = AnswerSchema.from_dict(
        {
            "cell": required_field(fields.String, "Value of the dimension; `undisclosed` is the last one."),
            spelling.noun: fields.Nested(NumberSchema, required=True),
        },
        name=spelling.schema_name("Cell"),
    )
    members = {
        "dimension": required_field(fields.String, "Name of the dimension."),
        "total": fields.Nested(NumberSchema, required=True),
        "cells": fields.List(
            fields.Nested(cell),
            required=True,
            metadata={"description": "All cells of the dimension, in their declared order."},
        ),
        "other": fields.Nested(
            NumberSchema,
            required=True,
            metadata={
                "description": "The total less the published cells, made from published numbers only. "
                "Not the cell that some dimensions call `other`."
            },
        ),
    }
    return spelling.target.answer_schema(spelling.schema_name("Breakdown"), members)


def _example(spelling: KindRoutes) -> dict[str, Any]:
    cells = {
        "android": PUBLISHED_EXAMPLE | {"value": 842, "ci95": [781, 903]},
        "ios": PUBLISHED_EXAMPLE | {"value": 391, "ci95": [330, 452]},
        **dict.fromkeys(("web", "other", "undisclosed"), WITHHELD_EXAMPLE),
    }
    return {
        spelling.target.id_name: spelling.target.example_id,
        "dimension": "device",
        "total": PUBLISHED_EXAMPLE,
        "cells": [{"cell": cell, spelling.noun: example} for cell, example in cells.items()],
        "other": WITHHELD_EXAMPLE,
    }
