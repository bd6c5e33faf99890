"""Schemas of incoming data: the field types of the platform plane, and events. Nothing is coerced.

Every error message has the form `message; expected`, which `api.http.arguments.load` splits.
"""

import re
import unicodedata
from typing import Any, get_args

from marshmallow import Schema, ValidationError, fields, post_load, validates_schema
from marshmallow.validate import Length, OneOf

from api.http.arguments import Identifier
from privacy.intake.event import (
    CREATOR_EVENTS,
    MAX_PROFILE_VALUE_CHARACTERS,
    Event,
    EventAttributes,
    EventType,
    Visibility,
)
from privacy.model.identifier import IDENTIFIER_RULE
from privacy.model.sandbox import TARGET_PREFIX
from privacy.model.timestamp import TIMESTAMP_RULE, parse_timestamp_ms

MAX_NETWORK_CHARACTERS = 64
VISIBILITIES = get_args(Visibility)
_UNDISPLAYABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
"""Control characters, line separators, and characters that reverse the text around them (Unicode TR 36)."""


def error_messages(expected: str, json_type: str = "a string") -> dict[str, str | list[Any] | dict[Any, Any]]:
    """Return a field's error messages.

    Args:
        expected: describes a valid value.
        json_type: the JSON type that it must have, with its article.
    """
    return {
        "required": f"is missing; {expected}",
        "null": f"is null; {expected}",
        "invalid": f"is not {json_type}; {expected}",
        "type": f"is not {json_type}; {expected}",
    }


class StrictSchema(Schema):
    """An object that takes known fields only."""

    error_messages = {  # noqa: RUF012 - marshmallow's own way to say it, annotated in its base class
        "unknown": "is not a known field; a field that openapi.yaml names",
        "type": "is not an object; a JSON object",
    }


class Timestamp(fields.String):
    """A time with its zone, loaded as ms since 1970 UTC."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            error_messages=error_messages(TIMESTAMP_RULE), **_documented(options, format="date-time")
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        text = super()._deserialize(value, attr, data, **options)
        try:
            return parse_timestamp_ms(text)
        except ValueError as error:
            raise ValidationError(str(error)) from error


class PublicId(Identifier):
    """An identifier of something public: a video, a creator, a sound. The sandbox has its own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(error_messages=error_messages(IDENTIFIER_RULE), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text = super()._deserialize(value, attr, data, **options)
        if text.startswith(TARGET_PREFIX):
            raise ValidationError(
                f"begins with {TARGET_PREFIX}; an id without that prefix, which belongs to the sandbox"
            )
        return text


class AccountId(Identifier):
    """An identifier of an account. Its errors never repeat it, since responses are kept for repetitions."""

    def __init__(self, **options: Any) -> None:
        super().__init__(error_messages=error_messages(IDENTIFIER_RULE), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        try:
            return super()._deserialize(value, attr, data, **options)
        except ValidationError as error:
            raise ValidationError(f"is not an identifier; {IDENTIFIER_RULE}") from error


class DisplayText(fields.String):
    """Text for people, loaded in Unicode's composed form (NFC), so that equal text has equal bytes.

    Args:
        max_characters: the maximum length after composition.
    """

    def __init__(self, max_characters: int, **options: Any) -> None:
        self._max_characters = max_characters
        self._expected = f"1 to {max_characters} characters without control characters"
        documented = _documented(options, minLength=1, maxLength=max_characters)
        super().__init__(error_messages=error_messages(self._expected), **documented)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text = unicodedata.normalize("NFC", super()._deserialize(value, attr, data, **options))
        if not 1 <= len(text) <= self._max_characters:
            raise ValidationError(f"has {len(text)} characters; {self._expected}")
        if _UNDISPLAYABLE.search(text):
            raise ValidationError(f"contains a control character; {self._expected}")
        return text


class Flag(fields.Boolean):
    """A field that is true or false; nothing is coerced."""

    def __init__(self, description: str) -> None:
        super().__init__(
            required=True,
            error_messages=error_messages("true or false", "a boolean"),
            metadata={"description": description},
        )

    def _deserialize(self, value: Any, *_where: Any, **_options: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


def one_of(values: tuple[str, ...], **options: Any) -> fields.String:
    """Return a field that takes one of a few words."""
    expected = f"one of {', '.join(values)}"
    validate = OneOf(values, error=f"is not a known word; {expected}")
    return fields.String(validate=validate, error_messages=error_messages(expected), **options)


def _documented(options: dict[str, Any], **schema: Any) -> dict[str, Any]:
    return {**options, "metadata": {**schema, **options.get("metadata", {})}}


def _profile_value(description: str) -> fields.String:
    expected = f"1 to {MAX_PROFILE_VALUE_CHARACTERS} characters, or absent"
    validate = Length(1, MAX_PROFILE_VALUE_CHARACTERS, error=f"is too short or too long; {expected}")
    return fields.String(
        validate=validate, error_messages=error_messages(expected), metadata={"description": description}
    )


class EventProfileSchema(StrictSchema):
    """Attributes of an account.

    An absent value is undisclosed; a dimension that the policy does not declare is ignored.
    """

    age_band = _profile_value("Age band. Events of children are acknowledged and dropped.")
    gender = _profile_value("Gender, as the account states it.")
    region = _profile_value("Region.")
    language = _profile_value("Language.")
    device = _profile_value("Device.")


def profile_field() -> fields.Nested:
    """Return the field of an account's attributes."""
    return fields.Nested(
        EventProfileSchema, error_messages=error_messages("an object, or absent", "an object")
    )


class EventSchema(StrictSchema):
    """An action of one account on a video or creator."""

    type = one_of(get_args(EventType), required=True, metadata={"description": "The action."})
    account_id = AccountId(
        required=True,
        metadata={
            "description": "The account. It is never stored or logged; a keyed pseudonym takes its place."
        },
    )
    video_id = PublicId(
        metadata={"description": "The registered video. Required for likes and favourites, and only then."}
    )
    creator_id = PublicId(
        metadata={"description": "The registered creator. Required for follows, and only then."}
    )
    occurred_at = Timestamp(
        required=True,
        metadata={"description": "Time of the action; the latest event of an account on a target decides."},
    )
    profile = profile_field()
    visibility = one_of(
        VISIBILITIES,
        metadata={"description": "A private account counts in totals, and as undisclosed in breakdowns."},
    )
    account_created_at = Timestamp(
        metadata={"description": "Creation time of the account; likes of too young accounts are not counted."}
    )
    network = DisplayText(
        MAX_NETWORK_CHARACTERS,
        metadata={
            "description": "Names the network of the account, such as a hash of its address. It is kept as a "
            "keyed digest and used only for advisories to staff."
        },
    )

    @validates_schema
    def _check_target(self, loaded: dict[str, Any], **_options: Any) -> None:
        wanted, other = _target_fields(loaded["type"])
        if other in loaded:
            raise ValidationError(f"does not belong to {loaded['type']}; no such field", other)
        if wanted not in loaded:
            raise ValidationError(f"is missing; {IDENTIFIER_RULE}", wanted)

    @post_load
    def _to_event(self, loaded: dict[str, Any], **_options: Any) -> Event:
        return Event(
            type=loaded["type"],
            account_id=loaded["account_id"],
            target_id=loaded[_target_fields(loaded["type"])[0]],
            occurred_at_ms=loaded["occurred_at"],
            profile=EventAttributes(**loaded.get("profile", {})),
            private=loaded.get("visibility") == "private",
            account_created_at_ms=loaded.get("account_created_at"),
            network=loaded.get("network"),
        )


def _target_fields(event_type: str) -> tuple[str, str]:
    """Return the field that names the target of an event, and the one that must be absent."""
    return ("creator_id", "video_id") if event_type in CREATOR_EVENTS else ("video_id", "creator_id")
