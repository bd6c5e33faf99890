"""`GET /v1/videos/{video_id}`, `GET /v1/videos?ids=…`, and the same for creators: public metadata."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from marshmallow import Schema, fields

from api.http.arguments import IdentifierList
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.public.access.readable import creator_of, is_readable, require_readable_target
from api.public.kinds import FOLLOWERS, GONE_DOC, LIKES, KindRoutes
from api.public.numbers import PUBLISHED_EXAMPLE, NumberSchema, make_current_number
from api.public.release_cache import require_available
from api.public.response_fields import ResponseSchema, list_field, required_field
from api.public.services import PublicServices
from privacy.gallery.reader import CurrentRelease
from privacy.model.documents import TargetDocument
from privacy.model.timestamp import format_timestamp

MAX_IDS = 100
METADATA_MAX_AGE_SECONDS = 10
"""Unlike releases, metadata may change at any time."""


@dataclass(frozen=True)
class TargetResource:
    """The public metadata of one type of target.

    Args:
        routes: the kind whose total is part of lists.
        schema: schema of the metadata.
        metadata: builds the metadata from a stored document.
        example: metadata for the API documentation.
    """

    routes: KindRoutes
    schema: type[Schema]
    metadata: Callable[[TargetDocument], dict[str, Any]]
    example: Mapping[str, Any]

    @cached_property
    def described_schema(self) -> type[Schema]:
        """The schema of what `describe` returns."""
        noun = self.routes.noun
        name = f"{self.routes.target.word.capitalize()}With{noun.capitalize()}"
        return self.schema.from_dict({noun: fields.Nested(NumberSchema, required=True)}, name=name)

    def describe(self, current: CurrentRelease, now_ms: int) -> dict[str, Any]:
        """Returns the metadata of a target and its total."""
        figure = current.release.total if current.release else None
        total = make_current_number(current, figure, now_ms)
        return {**self.metadata(current.target), self.routes.noun: total}

    def make_single_operation(self) -> Operation[PublicServices]:
        """Returns the operation that reads one target."""
        routes, target = self.routes, self.routes.target

        def get_target(services: PublicServices, request: Request) -> Response:
            target_id = request.path[target.id_name]
            require_readable_target(services.gallery, request.key, target.target_type, target_id)
            current = require_available(
                services.gallery.read_current_release(target_id, routes.kind), target_id, routes.kind
            )
            return json_response(self.metadata(current.target), max_age_seconds=METADATA_MAX_AGE_SECONDS)

        return Operation(
            method="GET",
            path=target.path,
            operation_id=f"get_{target.word}",
            summary=f"A {target.word}",
            description=f"Public metadata of a {target.word}, as the platform declared it.",
            tag="public",
            scope="read",
            limited="checked",
            handler=get_target,
            path_schema=target.make_path_schema(),
            responses={
                200: ResponseDoc(f"The {target.word}.", self.schema, dict(self.example)),
                410: GONE_DOC,
            },
        )

    def make_list_operation(self) -> Operation[PublicServices]:
        """Returns the operation that reads several targets by their ids."""
        target, noun = self.routes.target, self.routes.noun
        example = {
            target.plural: [{**self.example, noun: PUBLISHED_EXAMPLE}],
            "gone": [],
            "unknown": ["x-1"],
        }
        return Operation(
            method="GET",
            path=f"/v1/{target.plural}",
            operation_id=f"get_{target.plural}",
            summary=f"Several {target.plural} with their {noun}",
            description=f"Metadata and totals of up to {MAX_IDS} {target.plural}. Ids of {target.plural} "
            "that do not exist or were taken down are listed separately; to a key that is limited to "
            "creators, those of others do not exist.",
            tag="public",
            scope="read",
            rows=target.plural,
            limited="checked",
            handler=self._get_list,
            query_schema=Schema.from_dict({"ids": make_ids_field(target.example_id, required=True)}),
            responses={200: ResponseDoc(f"The {target.plural}.", self._make_list_schema(), example)},
        )

    def _get_list(self, services: PublicServices, request: Request) -> Response:
        return json_response(self.read_list(services, request), max_age_seconds=METADATA_MAX_AGE_SECONDS)

    def read_list(self, services: PublicServices, request: Request) -> dict[str, Any]:
        """Returns the targets with the ids of a request, whatever the order of these."""
        kind = self.routes.kind
        ids = sorted(set(request.query["ids"]))
        found, gone, unknown = [], [], []
        for target_id, current in zip(ids, services.gallery.read_current_releases(ids, kind), strict=True):
            if current is None or not is_readable(request.key, creator_of(current.target)):
                unknown.append(target_id)
            elif current.target.taken_down is not None:
                gone.append(target_id)
            else:
                found.append(self.describe(current, request.now_ms))
        return {self.routes.target.plural: found, "gone": gone, "unknown": unknown}

    def _make_list_schema(self) -> type[Schema]:
        target = self.routes.target
        members: dict[str, fields.Field[Any]] = {
            target.plural: list_field(
                fields.Nested(self.described_schema), f"The {target.plural}, ordered by id."
            ),
            "gone": list_field(fields.String(), f"Ids of {target.plural} that were taken down, ordered."),
            # The attribute `unknown` of a schema is its rule about unknown members.
            "unknown_ids": list_field(
                fields.String(), f"Ids that are not those of a {target.word}, ordered.", data_key="unknown"
            ),
        }
        return ResponseSchema.from_dict(members, name=target.plural.capitalize())


def make_ids_field(example_id: str, **options: Any) -> IdentifierList:
    """Returns the query parameter that lists ids."""
    return IdentifierList(
        MAX_IDS,
        metadata={
            "description": f"Up to {MAX_IDS} ids, separated by commas; order and repetition do not matter.",
            "example": [example_id, f"{example_id}3"],
        },
        **options,
    )


class VideoSchema(ResponseSchema):
    """Public metadata of a video."""

    video_id = required_field(fields.String, "Id of the video.")
    creator_id = required_field(fields.String, "Id of its creator.", allow_none=True)
    title = required_field(fields.String, "Title.", allow_none=True)
    hashtags = list_field(fields.String(), "Hashtags without the #.")
    sound_id = required_field(fields.String, "Id of the sound.", allow_none=True)
    duration_seconds = required_field(fields.Integer, "Duration of the video.", strict=True, allow_none=True)
    posted_at = required_field(fields.DateTime, "When it was posted, in UTC.", format="iso")
    counted_from = required_field(
        fields.DateTime,
        "When its release schedule starts, in UTC: when it was posted, or, if it was registered long after "
        "that, when it was registered.",
        format="iso",
    )
    policy_version = required_field(
        fields.String, "Version of the policy that it is bound to; see `GET /v1/privacy`."
    )


def _video_metadata(target: TargetDocument) -> dict[str, Any]:
    return {
        "video_id": target.target_id,
        "creator_id": target.creator_id,
        "title": target.title,
        "hashtags": target.hashtags,
        "sound_id": target.sound_id,
        "duration_seconds": target.duration_seconds,
        "posted_at": format_timestamp(target.declared_start_ms),
        "counted_from": format_timestamp(target.starts_at_ms),
        "policy_version": target.policy_version,
    }


VIDEOS = TargetResource(
    LIKES,
    VideoSchema,
    _video_metadata,
    {
        "video_id": "v-4711",
        "creator_id": "c-12",
        "title": "Sourdough in 40 seconds",
        "hashtags": ["baking", "sourdough"],
        "sound_id": None,
        "duration_seconds": 40,
        "posted_at": "2026-05-03T12:00:00Z",
        "counted_from": "2026-05-03T12:00:00Z",
        "policy_version": "2026-12-default",
    },
)


class CreatorSchema(ResponseSchema):
    """Public metadata of a creator."""

    creator_id = required_field(fields.String, "Id of the creator.")
    name = required_field(fields.String, "Name.", allow_none=True)
    counted_from = required_field(
        fields.DateTime,
        "When the counting of followers and the release schedule start, in UTC.",
        format="iso",
    )
    policy_version = required_field(
        fields.String, "Version of the policy that it is bound to; see `GET /v1/privacy`."
    )


def _creator_metadata(target: TargetDocument) -> dict[str, Any]:
    return {
        "creator_id": target.target_id,
        "name": target.title,
        "counted_from": format_timestamp(target.starts_at_ms),
        "policy_version": target.policy_version,
    }


CREATORS = TargetResource(
    FOLLOWERS,
    CreatorSchema,
    _creator_metadata,
    {
        "creator_id": "c-12",
        "name": "Anna bakes",
        "counted_from": "2026-05-01T00:00:00Z",
        "policy_version": "2026-12-default",
    },
)
