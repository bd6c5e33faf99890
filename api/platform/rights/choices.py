"""`POST /v1/rights/objections`, `…/opt-outs` and `…/rectifications`: records a person's choices."""

from typing import Any

from marshmallow import Schema, fields

from api.http.operation import Request, Response, json_response
from api.platform.field_types import Flag
from api.platform.services import PlatformServices
from api.platform.staff import (
    AccountActionSchema,
    RecountSchema,
    StaffOperation,
    actor_of,
    result_word,
    run_idempotent,
)
from privacy.model.account_status import AccountStatus
from privacy.moderation.rights import DataSubjectRequest
from privacy.vault.recount import RecountResult

OBJECTIONS, OPT_OUTS, RECTIFICATIONS = (
    "/v1/rights/objections",
    "/v1/rights/opt-outs",
    "/v1/rights/rectifications",
)
_EXAMPLE = {"account_id": "a-2001", "note": "request 2026/118"}
_RESPONSE = {"result": "applied", "known": True, "status_before": "good", "counted": 0, "uncounted": 420}
_EFFECT = (
    "Events carry the profile, and none is stored: later engagements use the new one. Engagements that are "
    "counted keep the cells of their first count, which were correct then; changing them would change "
    "published counts."
)
_OBJECTION = """\
An account that `objects` is not counted anywhere: its engagements leave the counts with the reason \
`account`, and its events get the verdict `account_closed` and are not stored. Its stored engagements are \
kept, uncounted, in case the objection is withdrawn; to delete them, erase the account. Withdrawing the \
objection puts the account in good standing: if it was banned before (see `status_before`), ban it again."""
_OPT_OUT = """\
From now on, engagements of an account with `hidden` count in totals, and as undisclosed in every \
breakdown, as if each event had `"visibility": "private"`. Engagements that were counted before keep their \
cells."""


class ObjectionSchema(AccountActionSchema):
    """An objection to analytics, or its withdrawal."""

    objects = Flag("Whether the person objects.")


class OptOutSchema(AccountActionSchema):
    """An opt-out of breakdowns, or its withdrawal."""

    hidden = Flag("Whether the account is undisclosed in every breakdown.")


class ChoiceResultSchema(RecountSchema):
    """The result of a choice."""

    status_before = fields.String(
        required=True,
        metadata={
            "enum": [status.label for status in AccountStatus],
            "description": "The account's status before the choice.",
        },
    )


class RectificationResultSchema(Schema):
    """The effect of a rectification."""

    stored = fields.Boolean(required=True, metadata={"description": "False: no profile is stored."})
    effect = fields.String(required=True, metadata={"description": "The effect on engagements."})


def post_objection(services: PlatformServices, request: Request) -> Response:
    """Record an objection, or its withdrawal.

    Raises:
        ConflictError: the account is deleted or erased; or it does not object, and is not in good standing.
    """

    def act(action: dict[str, Any]) -> Response:
        objects = action["objects"]
        settled = services.rights.object_to_analytics(
            _to_request(action, request), request.now_ms, objects=objects
        )
        to = AccountStatus.OBJECTED if objects else AccountStatus.GOOD
        return _respond(settled, changed=settled.before is not to)

    return run_idempotent(services, request, OBJECTIONS, ObjectionSchema, act)


def post_opt_out(services: PlatformServices, request: Request) -> Response:
    """Record an opt-out, or its withdrawal.

    Raises:
        ConflictError: the account was erased.
    """

    def act(action: dict[str, Any]) -> Response:
        hidden = action["hidden"]
        settled = services.rights.opt_out(_to_request(action, request), request.now_ms, hidden=hidden)
        return _respond(settled, changed=settled.hidden_before is not hidden)

    return run_idempotent(services, request, OPT_OUTS, OptOutSchema, act)


def post_rectification(services: PlatformServices, request: Request) -> Response:
    """Record a rectification, and return its effect."""

    def act(action: dict[str, Any]) -> Response:
        services.rights.rectify(_to_request(action, request))
        return json_response({"stored": False, "effect": _EFFECT})

    return run_idempotent(services, request, RECTIFICATIONS, AccountActionSchema, act)


def _to_request(action: dict[str, Any], request: Request) -> DataSubjectRequest:
    return DataSubjectRequest(action["account_id"], actor_of(request), action["note"])


def _respond(settled: RecountResult, *, changed: bool) -> Response:
    return json_response(
        {
            "result": result_word(changed=changed),
            "known": settled.known,
            "status_before": settled.before.label,
            "counted": settled.newly_counted,
            "uncounted": settled.newly_uncounted,
        }
    )


OPERATIONS = (
    StaffOperation(
        OBJECTIONS,
        "post_objection",
        "privacy",
        "Object to all analytics",
        _OBJECTION,
        post_objection,
        (ObjectionSchema, {**_EXAMPLE, "objects": True}),
        (ChoiceResultSchema, _RESPONSE),
        "The account is deleted or erased; or it does not object, and is not in good standing.",
    ).build(),
    StaffOperation(
        OPT_OUTS,
        "post_opt_out",
        "privacy",
        "Opt out of breakdowns",
        _OPT_OUT,
        post_opt_out,
        (OptOutSchema, {**_EXAMPLE, "hidden": True}),
        (ChoiceResultSchema, {**_RESPONSE, "uncounted": 0}),
        "The account was erased.",
    ).build(),
    StaffOperation(
        RECTIFICATIONS,
        "post_rectification",
        "privacy",
        "Rectify a profile",
        "Records in the audit trail that a profile was corrected, and returns the effect. Nothing needs to "
        "be changed, since no profile is stored.",
        post_rectification,
        (AccountActionSchema, _EXAMPLE),
        (RectificationResultSchema, {"stored": False, "effect": _EFFECT}),
    ).build(),
)
