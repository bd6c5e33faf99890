"""`POST /v1/moderation/targets`: takes a video or creator down, and restores it."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from api.http.operation import Operation, Request, Response, json_response
from api.platform.moderation.named_targets import TargetNameSchema, named_target
from api.platform.services import PlatformServices
from api.platform.staff import OrderOperation, StrictActionSchema, actor_of, once, word
from privacy.moderation.audit_trail import ActionStage, AuditEntry, run_audited

REASONS = ("policy", "law", "copyright", "safety", "owner")
_DESCRIPTION = """\
Nothing of a target that is taken down is shown: reads of it answer 410 with the reason, which is public.
Its counts live on
behind that, and after `restore` its releases are there again, byte for byte, with those of the meantime."""
_EXAMPLE = {
    "action": "take_down",
    "video_id": "v-4711",
    "reason": "copyright",
    "note": "notice 2026-05-03/17",
}


class TargetOrderSchema(StrictActionSchema, TargetNameSchema):
    """What is to be done to a target."""

    action = word(("take_down", "restore"), required=True, metadata={"description": "What is to be done."})
    reason = word(
        REASONS,
        metadata={"description": "Why it is taken down, for everybody. Required then, and only then."},
    )

    @validates_schema
    def _check_reason(self, loaded: dict[str, Any], **_options: Any) -> None:
        if (loaded["action"] == "take_down") != ("reason" in loaded):
            raise ValidationError(
                f"does not fit {loaded['action']}; one of {', '.join(REASONS)} with take_down and only then",
                "reason",
            )


class TargetVerdictSchema(Schema):
    """What came of it."""

    verdict = fields.String(
        required=True,
        metadata={"enum": ["applied", "unchanged"], "description": "Whether anything is different now."},
    )


def post_target(services: PlatformServices, call: Request) -> Response:
    """Take a target down, or restore it.

    Raises:
        InvalidInputError: the order breaks a rule.
        NotFoundError: the target is not registered.
    """

    def act(order: dict[str, Any]) -> Response:
        target_type, target_id = named_target(order)
        details = {"target_type": target_type.value, "target_id": target_id, "reason": order.get("reason")}
        changed = run_audited(
            services.moderation.trail,
            AuditEntry(
                ActionStage.REQUESTED,
                f"target.{order['action']}",
                *actor_of(call),
                order["note"],
                details=details,
            ),
            lambda: services.moderation.targets.take_down(target_type, target_id, order.get("reason")),
            lambda changed: {"changed": changed},
        )
        return json_response({"verdict": "applied" if changed else "unchanged"})

    return once(services, call, "POST /v1/moderation/targets", TargetOrderSchema, act)


def operation() -> Operation[PlatformServices]:
    """Describe the operation."""
    return OrderOperation(
        "/v1/moderation/targets",
        "post_moderation_target",
        "moderate",
        "Take a video or creator down, or restore it",
        _DESCRIPTION,
        post_target,
        (TargetOrderSchema, _EXAMPLE),
        (TargetVerdictSchema, {"verdict": "applied"}),
        refusals={404: "The target is not registered."},
    ).described()
