"""`GET /v1/moderation/audit-trail`: what staff did, newest first."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.pagination import Listing, PageSchema, next_cursor
from api.platform.services import PlatformServices
from privacy.model.timestamp import format_timestamp
from privacy.moderation.audit_trail import ActionStage, AuditEntry, Position

_LISTING = Listing("audit-trail", 2)
_DESCRIPTION = """\
Who did what, when and why. `requested` is written before something is done, `done` or `refused` after it; an
`requested` alone is one
whose doer ended in between. `account_tag` names the account: a keyed hash that leads to nobody. Whoever has
an account's id
finds its entries with `likewise rights account-tag`."""
_EXAMPLE = {
    "entries": [
        {
            "at": "2026-05-03T12:00:00.117Z",
            "stage": "done",
            "action": "account.ban",
            "owner": "trust-and-safety",
            "key_id": "0123456789abcdef",
            "note": "case 4711",
            "account_tag": "5f0e6a1b2c3d4e5f",
            "details": {"changed": True, "known": True, "status_before": "good", "uncounted": 431},
        }
    ],
    "next_cursor": None,
}


class AuditEntrySchema(Schema):
    """One entry."""

    at = fields.DateTime(required=True, metadata={"description": "When it was written."})
    stage = fields.String(
        required=True,
        metadata={
            "enum": [stage.value for stage in ActionStage],
            "description": "Before it was done, or after.",
        },
    )
    action = fields.String(required=True, metadata={"description": "What was asked for."})
    owner = fields.String(required=True, metadata={"description": "Who asked: owner of the API key."})
    key_id = fields.String(required=True, metadata={"description": "With which key; empty for none."})
    note = fields.String(required=True, metadata={"description": "Why."})
    account_tag = fields.String(
        required=True, allow_none=True, metadata={"description": "Whose account; null if about none."}
    )
    details = fields.Dict(required=True, metadata={"description": "Counts, and what else there is to say."})


class AuditTrailSchema(Schema):
    """A page of the trail."""

    entries = fields.List(fields.Nested(AuditEntrySchema), required=True)
    next_cursor = next_cursor("older")


def get_audit_trail(services: PlatformServices, call: Request) -> Response:
    """Answer a page of the trail.

    Raises:
        InvalidInputError: the cursor is none of this list.
    """
    before, limit = _LISTING.asked_for(call)
    entries = services.moderation.trail.read_page(Position(*before) if before else None, limit)
    return json_response(
        {
            "entries": [_document(position, entry) for position, entry in entries],
            "next_cursor": _LISTING.cursor(entries[-1][0] if len(entries) == limit else None),
        }
    )


def _document(position: Position, entry: AuditEntry) -> dict[str, Any]:
    return {
        "at": format_timestamp(position.moment_ms),
        "stage": entry.stage.value,
        "action": entry.action,
        "owner": entry.owner,
        "key_id": entry.key_id,
        "note": entry.note,
        "account_tag": entry.account_tag,
        "details": dict(entry.details),
    }


def operation() -> Operation[PlatformServices]:
    """Describe the operation."""
    return Operation(
        method="GET",
        path="/v1/moderation/audit-trail",
        operation_id="get_audit_trail",
        summary="The audit trail",
        description=_DESCRIPTION,
        tag="platform",
        scope="moderate",
        handler=get_audit_trail,
        responses={200: ResponseDoc("A page of it.", AuditTrailSchema, _EXAMPLE)},
        query_schema=PageSchema,
    )
