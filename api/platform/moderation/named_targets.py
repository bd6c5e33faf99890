"""Orders that name a video or a creator: which field goes with what."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, validates_schema

from api.platform.fields import PublicId
from privacy.model.engagement import Kind, TargetType
from privacy.model.identifier import IDENTIFIER_RULE

KINDS = tuple(kind.label for kind in Kind)
_FIELDS = {TargetType.VIDEO: "video_id", TargetType.CREATOR: "creator_id"}


class TargetNameSchema(Schema):
    """Exactly one of a video and a creator."""

    error_messages = {  # noqa: RUF012 - marshmallow's own way to say it, annotated in its base class
        "unknown": "is not a field here; one of those in openapi.yaml",
        "type": "is no object; a JSON object",
    }
    video_id = PublicId(metadata={"description": "The video; this or `creator_id`."})
    creator_id = PublicId(metadata={"description": "The creator; this or `video_id`."})

    @validates_schema
    def _check_one(self, loaded: dict[str, Any], **_options: Any) -> None:
        named = [field for field in _FIELDS.values() if field in loaded]
        if len(named) != 1:
            raise ValidationError(
                f"is one of {len(named)} targets; exactly one, {IDENTIFIER_RULE}", "video_id"
            )


def named_target(loaded: dict[str, Any]) -> tuple[TargetType, str]:
    """Type and id of the target that a loaded order names."""
    for target_type, field in _FIELDS.items():
        if field in loaded:
            return target_type, loaded[field]
    raise AssertionError("the schema lets nothing without a target through")


def kind_of(label: str) -> Kind:
    """The kind that a word of `KINDS` names."""
    return Kind[label.upper()]
