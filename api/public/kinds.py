"""Names of each kind of engagement in paths and responses: one implementation serves every kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, fields

from api.http.arguments import Identifier
from api.http.openapi import problem_doc
from api.public.response_fields import ResponseSchema, required_field
from privacy.model.engagement import Kind, TargetType

GONE_DOC = problem_doc("The target was taken down, for the reason in `reason`; it may come back.")


@dataclass(frozen=True)
class TargetRoutes:
    """Paths and names of a type of target.

    Args:
        target_type: video or creator.
        plural: the plural in paths.
        example_id: an id for the API documentation.
    """

    target_type: TargetType
    plural: str
    example_id: str

    @property
    def word(self) -> str:
        """The singular."""
        return self.target_type.value

    @property
    def id_name(self) -> str:
        """The member that holds a target's id."""
        return f"{self.word}_id"

    @property
    def path(self) -> str:
        """The path of one target."""
        return f"/v1/{self.plural}/{{{self.id_name}}}"

    def make_path_schema(self, more: Mapping[str, fields.Field[Any]] | None = None) -> type[Schema]:
        """Returns the schema of the path arguments below one target."""
        identifier = Identifier(
            required=True, metadata={"description": f"Id of the {self.word}.", "example": self.example_id}
        )
        return Schema.from_dict({self.id_name: identifier, **(more or {})})

    def make_response_schema(self, name: str, more: Mapping[str, fields.Field[Any]]) -> type[Schema]:
        """Returns the schema of a response about one target.

        Args:
            name: name of the schema in the API documentation.
            more: its members in addition to the id.
        """
        identifier = required_field(fields.String, f"Id of the {self.word}.")
        return ResponseSchema.from_dict({self.id_name: identifier, **more}, name=name)


VIDEO = TargetRoutes(TargetType.VIDEO, "videos", "v-4711")
CREATOR = TargetRoutes(TargetType.CREATOR, "creators", "c-12")


@dataclass(frozen=True)
class KindRoutes:
    """Paths and names of a kind of engagement.

    Args:
        kind: the kind that is counted.
        noun: the plural of the engagements, in paths and as a member.
        verb: what an account does, as in "how many accounts like the video".
        target: the type of target that is engaged with.
    """

    kind: Kind
    noun: str
    verb: str
    target: TargetRoutes

    @property
    def path(self) -> str:
        """The path of the total."""
        return f"{self.target.path}/{self.noun}"

    @property
    def title(self) -> str:
        """The kind at the start of a sentence."""
        return f"{self.noun.capitalize()} of a {self.target.word}"

    def name_schema(self, name: str) -> str:
        """Returns the name of a schema of this kind in the API documentation."""
        return f"{self.noun.capitalize()}{name}"


LIKES = KindRoutes(Kind.LIKE, "likes", "like", VIDEO)
FAVORITES = KindRoutes(Kind.FAVORITE, "favorites", "keep as a favourite", VIDEO)
FOLLOWERS = KindRoutes(Kind.FOLLOW, "followers", "follow", CREATOR)
KIND_ROUTES = (LIKES, FAVORITES, FOLLOWERS)
