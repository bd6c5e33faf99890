"""What is answered about changes: its members, for the API's description."""

from __future__ import annotations

from typing import Any, Final

from marshmallow import Schema, fields

from api.public.numbers import (
    PUBLISHED_EXAMPLE,
    WITHHELD_EXAMPLE,
    AnswerSchema,
    NumberSchema,
    member,
)
from privacy.model.engagement import Reason

REASONS: Final = tuple(reason.label for reason in Reason)


class LostSchema(AnswerSchema):
    """What went, by reason."""

    unliked = fields.Nested(NumberSchema, required=True, metadata={"description": "Taken back."})
    inauthentic = fields.Nested(
        NumberSchema, required=True, metadata={"description": "Of bots, or given too fast."}
    )
    account = fields.Nested(
        NumberSchema,
        required=True,
        metadata={"description": "The account was restricted, banned, deleted or erased, or objects."},
    )
    policy = fields.Nested(
        NumberSchema, required=True, metadata={"description": "Removed under a rule of the platform."}
    )
    correction = fields.Nested(
        NumberSchema, required=True, metadata={"description": "The platform corrected its records."}
    )


_SPAN_MEMBERS: dict[str, fields.Field[Any]] = {
    "from": member(fields.DateTime, "When the span starts, in UTC.", format="iso"),
    "to": member(
        fields.DateTime, "When it ends; null before the first release.", format="iso", allow_none=True
    ),
    "span_seconds": member(fields.Integer, "How long it is.", strict=True, allow_none=True),
    "change": fields.Nested(
        NumberSchema, required=True, metadata={"description": "Of the total: gained less all losses."}
    ),
    "gained": fields.Nested(
        NumberSchema,
        required=True,
        metadata={"description": "What came, less the losses that are withheld."},
    ),
    "lost": fields.Nested(LostSchema, required=True),
    "netted_in_gained": fields.List(
        fields.String(), required=True, metadata={"description": "Reasons whose loss is withheld."}
    ),
}
_SPAN_SCHEMA: type[Schema] = AnswerSchema.from_dict(_SPAN_MEMBERS, name="ChangeSpan")
CHANGES_MEMBERS: dict[str, fields.Field[Any]] = {
    "since_start": fields.Nested(
        _SPAN_SCHEMA, required=True, metadata={"description": "From the start to the current release."}
    ),
    "days": fields.List(
        fields.Nested(_SPAN_SCHEMA), required=True, metadata={"description": "Newest first."}
    ),
    "next_cursor": member(fields.String, "For the next page; null on the last one.", allow_none=True),
    "explanation": fields.List(
        fields.String(), required=True, metadata={"description": "In plain sentences, for creators."}
    ),
}
_SPAN_EXAMPLE = {
    "from": "2026-05-04T12:00:00Z",
    "to": "2026-05-05T12:00:00Z",
    "span_seconds": 86_400,
    "change": PUBLISHED_EXAMPLE | {"value": -820, "ci95": [-866, -774]},
    "gained": PUBLISHED_EXAMPLE | {"value": 380, "ci95": [304, 456]},
    "lost": dict.fromkeys(REASONS, WITHHELD_EXAMPLE)
    | {"inauthentic": PUBLISHED_EXAMPLE | {"value": 1200, "ci95": [1140, 1260]}},
    "netted_in_gained": ["unliked", "account", "policy", "correction"],
}
CHANGES_EXAMPLE: dict[str, Any] = {
    "since_start": _SPAN_EXAMPLE
    | {
        "from": "2026-05-03T12:00:00Z",
        "span_seconds": 172_800,
        "change": PUBLISHED_EXAMPLE,
        "gained": PUBLISHED_EXAMPLE | {"value": 2484, "ci95": [2414, 2554]},
    },
    "days": [_SPAN_EXAMPLE],
    "next_cursor": None,
    "explanation": [
        "Between 4 May and 5 May 2026, 12:00 UTC, about 1,200 likes (±60) were removed as inauthentic."
    ],
}
