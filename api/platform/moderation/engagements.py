"""`POST /v1/moderation/engagements`: takes single engagements out of the counts, and lets them in again."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema
from marshmallow.validate import Length

from api.http.operation import Operation, Request, Response, json_response
from api.platform.fields import AccountId, messages
from api.platform.moderation.named_targets import KINDS, TargetNameSchema, kind_of, named_target
from api.platform.services import PlatformServices
from api.platform.staff import OrderOperation, StrictActionSchema, actor_of, once, word
from privacy.model.engagement import Reason, Series, TargetType
from privacy.moderation.audit_trail import ActionStage, AuditEntry, run_audited
from privacy.vault.blocks import NO_BLOCK, Block, BlockResult

MAX_ENGAGEMENTS = 10_000
MAX_BYTES = 8 * 1024 * 1024
REASONS = (Reason.POLICY.label, Reason.INAUTHENTIC.label)
UNKNOWN_TARGET = "unknown_target"
_VERDICTS = (*(marked.value for marked in BlockResult), UNKNOWN_TARGET)
_DESCRIPTION = f"""\
Up to {MAX_ENGAGEMENTS:,} engagements; each has a verdict, in the order of the list.

| verdict | meaning |
|---|---|
| `changed` | it is kept out of the counts now, or no longer |
| `unchanged` | it was so before |
| `unknown` | no such engagement is held |
| `over_cap` | it would be counted for the first time, and the account's day is full: restore it tomorrow |
| `unknown_target` | the video or creator is not registered |"""
_EXAMPLE = {
    "action": "remove",
    "reason": "policy",
    "note": "like-for-like ring, case 4711",
    "engagements": [{"account_id": "a-2001", "kind": "like", "video_id": "v-4711"}],
}


class EngagementSchema(TargetNameSchema):
    """One engagement."""

    account_id = AccountId(required=True, metadata={"description": "Whose it is."})
    kind = word(KINDS, required=True, metadata={"description": "Of what kind."})

    @validates_schema
    def _check_kind(self, loaded: dict[str, Any], **_options: Any) -> None:
        if "kind" in loaded and ("creator_id" in loaded) != (
            kind_of(loaded["kind"]).target_type is TargetType.CREATOR
        ):
            raise ValidationError(
                "does not fit the target; follow with creator_id, all others with video_id", "kind"
            )


class EngagementsOrderSchema(StrictActionSchema):
    """What is to be done to some engagements."""

    action = word(("remove", "restore"), required=True, metadata={"description": "What is to be done."})
    reason = word(REASONS, metadata={"description": "Why they are removed. Required then, and only then."})
    engagements = fields.List(
        fields.Nested(EngagementSchema),
        required=True,
        validate=Length(1, MAX_ENGAGEMENTS, error=f"are none or too many; 1 to {MAX_ENGAGEMENTS}"),
        error_messages=messages(f"a list of 1 to {MAX_ENGAGEMENTS} engagements", "list"),
        metadata={"description": "Which ones."},
    )

    @validates_schema
    def _check_reason(self, loaded: dict[str, Any], **_options: Any) -> None:
        if (loaded["action"] == "remove") != ("reason" in loaded):
            rule = f"one of {', '.join(REASONS)} with remove and only then"
            raise ValidationError(f"does not fit {loaded['action']}; {rule}", "reason")


class EngagementsAnswerSchema(Schema):
    """What became of each."""

    verdicts = fields.List(
        fields.String(metadata={"enum": list(_VERDICTS)}),
        required=True,
        metadata={"description": "One an engagement, in the order of the list."},
    )


def post_engagements(services: PlatformServices, call: Request) -> Response:
    """Remove or restore engagements.

    Raises:
        InvalidInputError: the order breaks a rule; nothing was done.
    """

    def act(order: dict[str, Any]) -> Response:
        block = int(Reason[order["reason"].upper()]) if "reason" in order else NO_BLOCK
        marks = _marks(services, order["engagements"], block)
        found = [mark for mark in marks if mark is not None]
        details = {"engagements": len(marks), "reason": order.get("reason")}
        outcomes = run_audited(
            services.moderation.trail,
            AuditEntry(
                ActionStage.REQUESTED,
                f"engagements.{order['action']}",
                *actor_of(call),
                order["note"],
                details=details,
            ),
            lambda: services.moderation.marks.apply(found, call.now_ms),
            lambda outcomes: {"changed": outcomes.count(BlockResult.CHANGED)},
        )
        words = iter(outcomes)
        verdicts = [UNKNOWN_TARGET if mark is None else next(words).value for mark in marks]
        return json_response({"verdicts": verdicts})

    return once(services, call, "POST /v1/moderation/engagements", EngagementsOrderSchema, act)


def _marks(services: PlatformServices, engagements: list[dict[str, Any]], block: int) -> list[Block | None]:
    """What the vault is told of each; None where the target is not registered."""
    names = [named_target(engagement) for engagement in engagements]
    known = {
        target_type: services.moderation.targets.lookup(
            target_type, [target_id for found, target_id in names if found is target_type]
        )
        for target_type in TargetType
    }
    marks: list[Block | None] = []
    for engagement, (target_type, target_id) in zip(engagements, names, strict=True):
        target = known[target_type].get(target_id)
        if target is None:
            marks.append(None)
        else:
            series = Series(target.number, kind_of(engagement["kind"]))
            marks.append(Block(engagement["account_id"], series.number, block))
    return marks


def operation() -> Operation[PlatformServices]:
    """Describe the operation."""
    return OrderOperation(
        "/v1/moderation/engagements",
        "post_moderation_engagements",
        "moderate",
        "Remove or restore single engagements",
        _DESCRIPTION,
        post_engagements,
        (EngagementsOrderSchema, _EXAMPLE),
        (EngagementsAnswerSchema, {"verdicts": ["changed"]}),
        max_bytes=MAX_BYTES,
    ).described()
