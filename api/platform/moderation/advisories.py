"""`GET /v1/moderation/advisories`: lists suspicious activity of many accounts, for staff to review."""

from typing import Any

from marshmallow import Schema, fields

from api.http.pagination import Listing, Position
from api.platform.services import PlatformServices
from privacy.model.timestamp import format_timestamp
from privacy.moderation.advisories import Advisory, Signal

MAX_HANDLES = 1_000
_DESCRIPTION = f"""\
Returns the findings of the latest daily sweep of the vault. An advisory has no automatic effect.

| signal | finding |
|---|---|
| `bursts` | likes of one account came in bursts; they were not counted |
| `network` | many accounts acted on one network |
| `sequence` | many accounts liked the same videos in the same order |

Accounts are named by handles, which `POST /v1/moderation/purges` takes; an advisory shows its first \
{MAX_HANDLES:,} handles. It does not name the videos, and there is no way to ask who liked one: no such \
index exists."""
_EXAMPLE = {
    "signal": "network",
    "seen_at": "2026-05-03T02:00:00Z",
    "weight": 3,
    "handles": ["0f" * 16, "1e" * 16, "2d" * 16],
}


class AdvisorySchema(Schema):
    """A finding."""

    signal = fields.String(
        required=True,
        metadata={"enum": [signal.value for signal in Signal], "description": "The kind of finding."},
    )
    seen_at = fields.DateTime(required=True, metadata={"description": "Start of the sweep that found it."})
    weight = fields.Integer(required=True, metadata={"description": "Number of bursts, or of accounts."})
    handles = fields.List(fields.String(), required=True, metadata={"description": "The accounts."})


def _fetch(
    services: PlatformServices, after: Position | None, limit: int
) -> tuple[list[dict[str, Any]], Position | None]:
    first = after[0] if after else 0
    advisories = services.moderation.advisories.read_all()
    items = [_to_document(advisory) for advisory in advisories[first : first + limit]]
    return items, (first + limit,) if first + limit < len(advisories) else None


def _to_document(advisory: Advisory) -> dict[str, Any]:
    return {
        "signal": advisory.signal.value,
        "seen_at": format_timestamp(advisory.seen_at_ms),
        "weight": advisory.weight,
        "handles": [handle.hex() for handle in advisory.handles[:MAX_HANDLES]],
    }


OPERATION = Listing(
    path="/v1/moderation/advisories",
    operation_id="get_advisories",
    tag="platform",
    scope="moderate",
    summary="List advisories",
    description=_DESCRIPTION,
    member="advisories",
    item=(AdvisorySchema, _EXAMPLE),
    further="lighter",
    integers=1,
    fetch=_fetch,
).operation()
