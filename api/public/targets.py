"""`GET /v1/videos/{video_id}`, `GET /v1/videos?ids=…`, and the same of creators: public metadata."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marshmallow import Schema, fields

from api.http.arguments import IdentifierList
from api.http.operation import Answer, Call, Operation, Response, json_answer
from api.public.kinds import GONE
from api.public.numbers import PUBLISHED_EXAMPLE, AnswerSchema, NumberSchema, number_of
from api.public.standings import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from api.public.kinds import Spelling
    from api.public.services import PublicServices
    from privacy.gallery.documents import TargetDocument

MOST_IDS = 100
METADATA_MAX_AGE_SECONDS = 10
"""Metadata may change at any time, unlike releases."""


@dataclass(frozen=True)
class Profile:
    """What is shown of one type of target.

    Args:
        spelling: the kind whose total stands in lists.
        schema: of its metadata.
        metadata: what that is.
        example: of it.
    """

    spelling: Spelling
    schema: type[Schema]
    metadata: Callable[[TargetDocument], dict[str, Any]]
    example: Mapping[str, Any]

    def operations(self) -> tuple[Operation[PublicServices], ...]:
        """Several of them, and one."""
        return self._several(), self._one()

    def _one(self) -> Operation[PublicServices]:
        spelling, target = self.spelling, self.spelling.target

        def get_target(services: PublicServices, call: Call) -> Answer:
            target_id = call.path[target.id_name]
            standing = shown(services.gallery.standing(target_id, spelling.kind), target_id, spelling.kind)
            return json_answer(self.metadata(standing.target), max_age_seconds=METADATA_MAX_AGE_SECONDS)

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
                200: Response(f"The {target.word}.", self.schema, dict(self.example)),
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
            description=f"Metadata and totals of up to {MOST_IDS} {target.plural}; ids that are no "
            f"{target.word}, and those of what was taken down, are listed.",
            tag="public",
            scope="read",
            handler=self._get_several,
            query_schema=_ids_schema(target.example_id),
            responses={200: Response(f"The {target.plural}.", self._several_schema(), example)},
        )

    def _get_several(self, services: PublicServices, call: Call) -> Answer:
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
        return json_answer(document, max_age_seconds=METADATA_MAX_AGE_SECONDS)

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
        MOST_IDS,
        required=True,
        metadata={
            "description": f"Up to {MOST_IDS} ids with commas between; order and repetition do not matter.",
            "example": [example_id, f"{example_id}3"],
        },
    )
    return Schema.from_dict({"ids": ids})
