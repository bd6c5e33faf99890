"""Paths and names of the scopes of audiences: one implementation serves every scope."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields

from api.http.arguments import Identifier
from api.http.openapi import problem_doc
from api.http.operation import Request
from api.public.access.readable import require_readable
from api.public.services import PublicServices
from privacy.errors import GoneError, NotFoundError, StoreError
from privacy.gallery.reader import GalleryReader
from privacy.model.audience import (
    PLATFORM_ID,
    Scope,
    audience_kind,
    period_at,
    period_name,
    period_start_ms,
)
from privacy.model.documents import CURRENT_VERSION, GuaranteeDocument
from privacy.model.sandbox import POLICY_SUFFIX, TARGET_PREFIX, is_canary
from privacy.model.spelling import spelling_key

MAX_HASHTAG_CHARACTERS: Final = 400
"""Before its spelling is made the common one; afterwards, it has 100 at most."""


class HashtagArgument(fields.String):
    """A hashtag in any spelling, with its `#` or without, loaded as the spelling that all of them share."""

    def __init__(self, **options: Any) -> None:
        metadata = {"minLength": 1, "maxLength": MAX_HASHTAG_CHARACTERS, **options.pop("metadata", {})}
        super().__init__(metadata=metadata, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text = super()._deserialize(value, attr, data, **options)
        if not 0 < len(text) <= MAX_HASHTAG_CHARACTERS:
            raise ValidationError(f"has {len(text)} characters; a hashtag of 1 to {MAX_HASHTAG_CHARACTERS}")
        return spelling_key(text).lstrip("#")


class CellArgument(fields.String):
    """A cell of a breakdown, as the policy spells it; of a joint dimension, with slashes."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text = super()._deserialize(value, attr, data, **options)
        if not 0 < len(text) <= MAX_CELL_CHARACTERS:
            raise ValidationError(f"has {len(text)} characters; 1 to {MAX_CELL_CHARACTERS}")
        return str(text)


MAX_CELL_CHARACTERS: Final = 1_024


@dataclass(frozen=True)
class ScopeRoutes:
    """Paths and names of a scope.

    Args:
        scope: the scope.
        plural: the plural in paths; the word itself for the platform.
        id_name: the argument in paths and the member that names one of the scope; None for the platform.
        field: makes the field of that argument.
        example_id: an id for the API documentation.
        of_what: of what a like counts, as in "any video of the creator".
        article: before the scope's name in a sentence.
    """

    scope: Scope
    plural: str
    id_name: str | None
    field: Callable[..., fields.Field[Any]]
    example_id: str
    of_what: str
    article: str = "a"

    @property
    def path(self) -> str:
        """The path of the audience of one of the scope."""
        middle = f"/{{{self.id_name}}}" if self.id_name else ""
        return f"/v1/{self.plural}{middle}/audience"

    @property
    def unknown(self) -> str:
        """Returns the sentence on a scope that no video names; empty for the platform."""
        if self.scope is Scope.PLATFORM:
            return ""
        return (
            f"The public plane does not know which {self.plural} videos name: one that no video has gets the "
            "response of a new one, without any period. "
        )

    def make_path_schema(self) -> type[Schema] | None:
        """Returns the schema of the path arguments; None without any."""
        if self.id_name is None:
            return None
        metadata = {"description": f"The {self.scope.value}.", "example": self.example_id}
        return Schema.from_dict({self.id_name: self.field(required=True, metadata=metadata)})

    def find_id(self, services: PublicServices, request: Request) -> str:
        """Returns the id of the audience that is asked for.

        Raises:
            NotFoundError: no hashtag is written like this.
            GoneError: the creator was taken down.
            Forbidden: the caller does not read the creator.
        """
        if self.id_name is None:
            is_sandbox = request.query["version"].endswith(POLICY_SUFFIX)
            return TARGET_PREFIX + PLATFORM_ID if is_sandbox else PLATFORM_ID
        scope_id = request.path[self.id_name]
        if self.scope is Scope.HASHTAG and not (scope_id and scope_id.isprintable() and " " not in scope_id):
            raise NotFoundError("there is no such hashtag")
        if self.scope is Scope.CREATOR:
            require_readable(request.key, scope_id)
            # Videos may name a creator who is not registered: those are counted, and shown, all the same.
            (creator,) = services.gallery.read_targets([scope_id], self.scope.value)
            if creator is not None and creator.taken_down is not None:
                raise GoneError(f"the creator {scope_id} was taken down", creator.taken_down)
        return scope_id


SCOPE_ROUTES: Final = (
    ScopeRoutes(Scope.CREATOR, "creators", "creator_id", Identifier, "c-12", "any video of the creator"),
    ScopeRoutes(
        Scope.HASHTAG, "hashtags", "hashtag", HashtagArgument, "baking", "any video with the hashtag"
    ),
    ScopeRoutes(Scope.SOUND, "sounds", "sound_id", Identifier, "s-7", "any video with the sound"),
    ScopeRoutes(Scope.PLATFORM, "platform", None, fields.String, PLATFORM_ID, "any video", "the"),
)


@dataclass(frozen=True)
class DeclaredPeriod:
    """What a policy measures of a scope over periods of one length, as its guarantee states.

    Args:
        kind: name of these audiences in releases.
        every_seconds: the length.
        delay_ms: from the end of a period to the moment from which its numbers are visible.
        breakdowns: cells of each breakdown.
        deviations: standard deviation of the total, if it is measured, and of a cell of each breakdown.
    """

    kind: str
    every_seconds: int
    delay_ms: int
    breakdowns: Mapping[str, tuple[str, ...]]
    deviations: Mapping[str, float]

    @property
    def period(self) -> str:
        """The name of the length, in ISO 8601."""
        return period_name(self.every_seconds)

    @property
    def has_total(self) -> bool:
        """Returns whether the number of accounts is measured."""
        return TOTAL in self.deviations

    def start_ms(self, number: int) -> int:
        """Returns the begin of a period, in ms since 1970 UTC."""
        return period_start_ms(number, self.every_seconds)

    def number_at(self, moment_ms: int) -> int:
        """Returns the number of the period in which a moment lies."""
        return period_at(moment_ms, self.every_seconds)

    def latest_visible(self, now_ms: int) -> int:
        """Returns the latest period whose numbers should be visible."""
        return self.number_at(now_ms - self.delay_ms) - 1

    def next_visible_ms(self, now_ms: int) -> int:
        """Returns when the next numbers become visible."""
        return self.start_ms(self.latest_visible(now_ms) + 2) + self.delay_ms


TOTAL: Final = "total"
"""Name of the statistic without cells."""


def read_periods(services: PublicServices, scope: Scope, version: str, scope_id: str) -> list[DeclaredPeriod]:
    """Reads what a policy version measures of a scope.

    Args:
        services: the plane's.
        scope: the scope.
        version: a policy version, or `CURRENT_VERSION`; for canaries, that of its sandbox.
        scope_id: the one of the scope that is asked for.

    Raises:
        NotFoundError: there is no such version, or it has no audiences of this scope.
    """
    guarantee = _read_guarantee(services.gallery, version)
    if is_canary(scope_id) and guarantee.get("sandbox"):
        guarantee = _read_guarantee(services.gallery, guarantee["sandbox"]["version"])
    audiences = guarantee.get("audiences") or {"periods": []}
    found = [
        _parse_period(period, guarantee) for period in audiences["periods"] if period["scope"] == scope.value
    ]
    if not found:
        raise NotFoundError(f"policy {guarantee['version']} has no audiences of {scope.value}s")
    return found


def _read_guarantee(gallery: GalleryReader, version: str) -> GuaranteeDocument:
    guarantee = gallery.read_guarantee(version)
    if guarantee is None and version == CURRENT_VERSION:
        raise StoreError("the gallery lacks the current guarantee")
    if guarantee is None:
        raise NotFoundError(f"there is no policy {version}")
    return guarantee


def _parse_period(period: Mapping[str, Any], guarantee: GuaranteeDocument) -> DeclaredPeriod:
    deviations = {statistic["name"]: statistic["sd"] for statistic in period["statistics"]}
    return DeclaredPeriod(
        kind=audience_kind(Scope(period["scope"]), period["every_seconds"], guarantee["version"]),
        every_seconds=period["every_seconds"],
        delay_ms=1000 * guarantee["release"]["public_delay_seconds"],
        breakdowns={name: tuple(cells) for name, cells in period["dimensions"].items()},
        deviations=deviations,
    )


UNKNOWN_DOC: Final = problem_doc(
    "There is no such policy version, no hashtag can be written like this, or the policy does not measure "
    "such audiences."
)


def make_version_field() -> Identifier:
    """Returns the field that says whose audiences are read."""
    return Identifier(
        load_default=CURRENT_VERSION,
        metadata={
            "description": "Version of the policy under which the videos were registered; by default the one "
            "in force. Audiences of different versions are counted apart."
        },
    )
