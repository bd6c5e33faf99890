"""`GET /v1/moderation/advisories`: what many accounts do alike, for staff to look into."""

from __future__ import annotations

from marshmallow import Schema, fields

from api.http.operation import Operation, Request, Response, ResponseDoc, json_response
from api.http.pagination import Listing, PageSchema, next_cursor
from api.platform.services import PlatformServices
from privacy.model.timestamp import format_timestamp
from privacy.moderation.advisories import Signal

_LISTING = Listing("advisories", 1)
MAX_HANDLES = 1_000
_DESCRIPTION = f"""\
What the latest look at the vault has found; there is one a day. Nothing follows from an advisory by itself.

| signal | what was seen |
|---|---|
| `bursts` | likes of one account came in bursts; they were not counted |
| `network` | many accounts on one network |
| `sequence` | many accounts liked the same videos in the same order |

Accounts are named by handles, which `POST /v1/moderation/purges` takes; of one advisory the first
{MAX_HANDLES:,} are shown.
It does not say which videos, and nobody can ask who liked one: no such index exists."""


class AdvisorySchema(Schema):
    """One thing that was seen."""

    signal = fields.String(
        required=True,
        metadata={"enum": [signal.value for signal in Signal], "description": "Of what sort."},
    )
    seen_at = fields.DateTime(required=True, metadata={"description": "When the look began."})
    weight = fields.Integer(required=True, metadata={"description": "How many bursts, or how many accounts."})
    handles = fields.List(fields.String(), required=True, metadata={"description": "The accounts."})


class AdvisoriesSchema(Schema):
    """Advisories, the heaviest first."""

    advisories = fields.List(fields.Nested(AdvisorySchema), required=True)
    next_cursor = next_cursor("lighter")


def get_advisories(services: PlatformServices, call: Request) -> Response:
    """Answer a page of advisories.

    Raises:
        InvalidInputError: the cursor is none of this list.
    """
    position, limit = _LISTING.asked_for(call)
    first = position[0] if position else 0
    kept = services.moderation.advisories.read_all()
    page = [
        {
            "signal": advisory.signal.value,
            "seen_at": format_timestamp(advisory.seen_at_ms),
            "weight": advisory.weight,
            "handles": [handle.hex() for handle in advisory.handles[:MAX_HANDLES]],
        }
        for advisory in kept[first : first + limit]
    ]
    more = (first + limit,) if first + limit < len(kept) else None
    return json_response({"advisories": page, "next_cursor": _LISTING.cursor(more)})


def operation() -> Operation[PlatformServices]:
    """Describe the operation."""
    advisory = {
        "signal": "network",
        "seen_at": "2026-05-03T02:00:00Z",
        "weight": 3,
        "handles": ["0f" * 16, "1e" * 16, "2d" * 16],
    }
    example = {"advisories": [advisory], "next_cursor": None}
    return Operation(
        method="GET",
        path="/v1/moderation/advisories",
        operation_id="get_advisories",
        summary="Advisories",
        description=_DESCRIPTION,
        tag="platform",
        scope="moderate",
        handler=get_advisories,
        responses={200: ResponseDoc("A page of them.", AdvisoriesSchema, example)},
        query_schema=PageSchema,
    )
