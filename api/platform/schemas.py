"""Schemas of events. Every error message has the form `message; expected`."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, ClassVar, Final, NamedTuple, cast, get_args

from marshmallow import INCLUDE, Schema, ValidationError, fields, post_load, validates_schema

from api.platform.display_text import DisplayText
from api.platform.field_types import (
    AccountId,
    LeftOutIfOdd,
    OptionalPublicId,
    StrictSchema,
    Timestamp,
    documented,
    error_messages,
    is_blank,
    one_of,
    takings_of_absent,
)
from privacy.intake.event import (
    CREATOR_EVENTS,
    MAX_PROFILE_VALUE_CHARACTERS,
    Event,
    EventAttributes,
    EventType,
    Visibility,
)
from privacy.intake.profile_shape import USUAL_SHAPE, ProfileShape
from privacy.intake.taken import Taken
from privacy.model.dimension import UNDISCLOSED
from privacy.model.identifier import IDENTIFIER_RULE

MAX_NETWORK_CHARACTERS = 64
MAX_SHAPES = 16
"""Shapes of profiles for which one process keeps schemas; it usually has one."""
UNLISTED: Final = "?" * (MAX_PROFILE_VALUE_CHARACTERS + 1)
"""Stands for a value of a profile that is no text: no policy lists it."""
_EMPTY_PROFILE: Final = (Taken("profile", UNDISCLOSED),)
VISIBILITIES: tuple[Visibility, ...] = get_args(Visibility)


class ProfileValue(fields.String):
    """A value of a profile as sent; null is undisclosed. What is cut is longer than any listed value."""

    def __init__(self, description: str, **options: Any) -> None:
        super().__init__(
            allow_none=True,
            error_messages=error_messages("a string, or absent"),
            metadata={"description": description},
            **options,
        )

    def _deserialize(self, value: Any, *_where: Any, **_options: Any) -> str:
        if not isinstance(value, str):
            return UNLISTED
        return value[: MAX_PROFILE_VALUE_CHARACTERS + 1]


class AgeBand(ProfileValue):
    """The age band as sent. What is no text could be a child's age, and is refused."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        return super()._deserialize(value, attr, data, **options)


class VisibilityField(fields.String):
    """Tells whether an account is public; any other value is taken as private, which says less."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            allow_none=True,
            error_messages=error_messages(f"one of {', '.join(VISIBILITIES)}"),
            **documented(options, examples=[*VISIBILITIES]),
        )

    def _deserialize(self, value: Any, *_where: Any, **_options: Any) -> str:
        return "public" if isinstance(value, str) and value.strip().lower() == "public" else "private"


class OptionalTimestamp(LeftOutIfOdd, Timestamp):
    """A time; a value that is none is left out."""


class NetworkName(LeftOutIfOdd, DisplayText):
    """The network of an account; a value that cannot be one is left out."""


class LoadedProfile(NamedTuple):
    """A profile, and how members of it were taken that no policy declares."""

    attributes: EventAttributes
    passed_over: tuple[Taken, ...] = ()


class EventProfileSchema(StrictSchema):
    """Attributes of an account, by dimension: the usual ones, and those that a policy declares besides.

    An absent value is undisclosed. A member that no policy declares is passed over.
    """

    class Meta:
        """Keeps unknown members, which are counted."""

        unknown = INCLUDE

    shape: ClassVar[ProfileShape] = USUAL_SHAPE

    age_band = AgeBand("Age band. Events of children are dropped; a band that could be a child's is refused.")
    gender = ProfileValue("Gender, as the account states it.")
    region = ProfileValue("Region, by its code (ISO 3166-1).")
    language = ProfileValue("Language, by its code (BCP 47); only the language of a locale is used.")
    device = ProfileValue("Device.")

    @post_load
    def _to_profile(self, loaded: dict[str, Any], **_options: Any) -> LoadedProfile:
        attributes = self.shape.attributes
        read = {name: loaded[name] for name in attributes.__struct_fields__ if name in loaded}
        return LoadedProfile(attributes(**read), self.shape.describe_undeclared(loaded))


class ProfileField(fields.Nested):
    """The attributes of an account; an empty list, as PHP writes an empty object, and a blank text say none.

    Another value that is no object could say a child's age, and is refused.
    """

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **options: Any) -> Any:
        """Load a profile."""
        if value == [] or is_blank(value):
            return LoadedProfile(cast("EventProfileSchema", self.schema).shape.attributes(), _EMPTY_PROFILE)
        return super().deserialize(value, attr, data, **options)


def profile_field(shape: ProfileShape = USUAL_SHAPE) -> fields.Nested:
    """Return the field of an account's attributes, which is loaded as `LoadedProfile`."""
    described = "A dimension that a policy declares."
    # A schema has methods, so a field is not called by the name of its dimension alone.
    own = {f"dimension_{name}": ProfileValue(described, data_key=name, attribute=name) for name in shape.own}
    shaped = type("EventProfile", (EventProfileSchema,), {"shape": shape, **own})
    return ProfileField(
        EventProfileSchema if shape == USUAL_SHAPE else shaped,
        allow_none=True,
        error_messages=error_messages("an object, or absent", "an object"),
    )


class EventSchema(StrictSchema):
    """An action of one account on a video or creator."""

    shape: ClassVar[ProfileShape] = USUAL_SHAPE

    type = one_of(get_args(EventType), required=True, metadata={"description": "The action."})
    account_id = AccountId(
        required=True,
        metadata={
            "description": "The account. It is never stored or logged; a keyed pseudonym takes its place."
        },
    )
    video_id = OptionalPublicId(
        metadata={"description": "The registered video. Required for likes and favourites, and only then."},
    )
    creator_id = OptionalPublicId(
        metadata={"description": "The registered creator. Required for follows, and only then."},
    )
    occurred_at = Timestamp(
        required=True,
        metadata={"description": "Time of the action; the latest event of an account on a target decides."},
    )
    profile = profile_field()
    visibility = VisibilityField(
        metadata={
            "description": "`public` (the default) or `private`: a private account counts in totals, and as "
            "undisclosed in breakdowns. Another value is taken as `private`."
        },
    )
    account_created_at = OptionalTimestamp(
        allow_none=True,
        metadata={
            "description": "Creation time of the account; likes of too young accounts are not counted. "
            "A value that is no time is taken as absent."
        },
    )
    network = NetworkName(
        MAX_NETWORK_CHARACTERS,
        allow_none=True,
        metadata={
            "description": "Names the network of the account, such as a hash of its address. It is kept as a "
            "keyed digest and used only for advisories to staff."
        },
    )

    @validates_schema
    def _check_target(self, loaded: dict[str, Any], **_options: Any) -> None:
        wanted, other = _target_fields(loaded["type"])
        if loaded.get(other) is not None:
            raise ValidationError(f"does not belong to {loaded['type']}; no such field", other)
        if loaded.get(wanted) is None:
            raise ValidationError(f"is missing; {IDENTIFIER_RULE}", wanted)

    @post_load(pass_original=True)
    def _to_event(self, loaded: dict[str, Any], sent: dict[str, Any], **_options: Any) -> Event:
        profile = loaded.get("profile") or LoadedProfile(self.shape.attributes())
        return Event(
            type=loaded["type"],
            account_id=loaded["account_id"],
            target_id=loaded[_target_fields(loaded["type"])[0]],
            occurred_at_ms=loaded["occurred_at"],
            profile=profile.attributes,
            private=loaded.get("visibility") == "private",
            account_created_at_ms=loaded.get("account_created_at"),
            network=loaded.get("network"),
            taken=(*_takings(loaded, sent), *profile.passed_over),
        )


@lru_cache(maxsize=MAX_SHAPES)
def event_schema(shape: ProfileShape) -> type[Schema]:
    """Return the schema of events whose profiles have this shape."""
    return type("Event", (EventSchema,), {"shape": shape, "profile": profile_field(shape)})


def _takings(loaded: dict[str, Any], sent: dict[str, Any]) -> Iterator[Taken]:
    """Iterate over what was taken otherwise than it was sent."""
    if sent.get("visibility") not in (None, *VISIBILITIES):
        yield Taken("visibility", loaded["visibility"])
    yield from takings_of_absent(("account_created_at", "network", "video_id", "creator_id"), sent, loaded)


def _target_fields(event_type: str) -> tuple[str, str]:
    """Return the field that names the target of an event, and the one that must be absent."""
    return ("creator_id", "video_id") if event_type in CREATOR_EVENTS else ("video_id", "creator_id")
