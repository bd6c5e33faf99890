"""`POST /v1/moderation/targets`: takes a video or creator down, or restores it."""

from typing import Any

from marshmallow import ValidationError, validates_schema

from api.http.operation import Request, Response, json_response
from api.platform.field_types import one_of
from api.platform.services import PlatformServices
from api.platform.staff import (
    ResultSchema,
    StaffOperation,
    StrictActionSchema,
    TargetNameSchema,
    audit_entry,
    named_target,
    result_word,
    run_idempotent,
)
from privacy.moderation.audit_trail import run_audited

PATH = "/v1/moderation/targets"
REASONS = ("policy", "law", "copyright", "safety", "owner")
_DESCRIPTION = """\
Nothing about a target that is taken down is shown: reads of it return 410 with the reason, which is \
public. Counting continues meanwhile; after `restore`, its releases are available again, byte for byte, \
including those made in the meantime."""
_EXAMPLE = {
    "action": "take_down",
    "video_id": "v-4711",
    "reason": "copyright",
    "note": "notice 2026-05-03/17",
}


class TakedownSchema(StrictActionSchema, TargetNameSchema):
    """A takedown of a target, or its end."""

    action = one_of(("take_down", "restore"), required=True, metadata={"description": "The action."})
    reason = one_of(
        REASONS, metadata={"description": "The public reason. Required with take_down, and only then."}
    )

    @validates_schema
    def _check_reason(self, loaded: dict[str, Any], **_options: Any) -> None:
        if (loaded["action"] == "take_down") != ("reason" in loaded):
            expected = f"one of {', '.join(REASONS)} with take_down, and no such field otherwise"
            raise ValidationError(f"does not fit {loaded['action']}; {expected}", "reason")


def post_target(services: PlatformServices, request: Request) -> Response:
    """Take a target down, or restore it.

    Raises:
        InvalidInputError: the action breaks a rule.
        NotFoundError: the target is not registered.
    """

    def act(action: dict[str, Any]) -> Response:
        target_type, target_id = named_target(action)
        reason = action.get("reason")
        details = {"target_type": target_type.value, "target_id": target_id, "reason": reason}
        changed = run_audited(
            services.moderation.trail,
            audit_entry(request, f"target.{action['action']}", action["note"], details),
            lambda: services.moderation.catalogue.take_down(target_type, target_id, reason),
            lambda changed: {"changed": changed},
        )
        return json_response({"result": result_word(changed=changed)})

    return run_idempotent(services, request, PATH, TakedownSchema, act)


OPERATION = StaffOperation(
    PATH,
    "post_moderation_target",
    "moderate",
    "Take a video or creator down, or restore it",
    _DESCRIPTION,
    post_target,
    (TakedownSchema, _EXAMPLE),
    (ResultSchema, {"result": "applied"}),
    problems={404: "The target is not registered."},
).build()
