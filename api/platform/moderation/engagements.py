"""`POST /v1/moderation/engagements`: removes single engagements from the counts, or restores them."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema
from marshmallow.validate import Length

from api.http.operation import Request, Response, json_response
from api.platform.field_types import AccountId, BoundedList, one_of
from api.platform.services import PlatformServices
from api.platform.staff import (
    KINDS,
    StaffOperation,
    StrictActionSchema,
    TargetNameSchema,
    audit_entry,
    kind_of,
    named_target,
    run_idempotent,
)
from privacy.model.engagement import Reason, Series, TargetType
from privacy.moderation.audit_trail import run_audited
from privacy.vault.blocks import NO_BLOCK, Block, BlockResult

PATH = "/v1/moderation/engagements"
MAX_ENGAGEMENTS = 10_000
MAX_BYTES = 8 * 1024 * 1024
REASONS = (Reason.POLICY.label, Reason.INAUTHENTIC.label)
UNKNOWN_TARGET = "unknown_target"
_RESULTS = (*(result.value for result in BlockResult), UNKNOWN_TARGET)
_DESCRIPTION = f"""\
Takes up to {MAX_ENGAGEMENTS:,} engagements; each has a result, in the order of the list.

| result | meaning |
|---|---|
| `changed` | the engagement is now kept out of the counts, or no longer is |
| `unchanged` | that was so before |
| `unknown` | no such engagement is stored |
| `unknown_target` | the video or creator is not registered |"""
_EXAMPLE = {
    "action": "remove",
    "reason": "policy",
    "note": "like-for-like ring, case 4711",
    "engagements": [{"account_id": "a-2001", "kind": "like", "video_id": "v-4711"}],
}


class EngagementSchema(TargetNameSchema):
    """Names one engagement."""

    account_id = AccountId(required=True, metadata={"description": "The account."})
    kind = one_of(KINDS, required=True, metadata={"description": "The kind of engagement."})

    @validates_schema
    def _check_kind(self, loaded: dict[str, Any], **_options: Any) -> None:
        if "kind" in loaded and ("creator_id" in loaded) != (
            kind_of(loaded["kind"]).target_type is TargetType.CREATOR
        ):
            raise ValidationError(
                "does not fit the target; follow with creator_id, and all others with video_id", "kind"
            )


class EngagementsActionSchema(StrictActionSchema):
    """An action on single engagements."""

    action = one_of(("remove", "restore"), required=True, metadata={"description": "The action."})
    reason = one_of(
        REASONS, metadata={"description": "The reason for removal. Required with remove, and only then."}
    )
    engagements = BoundedList(
        fields.Nested(EngagementSchema),
        MAX_ENGAGEMENTS,
        f"a list of 1 to {MAX_ENGAGEMENTS} engagements",
        required=True,
        validate=Length(1, MAX_ENGAGEMENTS, error=f"are none or too many; 1 to {MAX_ENGAGEMENTS}"),
        metadata={"description": "The engagements."},
    )

    @validates_schema
    def _check_reason(self, loaded: dict[str, Any], **_options: Any) -> None:
        if (loaded["action"] == "remove") != ("reason" in loaded):
            expected = f"one of {', '.join(REASONS)} with remove, and no such field otherwise"
            raise ValidationError(f"does not fit {loaded['action']}; {expected}", "reason")


class EngagementsResultSchema(Schema):
    """The results of an action on single engagements."""

    results = fields.List(
        fields.String(metadata={"enum": list(_RESULTS)}),
        required=True,
        metadata={"description": "The result of each engagement, in the order of the list."},
    )


def post_engagements(services: PlatformServices, request: Request) -> Response:
    """Remove or restore engagements.

    Raises:
        InvalidInputError: the action breaks a rule; nothing was done.
    """

    def act(action: dict[str, Any]) -> Response:
        reason = action.get("reason")
        block = NO_BLOCK if reason is None else int(Reason[reason.upper()])
        blocks = _to_blocks(services, action["engagements"], block)
        known = [item for item in blocks if item is not None]
        details = {"engagements": len(blocks), "reason": reason}
        outcomes = run_audited(
            services.moderation.trail,
            audit_entry(request, f"engagements.{action['action']}", action["note"], details),
            lambda: services.moderation.blocks.apply(known, request.now_ms),
            lambda outcomes: {"changed": outcomes.count(BlockResult.CHANGED)},
        )
        remaining = iter(outcomes)
        results = [UNKNOWN_TARGET if item is None else next(remaining).value for item in blocks]
        return json_response({"results": results})

    return run_idempotent(services, request, PATH, EngagementsActionSchema, act)


def _to_blocks(
    services: PlatformServices, engagements: list[dict[str, Any]], block: int
) -> list[Block | None]:
    """Return the block of each engagement; None where the target is not registered."""
    names = [named_target(engagement) for engagement in engagements]
    known = {
        target_type: services.moderation.catalogue.lookup(
            target_type, [target_id for named, target_id in names if named is target_type]
        )
        for target_type in TargetType
    }
    blocks: list[Block | None] = []
    for engagement, (target_type, target_id) in zip(engagements, names, strict=True):
        target = known[target_type].get(target_id)
        if target is None:
            blocks.append(None)
        else:
            series = Series(target.number, kind_of(engagement["kind"]))
            blocks.append(Block(engagement["account_id"], series.number, block))
    return blocks


OPERATION = StaffOperation(
    PATH,
    "post_moderation_engagements",
    "moderate",
    "Remove or restore single engagements",
    _DESCRIPTION,
    post_engagements,
    (EngagementsActionSchema, _EXAMPLE),
    (EngagementsResultSchema, {"results": ["changed"]}),
    max_bytes=MAX_BYTES,
).build()
