"""`GET /v1/videos/{video_id}/likes/breakdowns/{dimension}`, and the same for every kind: counts by cell."""

from collections.abc import Iterable, Mapping
from typing import Any

from marshmallow import Schema, fields

from api.http.arguments import Identifier
from api.http.openapi import problem_doc
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.responses import max_age_seconds
from api.public.access.readable import require_readable_target
from api.public.kinds import GONE_DOC, KindRoutes
from api.public.numbers import (
    PUBLISHED_EXAMPLE,
    WITHHELD_EXAMPLE,
    NumberSchema,
    make_current_number,
    number_field,
)
from api.public.response_fields import ResponseSchema, list_field, required_field
from api.public.services import PublicServices
from privacy.errors import NotFoundError, StoreError
from privacy.gallery.reader import CurrentRelease, GalleryReader
from privacy.model.documents import BreakdownFigures, GuaranteeDocument


def make_breakdown_operation(routes: KindRoutes) -> Operation[PublicServices]:
    """Returns the operation that reads the breakdowns of one kind."""
    target, noun = routes.target, routes.noun
    dimension = Identifier(
        required=True,
        metadata={"description": "A dimension by which the policy breaks targets down.", "example": "device"},
    )

    def get_breakdown(services: PublicServices, request: Request) -> Response:
        target_id = request.path[target.id_name]
        require_readable_target(services.gallery, request.key, target.target_type, target_id)
        current = services.cache.get(target_id, routes.kind)
        document = {
            target.id_name: target_id,
            **_build_breakdown(services, current, noun, request),
        }
        age_seconds = max_age_seconds(current.next_release_at_ms, request.now_ms)
        return json_response(document, max_age_seconds=age_seconds)

    return Operation(
        method="GET",
        path=f"{routes.path}/breakdowns/{{dimension}}",
        operation_id=f"get_{noun}_breakdown",
        summary=f"{routes.title} by cell of a dimension",
        description=f"The {noun} by age band, gender, region, language or device, under the default policy; "
        "`dimensions` of `GET /v1/privacy` lists those by which a policy breaks targets down. A policy may "
        "have others for audiences only, as the default one has `hour_of_day`. Of `hour_of_day`, the cells "
        "are hours in UTC, whatever the person's time zone. The published cells and `other` add up to "
        "the total; if every cell is published, nothing is left for `other`, and it is withheld. A published "
        "cell is about at least k accounts, with certainty. What is left of the total when the published "
        "cells are subtracted may be about fewer, whether `other` shows it or a reader computes it: the "
        "noise protects it.",
        tag="public",
        scope="read",
        rows="cells",
        limited="checked",
        handler=get_breakdown,
        path_schema=target.make_path_schema({"dimension": dimension}),
        responses={
            200: ResponseDoc("The breakdown.", _make_schema(routes), _make_example(routes)),
            404: problem_doc(
                f"There is no such {target.word}, or its policy has no such breakdown of {noun}: the problem "
                "lists those that it has."
            ),
            410: GONE_DOC,
        },
    )


def _build_breakdown(
    services: PublicServices, current: CurrentRelease, noun: str, request: Request
) -> dict[str, Any]:
    """Builds the response about one dimension.

    Raises:
        NotFoundError: the target's policy breaks targets down by no such dimension.
    """
    dimension, now_ms = request.path["dimension"], request.now_ms
    declared = _read_breakdowns(current, services.gallery)
    if dimension not in declared:
        version = current.target.policy_version
        raise NotFoundError(_say_which(dimension, noun, declared, _read_guarantee(version, services.gallery)))
    figures = declared[dimension]
    return {
        "dimension": dimension,
        "total": make_current_number(current, current.release.total if current.release else None, now_ms),
        "cells": [
            {"cell": cell, noun: make_current_number(current, figure, now_ms)}
            for cell, figure in figures.cells.items()
        ],
        "other": make_current_number(current, figures.other, now_ms),
    }


def _read_breakdowns(current: CurrentRelease, gallery: GalleryReader) -> Mapping[str, BreakdownFigures]:
    """Reads the declared breakdowns; before the first release, the cells of the guarantee, all withheld."""
    if current.release:
        return current.release.breakdowns
    return {
        name: BreakdownFigures(cells=dict.fromkeys(cells), other=None)
        for name, cells in _read_guarantee(current.target.policy_version, gallery)["dimensions"].items()
    }


def _read_guarantee(version: str, gallery: GalleryReader) -> GuaranteeDocument:
    guarantee = gallery.read_guarantee(version)
    if guarantee is None:
        raise StoreError(f"the gallery lacks the guarantee of policy {version}")
    return guarantee


def _say_which(dimension: str, noun: str, declared: Iterable[str], guarantee: GuaranteeDocument) -> str:
    """Returns what is said to who asks for a breakdown that there is not."""
    said = f"there is no breakdown of {noun} by {dimension}; the policy has those by {', '.join(declared)}"
    periods = (guarantee.get("audiences") or {"periods": []})["periods"]
    is_of_audiences = any(dimension in period["dimensions"] for period in periods)
    return f"{said}. By {dimension} it has audiences only" if is_of_audiences else said


def _make_schema(routes: KindRoutes) -> type[Schema]:
    cell = ResponseSchema.from_dict(
        {
            "cell": required_field(fields.String, "Value of the dimension; `undisclosed` comes last."),
            routes.noun: fields.Nested(NumberSchema, required=True),
        },
        name=routes.name_schema("Cell"),
    )
    members = {
        "dimension": required_field(fields.String, "Name of the dimension."),
        "total": fields.Nested(NumberSchema, required=True),
        "cells": list_field(fields.Nested(cell), "All cells of the dimension, in their declared order."),
        "other": number_field(
            "The total minus the published cells, computed from published numbers only. It is shown where it "
            "is clear of k by the noise of all of them; no exact number is looked at, so it may be about "
            "fewer than k accounts. It is not the cell that some dimensions call `other`."
        ),
    }
    return routes.target.make_response_schema(routes.name_schema("Breakdown"), members)


def _make_example(routes: KindRoutes) -> dict[str, Any]:
    cells = {
        "android": PUBLISHED_EXAMPLE | {"value": 842, "ci95": [787, 897]},
        "ios": PUBLISHED_EXAMPLE | {"value": 391, "ci95": [336, 446]},
        **dict.fromkeys(("web", "other", "undisclosed"), WITHHELD_EXAMPLE),
    }
    return {
        routes.target.id_name: routes.target.example_id,
        "dimension": "device",
        "total": PUBLISHED_EXAMPLE,
        "cells": [{"cell": cell, routes.noun: example} for cell, example in cells.items()],
        "other": WITHHELD_EXAMPLE,
    }
