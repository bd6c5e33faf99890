"""What is shown of a creator beside the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marshmallow import fields

from api.public.kinds import FOLLOWERS
from api.public.numbers import AnswerSchema, member
from api.public.targets import Profile
from privacy.model.timestamp import format_timestamp

if TYPE_CHECKING:
    from privacy.gallery.documents import TargetDocument


class CreatorSchema(AnswerSchema):
    """Public metadata of a creator."""

    creator_id = member(fields.String, "Id of the creator.")
    name = member(fields.String, "Name.", allow_none=True)
    counted_from = member(
        fields.DateTime, "From when on followers are counted, in UTC; the schedule starts here.", format="iso"
    )
    policy_version = member(fields.String, "The policy it is bound to; see `GET /v1/privacy`.")


def _metadata(target: TargetDocument) -> dict[str, Any]:
    return {
        "creator_id": target.target_id,
        "name": target.title,
        "counted_from": format_timestamp(target.starts_at_ms),
        "policy_version": target.policy_version,
    }


CREATOR_PROFILE = Profile(
    FOLLOWERS,
    CreatorSchema,
    _metadata,
    {
        "creator_id": "c-12",
        "name": "Anna bakes",
        "counted_from": "2026-05-01T00:00:00Z",
        "policy_version": "2026-11-default",
    },
)
