"""The operations of the catalogue: videos and creators are registered alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from marshmallow import Schema

from api.http.operation import Body, Operation, Response
from api.platform.answers import registered_schema, registrations_schema
from api.platform.batch_body import BATCH_PROBLEMS, BATCHES, batch_of, problem
from api.platform.fields import PublicId
from api.platform.headers import IdempotencyHeaderSchema
from api.platform.schemas import (
    CreatorMetadataSchema,
    CreatorToRegisterSchema,
    VideoMetadataSchema,
    VideoToRegisterSchema,
    creator_metadata,
    video_metadata,
)
from api.platform.targets import TargetRoutes

if TYPE_CHECKING:
    from api.platform.services import PlatformServices

MAX_TARGET_BYTES = 64 * 1024

VIDEOS = TargetRoutes(
    word="video",
    plural="videos",
    start="posted_at",
    one=VideoMetadataSchema,
    listed=VideoToRegisterSchema,
    metadata=video_metadata,
    example={
        "posted_at": "2026-05-03T12:00:00Z",
        "creator_id": "c-12",
        "title": "Sourdough in 40 seconds",
        "hashtags": ["baking", "sourdough"],
        "duration_seconds": 40,
    },
    example_id="v-4711",
)
CREATORS = TargetRoutes(
    word="creator",
    plural="creators",
    start="counted_from",
    one=CreatorMetadataSchema,
    listed=CreatorToRegisterSchema,
    metadata=creator_metadata,
    example={"counted_from": "2026-05-01T00:00:00Z", "name": "Anna bakes"},
    example_id="c-12",
)


def catalogue_operations() -> tuple[Operation[PlatformServices], ...]:
    """One target, and many, of each type."""
    return tuple(make(routes) for routes in (VIDEOS, CREATORS) for make in (_put, _post))


def _put(routes: TargetRoutes) -> Operation[PlatformServices]:
    def answer(verdict: str) -> dict[str, str]:
        return {routes.id_name: routes.example_id, "verdict": verdict}

    identifier = PublicId(
        required=True, metadata={"description": f"Id of the {routes.word}.", "example": routes.example_id}
    )
    schema = registered_schema(routes.word)
    return Operation(
        method="PUT",
        path=f"/v1/{routes.plural}/{{{routes.id_name}}}",
        operation_id=f"put_{routes.word}",
        summary=f"Register a {routes.word}",
        description=f"Registers a {routes.word}, or replaces its public metadata. `{routes.start}` starts "
        "the schedule of its releases and never changes.",
        tag="platform",
        scope="ingest",
        handler=routes.put,
        responses={
            200: Response("It was registered before.", schema, answer("updated")),
            201: Response("It is registered now.", schema, answer("created")),
            409: problem(f"It is registered with another {routes.start}."),
        },
        path_schema=Schema.from_dict({routes.id_name: identifier}),
        body=Body(routes.one, dict(routes.example), MAX_TARGET_BYTES),
    )


def _post(routes: TargetRoutes) -> Operation[PlatformServices]:
    verdicts = {"created": 1, "updated": 0, "unchanged": 0, "conflict": 0, "invalid": 0}
    answer = {"received": 1, "verdicts": verdicts, "not_registered": []}
    return Operation(
        method="POST",
        path=f"/v1/{routes.plural}",
        operation_id=f"post_{routes.plural}",
        summary=f"Register many {routes.plural}",
        description=f"Does for each what `PUT /v1/{routes.plural}/{{{routes.id_name}}}` does.\n\n{BATCHES}",
        tag="platform",
        scope="ingest",
        handler=routes.post,
        responses={
            200: Response(f"Every {routes.word} has its verdict.", registrations_schema(routes.word), answer),
            **BATCH_PROBLEMS,
        },
        header_schema=IdempotencyHeaderSchema,
        body=batch_of(routes.listed, {routes.id_name: routes.example_id, **routes.example}),
    )
