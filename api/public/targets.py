"""`GET /v1/videos/{video_id}`, `GET /v1/videos?ids=…`, and the same of creators: public metadata."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, fields

from api.http.arguments import IdentifierList
from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.public.kinds import FOLLOWERS, GONE, LIKES, KindRoutes
from api.public.numbers import PUBLISHED_EXAMPLE, AnswerSchema, NumberSchema, number_of, required_field
from api.public.release_cache import shown
from api.public.services import PublicServices
from privacy.model.documents import TargetDocument
from privacy.model.timestamp import format_timestamp

MAX_IDS = 100
METADATA_MAX_AGE_SECONDS = 10
"""Metadata may change at any time, unlike releases."""


@dataclass(frozen=True)
class TargetResource:
    """What is shown of one type of target.

    Args:
        spelling: the kind whose total stands in lists.
        schema: of its metadata.
        metadata: what that is.
        example: of it.
    """

    spelling: KindRoutes
    schema: type[Schema]
    metadata: Callable[[TargetDocument], dict[str, Any]]
    example: Mapping[str, Any]

    def operations(self) -> tuple[Operation[PublicServices], ...]:
        """Several of them, and one."""
        return self._several(), self._one()

    def _one(self) -> Operation[PublicServices]:
        spelling, target = self.spelling, self.spelling.target

        def get_target(services: PublicServices, call: Request) -> Response:
            target_id = call.path[target.id_name]
            standing = shown(services.gallery.standing(target_id, spelling.kind), target_id, spelling.kind)
            return json_response(self.metadata(standing.target), max_age_seconds=METADATA_MAX_AGE_SECONDS)

        return Operation(
            method="GET",
            path=target.path,
            operation_id=f"get_{target.word}",
            summary=f"A {target.word}",
            description=f"Public metadata of a {target.word}, as the platform declared it.",
            tag="public",
            scope="read",
            handler=get_target,
            path_schema=target.path_schema(),
            responses={
                200: ResponseDoc(f"The {target.word}.", self.schema, dict(self.example)),
                410: GONE,
            },
        )

    def _several(self) -> Operation[PublicServices]:
        target, noun = self.spelling.target, self.spelling.noun
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
            description=f"Metadata and totals of up to {MAX_IDS} {target.plural}; ids that are no "
            f"{target.word}, and those of what was taken down, are listed.",
            tag="public",
            scope="read",
            handler=self._get_several,
            query_schema=_ids_schema(target.example_id),
            responses={200: ResponseDoc(f"The {target.plural}.", self._several_schema(), example)},
        )

    def _get_several(self, services: PublicServices, call: Request) -> Response:
        """Answer several targets: one answer for one set of ids, however it is spelled."""
        kind, noun = self.spelling.kind, self.spelling.noun
        ids = sorted(set(call.query["ids"]))
        found, gone, unknown = [], [], []
        for target_id, standing in zip(ids, services.gallery.standings(ids, kind), strict=True):
            if standing is None:
                unknown.append(target_id)
            elif standing.target.taken_down is not None:
                gone.append(target_id)
            else:
                total = number_of(standing, standing.release.total if standing.release else None)
                found.append({**self.metadata(standing.target), noun: total})
        document = {self.spelling.target.plural: found, "gone": gone, "unknown": unknown}
        return json_response(document, max_age_seconds=METADATA_MAX_AGE_SECONDS)

    def _several_schema(self) -> type[Schema]:
        target, noun = self.spelling.target, self.spelling.noun
        name = f"{target.word.capitalize()}With{noun.capitalize()}"
        total = fields.Nested(NumberSchema, required=True)
        one: type[Schema] = self.schema.from_dict({noun: total}, name=name)
        members: dict[str, fields.Field[Any]] = {
            target.plural: _listed(fields.Nested(one), "In the order of their ids."),
            "gone": _listed(fields.String(), f"Ids of {target.plural} that were taken down, in order."),
            # Under its own name it would be taken for a schema's rule about unknown members.
            "unknown_ids": _listed(
                fields.String(), f"Ids of no {target.word}, in order.", data_key="unknown"
            ),
        }
        return AnswerSchema.from_dict(members, name=target.plural.capitalize())


def _listed(item: fields.Field[Any], description: str, **options: Any) -> fields.List[Any]:
    return fields.List(item, required=True, metadata={"description": description}, **options)


def _ids_schema(example_id: str) -> type[Schema]:
    ids = IdentifierList(
        MAX_IDS,
        required=True,
        metadata={
            "description": f"Up to {MAX_IDS} ids with commas between; order and repetition do not matter.",
            "example": [example_id, f"{example_id}3"],
        },
    )
    return Schema.from_dict({"ids": ids})


class VideoSchema(AnswerSchema):
    """Public metadata of a video."""

    video_id = required_field(fields.String, "Id of the video.")
    creator_id = required_field(fields.String, "Id of its creator.", allow_none=True)
    title = required_field(fields.String, "Title.", allow_none=True)
    hashtags = fields.List(
        fields.String(), required=True, metadata={"description": "Hashtags without their #."}
    )
    sound_id = required_field(fields.String, "Id of the sound.", allow_none=True)
    duration_seconds = required_field(fields.Integer, "Length.", strict=True, allow_none=True)
    posted_at = required_field(
        fields.DateTime, "When it was posted, in UTC; its schedule starts here.", format="iso"
    )
    policy_version = required_field(fields.String, "The policy it is bound to; see `GET /v1/privacy`.")


def _video_metadata(target: TargetDocument) -> dict[str, Any]:
    return {
        "video_id": target.target_id,
        "creator_id": target.creator_id,
        "title": target.title,
        "hashtags": target.hashtags,
        "sound_id": target.sound_id,
        "duration_seconds": target.duration_seconds,
        "posted_at": format_timestamp(target.starts_at_ms),
        "policy_version": target.policy_version,
    }


VIDEO_PROFILE = TargetResource(
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
        "policy_version": "2026-11-default",
    },
)


class CreatorSchema(AnswerSchema):
    """Public metadata of a creator."""

    creator_id = required_field(fields.String, "Id of the creator.")
    name = required_field(fields.String, "Name.", allow_none=True)
    counted_from = required_field(
        fields.DateTime, "From when on followers are counted, in UTC; the schedule starts here.", format="iso"
    )
    policy_version = required_field(fields.String, "The policy it is bound to; see `GET /v1/privacy`.")


def _creator_metadata(target: TargetDocument) -> dict[str, Any]:
    return {
        "creator_id": target.target_id,
        "name": target.title,
        "counted_from": format_timestamp(target.starts_at_ms),
        "policy_version": target.policy_version,
    }


CREATOR_PROFILE = TargetResource(
    FOLLOWERS,
    CreatorSchema,
    _creator_metadata,
    {
        "creator_id": "c-12",
        "name": "Anna bakes",
        "counted_from": "2026-05-01T00:00:00Z",
        "policy_version": "2026-11-default",
    },
)
