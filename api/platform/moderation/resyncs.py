"""`POST /v1/moderation/resyncs`: repairs an account's engagements from the platform's own list of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from marshmallow import Schema, fields
from marshmallow.validate import Length

from api.http.operation import Operation, Request, Response, json_response
from api.platform.fields import Timestamp, messages
from api.platform.moderation.named_targets import KINDS, TargetNameSchema, kind_of, named_target
from api.platform.schemas import EventProfileSchema
from api.platform.services import PlatformServices
from api.platform.staff import AccountActionSchema, OrderOperation, actor_of, once, word
from privacy.errors import InvalidInputError
from privacy.intake.event import EventAttributes
from privacy.moderation.audit_trail import ActionStage, AuditEntry, run_audited
from privacy.moderation.resync import AccountSnapshot

MAX_ENGAGEMENTS = 100_000
MAX_BYTES = 16 * 1024 * 1024
_DESCRIPTION = """\
Send the whole list of an account's engagements of one kind, as they were at `as_of`. What the list has and
Likewise has not
is counted from now on; what Likewise has and the list has not leaves the counts with the reason
`correction`. Whatever
Likewise heard after `as_of` stays. Targets that are not registered, or past their last release, are left
out and told.

`profile` and `visibility` are for engagements that are new; those that were counted before keep their
cells."""
_EXAMPLE = {
    "account_id": "a-2001",
    "kind": "like",
    "as_of": "2026-05-03T12:00:00Z",
    "profile": {"age_band": "25-34", "region": "DE"},
    "engagements": [{"video_id": "v-4711", "occurred_at": "2026-05-01T08:30:00Z"}],
    "note": "after the outage of 2026-05-02",
}
_ANSWER = {
    "added": 1,
    "removed": 0,
    "unchanged": 240,
    "newer": 0,
    "over_cap": 0,
    "account_closed": 0,
    "unknown_target": 0,
    "past_last_release": 3,
}


class HeldByPlatformSchema(TargetNameSchema):
    """One engagement of the list."""

    occurred_at = Timestamp(metadata={"description": "When it began; `as_of` if absent."})


class ResyncOrderSchema(AccountActionSchema):
    """The platform's own list."""

    kind = word(KINDS, required=True, metadata={"description": "Of what kind all of them are."})
    as_of = Timestamp(required=True, metadata={"description": "When the list was right."})
    profile = fields.Nested(EventProfileSchema, error_messages=messages("an object, or absent", "object"))
    visibility = word(("public", "private"), metadata={"description": "As of events; public if absent."})
    engagements = fields.List(
        fields.Nested(HeldByPlatformSchema),
        required=True,
        validate=Length(max=MAX_ENGAGEMENTS, error=f"are too many; at most {MAX_ENGAGEMENTS}"),
        error_messages=messages(f"a list of at most {MAX_ENGAGEMENTS} engagements", "list"),
        metadata={"description": "All that the account has."},
    )


class ResyncAnswerSchema(Schema):
    """How the two differed."""

    added = fields.Integer(required=True, metadata={"description": "Taken in now."})
    removed = fields.Integer(
        required=True, metadata={"description": "Out of the counts now, with the reason `correction`."}
    )
    unchanged = fields.Integer(required=True, metadata={"description": "Both had them."})
    newer = fields.Integer(
        required=True, metadata={"description": "They differ, and something newer than the list is known."}
    )
    over_cap = fields.Integer(
        required=True, metadata={"description": "The account's day is full: send the list again tomorrow."}
    )
    account_closed = fields.Integer(
        required=True, metadata={"description": "The account was erased, or objects: nothing is stored."}
    )
    unknown_target = fields.Integer(
        required=True, metadata={"description": "Targets that are not registered."}
    )
    past_last_release = fields.Integer(
        required=True, metadata={"description": "Targets that are not counted any more."}
    )


def post_resync(services: PlatformServices, call: Request) -> Response:
    """Repair an account's engagements of one kind.

    Raises:
        InvalidInputError: the order breaks a rule; nothing was done.
    """

    def act(order: dict[str, Any]) -> Response:
        kind = kind_of(order["kind"])
        snapshot = AccountSnapshot(
            account_id=order["account_id"],
            kind=kind,
            as_of_ms=order["as_of"],
            profile=EventAttributes(**order.get("profile", {})),
            private=order.get("visibility") == "private",
            engagements=tuple(
                _named(engagement, order, kind.target_type) for engagement in order["engagements"]
            ),
        )
        services.moderation.repair.check(snapshot, call.now_ms)
        tag = services.moderation.keys.current.derive_audit_tag(snapshot.account_id)
        entry = AuditEntry(
            ActionStage.REQUESTED, "account.resync", *actor_of(call), order["note"], tag, {"kind": kind.label}
        )
        repaired = run_audited(
            services.moderation.trail,
            entry,
            lambda: services.moderation.repair.run(snapshot, call.now_ms),
            asdict,
        )
        return json_response(asdict(repaired))

    return once(services, call, "POST /v1/moderation/resyncs", ResyncOrderSchema, act)


def _named(engagement: dict[str, Any], order: dict[str, Any], wanted: Any) -> tuple[str, int]:
    target_type, target_id = named_target(engagement)
    if target_type is not wanted:
        raise InvalidInputError(
            "engagements", f"names a {target_type.value}", f"a {wanted.value} with {order['kind']}"
        )
    return target_id, engagement.get("occurred_at", order["as_of"])


def operation() -> Operation[PlatformServices]:
    """Describe the operation."""
    return OrderOperation(
        "/v1/moderation/resyncs",
        "post_moderation_resync",
        "moderate",
        "Repair an account from the platform's own list",
        _DESCRIPTION,
        post_resync,
        (ResyncOrderSchema, _EXAMPLE),
        (ResyncAnswerSchema, _ANSWER),
        max_bytes=MAX_BYTES,
    ).described()
