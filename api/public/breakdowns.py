"""`GET /v1/videos/{video_id}/likes/breakdowns/{dimension}`: the likes of a video by cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from marshmallow import fields

from api.http.arguments import Identifier
from api.http.etag import max_age_seconds
from api.http.operation import Answer, Call, Operation, Response, json_answer
from api.public.likes import LIKE, VideoPathSchema
from api.public.numbers import (
    PUBLISHED_EXAMPLE,
    WITHHELD_EXAMPLE,
    AnswerSchema,
    Number,
    NumberSchema,
    member,
    number_of,
)
from privacy.errors import NotFoundError, StoreError
from privacy.gallery.documents import BreakdownFigures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from api.public.services import PublicServices
    from privacy.gallery.reader import GalleryReader, Standing


class BreakdownPathSchema(VideoPathSchema):
    """Path arguments of a breakdown."""

    dimension = Identifier(
        required=True, metadata={"description": "A declared dimension.", "example": "device"}
    )


class CellSchema(AnswerSchema):
    """Likes of one cell."""

    cell = member(fields.String, "Value of the dimension; `undisclosed` is the last one.")
    likes = fields.Nested(NumberSchema, required=True)


class BreakdownSchema(AnswerSchema):
    """Likes of a video by cell."""

    video_id = member(fields.String, "Id of the video.")
    dimension = member(fields.String, "Name of the dimension.")
    total = fields.Nested(NumberSchema, required=True)
    cells = fields.List(
        fields.Nested(CellSchema),
        required=True,
        metadata={"description": "All cells of the dimension, in their declared order."},
    )
    other = fields.Nested(
        NumberSchema,
        required=True,
        metadata={
            "description": "The total less the published cells, made from published numbers only. "
            "Not the cell that some dimensions call `other`."
        },
    )


class Cell(msgspec.Struct, frozen=True):
    """Likes of one cell."""

    cell: str
    likes: Number


class Breakdown(msgspec.Struct, frozen=True):
    """Likes of a video by cell."""

    video_id: str
    dimension: str
    total: Number
    cells: list[Cell]
    other: Number


def get_breakdown(services: PublicServices, call: Call) -> Answer:
    """Answer one breakdown.

    Raises:
        NotFoundError: there is no such video, or its policy declares no such dimension.
    """
    video_id, dimension = call.path["video_id"], call.path["dimension"]
    standing = services.standings.of(video_id, LIKE)
    declared = _breakdowns(standing, services.gallery)
    if dimension not in declared:
        raise NotFoundError(f"there is no dimension {dimension}; declared are {', '.join(declared)}")
    figures = declared[dimension]
    document = Breakdown(
        video_id=video_id,
        dimension=dimension,
        total=number_of(standing, standing.release.total if standing.release else None),
        cells=[Cell(cell, number_of(standing, figure)) for cell, figure in figures.cells.items()],
        other=number_of(standing, figures.other),
    )
    return json_answer(document, max_age_seconds=max_age_seconds(standing.next_release_at_ms, call.now_ms))


def _breakdowns(standing: Standing, gallery: GalleryReader) -> Mapping[str, BreakdownFigures]:
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


OPERATION: Operation[PublicServices] = Operation(
    method="GET",
    path="/v1/videos/{video_id}/likes/breakdowns/{dimension}",
    operation_id="get_breakdown",
    summary="Likes of a video by cell of a dimension",
    description="The likes by age band, gender, region, language, device or hour of day: the dimensions that "
    "the policy declares (`GET /v1/privacy` lists them). Published cells and `other` add up to the total.",
    tag="public",
    scope="read",
    handler=get_breakdown,
    path_schema=BreakdownPathSchema,
    responses={
        200: Response(
            "The breakdown.",
            BreakdownSchema,
            {
                "video_id": "v-4711",
                "dimension": "device",
                "total": PUBLISHED_EXAMPLE,
                "cells": [
                    {"cell": "android", "likes": PUBLISHED_EXAMPLE | {"value": 842, "ci95": [781, 903]}},
                    {"cell": "ios", "likes": PUBLISHED_EXAMPLE | {"value": 391, "ci95": [330, 452]}},
                    {"cell": "web", "likes": WITHHELD_EXAMPLE},
                    {"cell": "other", "likes": WITHHELD_EXAMPLE},
                    {"cell": "undisclosed", "likes": WITHHELD_EXAMPLE},
                ],
                "other": WITHHELD_EXAMPLE,
            },
        )
    },
)
