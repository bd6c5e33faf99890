"""`PUT /v1/videos/{video_id}`, `POST /v1/videos`, and the same of creators: the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema

from api.http.arguments import load
from api.http.idempotency import IdempotencyHeaderSchema
from api.http.operation import Body, Operation, Request, Response, ResponseDoc, json_response
from api.http.request_body import parse_json
from api.platform.batch import BATCH_PROBLEMS, BATCHES, Batch, batch_of, problem
from api.platform.batch_report import batch_report, registered_schema, registrations_schema
from api.platform.fields import PublicId
from api.platform.schemas import (
    CreatorMetadataSchema,
    CreatorToRegisterSchema,
    VideoMetadataSchema,
    VideoToRegisterSchema,
    creator_metadata,
    video_metadata,
)
from api.platform.services import PlatformServices
from privacy.catalogue.catalogue import Registration, TargetMetadata
from privacy.errors import ConflictError, InvalidInputError
from privacy.intake.time_bounds import TimeBounds
from privacy.policy.policy import IntakePolicy

PASSED = (Registration.CREATED, Registration.UPDATED, Registration.UNCHANGED)


@dataclass(frozen=True)
class TargetRoutes:
    """How targets of one type are registered.

    Args:
        word: one of them.
        plural: as it stands in paths.
        start: the field that starts the schedule.
        one: schema of its metadata.
        listed: the same with its id.
        metadata: makes what the catalogue takes of what a schema loaded.
        example: of the metadata.
        example_id: of the id.
    """

    word: str
    plural: str
    start: str
    one: type[Schema]
    listed: type[Schema]
    metadata: Callable[[str, dict[str, Any]], TargetMetadata]
    example: Mapping[str, Any]
    example_id: str

    @property
    def id_name(self) -> str:
        """The field that names one of them."""
        return f"{self.word}_id"

    def put(self, services: PlatformServices, call: Request) -> Response:
        """Register one, or replace its metadata.

        Raises:
            InvalidInputError: the metadata breaks a rule.
            ConflictError: it is registered with another start.
        """
        loaded = load(self.one(), parse_json(call.body))
        target = self._checked(call.path[self.id_name], loaded, services.intake, call.now_ms)
        registration = services.registry.register([target], call.now_ms)[0]
        if registration is Registration.CONFLICT:
            raise ConflictError(
                f"the {self.word} is registered with another {self.start}, which never changes"
            )
        status = 201 if registration is Registration.CREATED else 200
        return json_response({self.id_name: target.target_id, "verdict": registration.value}, status=status)

    def post(self, services: PlatformServices, call: Request) -> Response:
        """Register many, or replace their metadata.

        Raises:
            InvalidInputError: the batch as a whole cannot be read; nothing was stored.
        """
        batch = Batch.from_request(call)

        def register() -> Response:
            targets = [self._read(item, services.intake, call.now_ms) for item in batch.items()]
            valid = [target for target in targets if isinstance(target, TargetMetadata)]
            verdicts = iter(services.registry.register(valid, call.now_ms))
            outcomes = [
                next(verdicts) if isinstance(target, TargetMetadata) else target for target in targets
            ]
            return json_response(batch_report(outcomes, Registration, PASSED, "not_registered"))

        name = f"POST /v1/{self.plural} {batch.media_type}"
        return services.idempotency.run_idempotent(call, name, batch.raw, register)

    def _read(self, item: bytes, intake: IntakePolicy, now_ms: int) -> TargetMetadata | InvalidInputError:
        try:
            loaded = load(self.listed(), parse_json(item, self.word))
            return self._checked(loaded.pop(self.id_name), loaded, intake, now_ms)
        except InvalidInputError as error:
            return error

    def _checked(
        self, target_id: str, loaded: dict[str, Any], intake: IntakePolicy, now_ms: int
    ) -> TargetMetadata:
        target = self.metadata(target_id, loaded)
        TimeBounds.at(now_ms, intake).check(self.start, target.starts_at_ms)
        return target


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
            200: ResponseDoc("It was registered before.", schema, answer("updated")),
            201: ResponseDoc("It is registered now.", schema, answer("created")),
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
            200: ResponseDoc(
                f"Every {routes.word} has its verdict.", registrations_schema(routes.word), answer
            ),
            **BATCH_PROBLEMS,
        },
        header_schema=IdempotencyHeaderSchema,
        body=batch_of(routes.listed, {routes.id_name: routes.example_id, **routes.example}),
    )
