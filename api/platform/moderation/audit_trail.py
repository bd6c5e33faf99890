"""`GET /v1/moderation/audit-trail`: lists staff actions, newest first."""

from typing import Any

from marshmallow import Schema, fields

from api.http import pagination
from api.http.pagination import Listing
from api.platform.services import PlatformServices
from privacy.model.timestamp import format_timestamp
from privacy.moderation.audit_trail import ActionStage, AuditEntry, Position

_DESCRIPTION = """\
Lists who did what, when and why, newest first. `requested` is written before an action, `done` or \
`refused` after it; a `requested` without either belongs to a process that ended in between. `account_tag` \
is a keyed hash of the account, which leads to no one. For a known account id, `likewise rights \
account-tag` computes the tag of its entries."""
_EXAMPLE = {
    "at": "2026-05-03T12:00:00.117Z",
    "stage": "done",
    "action": "account.ban",
    "owner": "trust-and-safety",
    "key_id": "0123456789abcdef",
    "note": "case 4711",
    "account_tag": "5f0e6a1b2c3d4e5f",
    "details": {"changed": True, "known": True, "status_before": "good", "uncounted": 431},
}


class AuditEntrySchema(Schema):
    """An entry of the trail."""

    at = fields.DateTime(required=True, metadata={"description": "Time of writing."})
    stage = fields.String(
        required=True,
        metadata={
            "enum": [stage.value for stage in ActionStage],
            "description": "Whether it was written before or after the action.",
        },
    )
    action = fields.String(required=True, metadata={"description": "The action."})
    owner = fields.String(required=True, metadata={"description": "Owner of the API key."})
    key_id = fields.String(required=True, metadata={"description": "The API key; empty for none."})
    note = fields.String(required=True, metadata={"description": "The reason."})
    account_tag = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The account; null if not about one account."},
    )
    details = fields.Dict(required=True, metadata={"description": "Parameters and results."})


def _fetch(
    services: PlatformServices, after: pagination.Position | None, limit: int
) -> tuple[list[dict[str, Any]], pagination.Position | None]:
    entries = services.moderation.trail.read_page(Position(*after) if after else None, limit)
    return (
        [_to_document(position, entry) for position, entry in entries],
        entries[-1][0] if len(entries) == limit else None,
    )


def _to_document(position: Position, entry: AuditEntry) -> dict[str, Any]:
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


OPERATION = Listing(
    path="/v1/moderation/audit-trail",
    operation_id="get_audit_trail",
    tag="platform",
    scope="moderate",
    summary="List staff actions",
    description=_DESCRIPTION,
    member="entries",
    item=(AuditEntrySchema, _EXAMPLE),
    further="older",
    integers=2,
    fetch=_fetch,
).operation()
