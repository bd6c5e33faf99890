"""What the platform plane takes in: the contract. Nothing is coerced; unknown fields are refused."""

from __future__ import annotations

from typing import Any, get_args

from marshmallow import Schema, ValidationError, fields, post_load, validates_schema
from marshmallow.validate import Length, OneOf, Range

from api.platform.fields import AccountId, DisplayText, Hashtag, PublicId, Timestamp, messages
from privacy.catalogue.catalogue import TargetMetadata
from privacy.intake.event import (
    CREATOR_EVENTS,
    MAX_PROFILE_VALUE_CHARACTERS,
    Event,
    EventAttributes,
    EventType,
    Visibility,
)
from privacy.model.engagement import TargetType
from privacy.model.identifier import IDENTIFIER_RULE

MAX_TITLE_CHARACTERS = 500
MAX_HASHTAGS = 50
MAX_HASHTAG_CHARACTERS = 100
MAX_DURATION_SECONDS = 86_400
MAX_NETWORK_CHARACTERS = 64


def _one_of(values: tuple[str, ...], **options: Any) -> fields.String:
    rule = f"one of {', '.join(values)}"
    validate = OneOf(values, error=f"is none of the known words; {rule}")
    return fields.String(validate=validate, error_messages=messages(rule), **options)


def _profile_value(description: str) -> fields.String:
    rule = f"text of 1 to {MAX_PROFILE_VALUE_CHARACTERS} characters, or absent"
    validate = Length(1, MAX_PROFILE_VALUE_CHARACTERS, error=f"has another length; {rule}")
    return fields.String(
        validate=validate, error_messages=messages(rule), metadata={"description": description}
    )


class StrictSchema(Schema):
    """An object with known fields only."""

    error_messages = {  # noqa: RUF012 - marshmallow's own way to say it, annotated in its base class
        "unknown": "is not a field here; one of those in openapi.yaml",
        "type": "is no object; a JSON object",
    }


class EventProfileSchema(StrictSchema):
    """What the platform says about an account.

    What is absent is undisclosed; a dimension that the policy does not declare is ignored.
    """

    age_band = _profile_value("Age band. Events of children are answered and dropped.")
    gender = _profile_value("Gender, as the account states it.")
    region = _profile_value("Region.")
    language = _profile_value("Language.")
    device = _profile_value("Device.")


class EventSchema(StrictSchema):
    """One thing that an account did to a video or creator."""

    type = _one_of(get_args(EventType), required=True, metadata={"description": "What happened."})
    account_id = AccountId(
        required=True,
        metadata={
            "description": "The account; stored and logged nowhere, a keyed pseudonym takes its place."
        },
    )
    video_id = PublicId(
        metadata={"description": "A registered video: what is liked or kept as a favourite. Required then."}
    )
    creator_id = PublicId(
        metadata={"description": "A registered creator: who is followed. Required then, and only then."}
    )
    occurred_at = Timestamp(
        required=True,
        metadata={"description": "When it happened; the latest event about an account and a target decides."},
    )
    profile = fields.Nested(EventProfileSchema, error_messages=messages("an object, or absent", "object"))
    visibility = _one_of(
        get_args(Visibility),
        metadata={"description": "A private account counts in totals, and as undisclosed in breakdowns."},
    )
    account_created_at = Timestamp(
        metadata={
            "description": "Since when the account exists; likes of too young accounts are not counted."
        }
    )
    network = DisplayText(
        MAX_NETWORK_CHARACTERS,
        metadata={
            "description": "Names the network of the account, such as a hash of its address; kept as a "
            "keyed digest, and used for advisories to staff alone."
        },
    )

    @validates_schema
    def _check_target(self, loaded: dict[str, Any], **_options: Any) -> None:
        wanted, other = _target_fields(loaded["type"])
        if other in loaded:
            raise ValidationError(f"does not belong to {loaded['type']}; absent", other)
        if wanted not in loaded:
            raise ValidationError(f"is missing; {IDENTIFIER_RULE}", wanted)

    @post_load
    def _event(self, loaded: dict[str, Any], **_options: Any) -> Event:
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
    """Which field names the target of an event, and which one must be absent."""
    return ("creator_id", "video_id") if event_type in CREATOR_EVENTS else ("video_id", "creator_id")


class VideoMetadataSchema(StrictSchema):
    """Public metadata of a video. It replaces what was there before; what is absent is unknown."""

    posted_at = Timestamp(
        required=True, metadata={"description": "Start of the video's schedule of releases; never changes."}
    )
    creator_id = PublicId(metadata={"description": "Who posted it."})
    title = DisplayText(MAX_TITLE_CHARACTERS, metadata={"description": "Its title."})
    hashtags = fields.List(
        Hashtag(MAX_HASHTAG_CHARACTERS),
        validate=Length(max=MAX_HASHTAGS, error=f"are too many; at most {MAX_HASHTAGS}"),
        error_messages=messages("a list of hashtags", "list"),
        metadata={"description": "Its hashtags, without #; repeated ones are kept once."},
    )
    sound_id = PublicId(metadata={"description": "The sound it uses."})
    duration_seconds = fields.Integer(
        strict=True,
        validate=Range(1, MAX_DURATION_SECONDS, error=f"is out of range; 1 to {MAX_DURATION_SECONDS}"),
        error_messages=messages(f"a whole number from 1 to {MAX_DURATION_SECONDS}", "whole number"),
        metadata={"description": "Its length."},
    )


class CreatorMetadataSchema(StrictSchema):
    """Public metadata of a creator. It replaces what was there before; what is absent is unknown."""

    counted_from = Timestamp(
        required=True,
        metadata={
            "description": "From when on followers are counted: start of the schedule of releases; never "
            "changes."
        },
    )
    name = DisplayText(MAX_TITLE_CHARACTERS, metadata={"description": "The name that is shown."})


class CreatorToRegisterSchema(CreatorMetadataSchema):
    """A creator in a list: metadata and id."""

    creator_id = PublicId(required=True, metadata={"description": "Id of the creator."})


class VideoToRegisterSchema(VideoMetadataSchema):
    """A video in a list: its metadata and its id."""

    video_id = PublicId(required=True, metadata={"description": "Id of the video."})


def creator_metadata(creator_id: str, loaded: dict[str, Any]) -> TargetMetadata:
    """What `CreatorMetadataSchema` loaded, as the catalogue takes it."""
    return TargetMetadata(
        target_type=TargetType.CREATOR,
        target_id=creator_id,
        starts_at_ms=loaded["counted_from"],
        title=loaded.get("name"),
    )


def video_metadata(video_id: str, loaded: dict[str, Any]) -> TargetMetadata:
    """What `VideoMetadataSchema` loaded, as the catalogue takes it."""
    return TargetMetadata(
        target_type=TargetType.VIDEO,
        target_id=video_id,
        starts_at_ms=loaded["posted_at"],
        creator_id=loaded.get("creator_id"),
        title=loaded.get("title"),
        hashtags=tuple(dict.fromkeys(loaded.get("hashtags", ()))),
        sound_id=loaded.get("sound_id"),
        duration_seconds=loaded.get("duration_seconds"),
    )
