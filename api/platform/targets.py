"""`PUT /v1/videos/{video_id}`, `POST /v1/videos`, and the same for creators: registers targets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, fields

from api.http.arguments import load
from api.http.idempotency import IdempotencyHeaderSchema, idempotency_problems
from api.http.openapi import problem_doc
from api.http.operation import Body, Operation, Request, Response, ResponseDoc, json_response
from api.http.request_body import parse_json
from api.platform.batch import (
    BATCHES,
    TAKEN_AS,
    Batch,
    batch_body,
    batch_report,
    parse_item,
    report_schema,
    taken_as,
)
from api.platform.field_types import PublicId
from api.platform.metadata_schemas import (
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
from privacy.intake.taken import Takings
from privacy.intake.time_bounds import TimeBounds
from privacy.policy.policy import IntakePolicy

MAX_TARGET_BYTES = 64 * 1024
_PASSED = (Registration.CREATED, Registration.UPDATED, Registration.UNCHANGED)


@dataclass(frozen=True)
class TargetRoutes:
    """The routes that register targets of one type.

    Args:
        word: the singular.
        plural: the plural, as in paths.
        start: the field that starts the schedule.
        schema: schema of the metadata.
        listed_schema: schema of the metadata and the id.
        to_metadata: converts an id and loaded metadata.
        example: example of the metadata.
        example_id: example of the id.
    """

    word: str
    plural: str
    start: str
    schema: type[Schema]
    listed_schema: type[Schema]
    to_metadata: Callable[[str, dict[str, Any]], TargetMetadata]
    example: Mapping[str, Any]
    example_id: str

    @property
    def id_name(self) -> str:
        """The field that holds the id."""
        return f"{self.word}_id"

    def put(self, services: PlatformServices, request: Request) -> Response:
        """Register a target, or replace its metadata.

        Raises:
            InvalidInputError: the metadata breaks a rule.
            ConflictError: the target is registered with another start.
        """
        loaded = load(self.schema(), parse_json(request.body))
        target = self._check(request.path[self.id_name], loaded, services.intake, request.now_ms)
        registration = services.catalogue.register([target], request.now_ms)[0]
        if registration is Registration.CONFLICT:
            raise ConflictError(
                f"The {self.word} is registered with another {self.start}, which never changes."
            )
        status = 201 if registration is Registration.CREATED else 200
        document = {self.id_name: target.target_id, "verdict": registration.value}
        return json_response(document | taken_as(Takings(loaded["taken"])), status=status)

    def post(self, services: PlatformServices, request: Request) -> Response:
        """Register a batch of targets, or replace their metadata.

        Raises:
            InvalidInputError: the batch as a whole cannot be read; nothing was stored.
        """
        batch = Batch.from_request(request)

        def register() -> Response:
            takings, schema = Takings(), self.listed_schema()
            targets = [
                self._parse(schema, item, services.intake, request.now_ms, takings) for item in batch.items()
            ]
            valid = [target for target in targets if isinstance(target, TargetMetadata)]
            verdicts = iter(services.catalogue.register(valid, request.now_ms))
            outcomes = [
                next(verdicts) if isinstance(target, TargetMetadata) else target for target in targets
            ]
            report = batch_report(outcomes, Registration, _PASSED, "not_registered", takings)
            return json_response(report)

        operation = f"POST /v1/{self.plural} {batch.media_type}"
        return services.idempotency.run_idempotent(request, operation, batch.raw, register)

    def _parse(
        self, schema: Schema, item: bytes, intake: IntakePolicy, now_ms: int, takings: Takings
    ) -> TargetMetadata | InvalidInputError:
        try:
            loaded = load(schema, parse_item(item, self.word))
            target = self._check(loaded.pop(self.id_name), loaded, intake, now_ms)
        except InvalidInputError as error:
            return error
        takings.update(loaded["taken"])
        return target

    def _check(
        self, target_id: str, loaded: dict[str, Any], intake: IntakePolicy, now_ms: int
    ) -> TargetMetadata:
        target = self.to_metadata(target_id, loaded)
        TimeBounds.at(now_ms, intake).check(self.start, target.starts_at_ms)
        return target


VIDEOS = TargetRoutes(
    word="video",
    plural="videos",
    start="posted_at",
    schema=VideoMetadataSchema,
    listed_schema=VideoToRegisterSchema,
    to_metadata=video_metadata,
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
    schema=CreatorMetadataSchema,
    listed_schema=CreatorToRegisterSchema,
    to_metadata=creator_metadata,
    example={"counted_from": "2026-05-01T00:00:00Z", "name": "Anna bakes"},
    example_id="c-12",
)


def operations() -> tuple[Operation[PlatformServices], ...]:
    """Return the operations that register one target, and a batch of targets, of each type."""
    return tuple(make(routes) for routes in (VIDEOS, CREATORS) for make in (_put, _post))


def _put(routes: TargetRoutes) -> Operation[PlatformServices]:
    identifier = PublicId(
        required=True, metadata={"description": f"Id of the {routes.word}.", "example": routes.example_id}
    )
    schema = Schema.from_dict(
        {
            routes.id_name: fields.String(
                required=True, metadata={"description": f"Id of the {routes.word}."}
            ),
            "verdict": fields.String(
                required=True,
                metadata={
                    "enum": [verdict.value for verdict in _PASSED],
                    "description": "The outcome.",
                },
            ),
            **TAKEN_AS,
        },
        name=f"{routes.word.capitalize()}Registration",
    )

    def example(verdict: Registration) -> dict[str, str]:
        return {routes.id_name: routes.example_id, "verdict": verdict.value}

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
            200: ResponseDoc(
                f"The {routes.word} was registered before.", schema, example(Registration.UPDATED)
            ),
            201: ResponseDoc(f"The {routes.word} is registered.", schema, example(Registration.CREATED)),
            409: problem_doc(f"The {routes.word} is registered with another {routes.start}."),
        },
        path_schema=Schema.from_dict({routes.id_name: identifier}),
        body=Body(routes.schema, dict(routes.example), MAX_TARGET_BYTES),
    )


def _post(routes: TargetRoutes) -> Operation[PlatformServices]:
    schema = report_schema(
        f"{routes.plural.capitalize()}Report",
        Registration,
        "not_registered",
        f"Every {routes.word} whose verdict is `conflict` or `invalid`.",
    )
    return Operation(
        method="POST",
        path=f"/v1/{routes.plural}",
        operation_id=f"post_{routes.plural}",
        summary=f"Register many {routes.plural}",
        description=f"Does for each item what `PUT /v1/{routes.plural}/{{{routes.id_name}}}` does."
        f"\n\n{BATCHES}",
        tag="platform",
        scope="ingest",
        handler=routes.post,
        responses={
            200: ResponseDoc(
                f"Every {routes.word} has its verdict.",
                schema,
                batch_report([Registration.CREATED], Registration, _PASSED, "not_registered"),
            ),
            **idempotency_problems(),
        },
        header_schema=IdempotencyHeaderSchema,
        body=batch_body(routes.listed_schema, {routes.id_name: routes.example_id, **routes.example}),
    )
