"""How each kind of engagement is spelled in paths and answers: one implementation serves them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, fields

from api.http.arguments import Identifier
from api.http.openapi import ProblemSchema
from api.http.operation import ResponseDoc
from api.http.problems import PROBLEM_JSON
from api.public.numbers import AnswerSchema, required_field
from privacy.model.engagement import Kind, TargetType

GONE = ResponseDoc(
    "It was taken down, for the reason that `reason` states; it may come back.",
    ProblemSchema,
    media_type=PROBLEM_JSON,
)


@dataclass(frozen=True)
class TargetRoutes:
    """A type of target.

    Args:
        target_type: video or creator.
        plural: as it stands in paths.
        example_id: for the docs.
    """

    target_type: TargetType
    plural: str
    example_id: str

    @property
    def word(self) -> str:
        """One of them."""
        return self.target_type.value

    @property
    def id_name(self) -> str:
        """The member that names one of them."""
        return f"{self.word}_id"

    @property
    def path(self) -> str:
        """Of one of them."""
        return f"/v1/{self.plural}/{{{self.id_name}}}"

    def path_schema(self, more: Mapping[str, fields.Field[Any]] | None = None) -> type[Schema]:
        """Path arguments of everything about one of them."""
        identifier = Identifier(
            required=True, metadata={"description": f"Id of the {self.word}.", "example": self.example_id}
        )
        return Schema.from_dict({self.id_name: identifier, **(more or {})})

    def answer_schema(self, name: str, more: Mapping[str, fields.Field[Any]]) -> type[Schema]:
        """What is answered about one of them.

        Args:
            name: of the schema in the API's description.
            more: members beside its id.
        """
        identifier = required_field(fields.String, f"Id of the {self.word}.")
        return AnswerSchema.from_dict({self.id_name: identifier, **more}, name=name)


VIDEO = TargetRoutes(TargetType.VIDEO, "videos", "v-4711")
CREATOR = TargetRoutes(TargetType.CREATOR, "creators", "c-12")


@dataclass(frozen=True)
class KindRoutes:
    """A kind.

    Args:
        kind: what is counted.
        noun: what the counted ones are called, in paths and as a member.
        did: what an account did, as in "how many accounts like the video".
        target: what is engaged with.
    """

    kind: Kind
    noun: str
    did: str
    target: TargetRoutes

    @property
    def path(self) -> str:
        """Of the total."""
        return f"{self.target.path}/{self.noun}"

    @property
    def title(self) -> str:
        """At the start of a sentence."""
        return f"{self.noun.capitalize()} of a {self.target.word}"

    def schema_name(self, name: str) -> str:
        """Name of a schema of this kind in the API's description."""
        return f"{self.noun.capitalize()}{name}"


LIKES = KindRoutes(Kind.LIKE, "likes", "like", VIDEO)
FAVORITES = KindRoutes(Kind.FAVORITE, "favorites", "keep as a favourite", VIDEO)
FOLLOWERS = KindRoutes(Kind.FOLLOW, "followers", "follow", CREATOR)
KIND_ROUTES = (LIKES, FAVORITES, FOLLOWERS)
