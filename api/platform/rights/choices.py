"""`POST /v1/rights/objections`, `…/opt-outs`, `…/rectifications`: what a person chooses, and what it does."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from api.http.operation import Operation, Request, Response, json_response
from api.platform.services import PlatformServices
from api.platform.staff import AccountActionSchema, Flag, OrderOperation, actor_of, once
from privacy.model.account_status import AccountStatus
from privacy.moderation.rights import DataSubjectRequest
from privacy.vault.recount import Settled

_ORDER = {"account_id": "a-2001", "note": "request 2026/118"}
_CHOICE = {"verdict": "applied", "known": True, "status_before": "good", "counted": 0, "uncounted": 420}
_EFFECT = (
    "Events carry the profile, and none is held: later engagements take the new one. What was counted keeps "
    "the cells of its first count, which were right then; changing them would change counts that are "
    "already published."
)
_OBJECTION = (
    "An account that `objects` is not counted: its engagements leave the counts with the reason `account`, "
    "and its events are answered `account_closed` and not stored. Stored engagements are kept, uncounted, in "
    "case the objection is withdrawn; erase the account to delete them. After a withdrawal the account is in "
    "good standing: if it was banned before (`status_before` said so), ban it again."
)
_OPT_OUT = """\
What an account with `hidden` does from now on counts in totals, and as undisclosed in every breakdown, as
if each event said
`"visibility": "private"`. What was counted before keeps its cells."""


class ObjectionSchema(AccountActionSchema):
    """An objection to analytics, or its withdrawal."""

    objects = Flag("Whether the person objects.")


class OptOutSchema(AccountActionSchema):
    """An opt-out of breakdowns, or its withdrawal."""

    hidden = Flag("Whether the account is undisclosed in every breakdown.")


class ChoiceAnswerSchema(Schema):
    """What came of a choice."""

    verdict = fields.String(
        required=True,
        metadata={"enum": ["applied", "unchanged"], "description": "Whether anything is different now."},
    )
    known = fields.Boolean(
        required=True, metadata={"description": "Whether anything was held of the account before."}
    )
    status_before = fields.String(
        required=True,
        metadata={
            "enum": [standing.label for standing in AccountStatus],
            "description": "How the account stood until now.",
        },
    )
    counted = fields.Integer(
        required=True, metadata={"description": "Engagements that are counted now and were not."}
    )
    uncounted = fields.Integer(
        required=True, metadata={"description": "Engagements that are not counted any more."}
    )


class RectificationAnswerSchema(Schema):
    """What a rectification does."""

    stored = fields.Boolean(required=True, metadata={"description": "False: no profile is held."})
    effect = fields.String(required=True, metadata={"description": "What becomes of what was counted."})


def post_objection(services: PlatformServices, call: Request) -> Response:
    """Take an objection, or its withdrawal.

    Raises:
        ConflictError: the account is deleted or erased; or it does not object, and is not in good standing.
    """

    def act(order: dict[str, Any]) -> Response:
        objects = order["objects"]
        settled = services.rights.object_to_analytics(_request(order, call), call.now_ms, objects=objects)
        to = AccountStatus.OBJECTED if objects else AccountStatus.GOOD
        return _choice(settled, changed=settled.before is not to)

    return once(services, call, "POST /v1/rights/objections", ObjectionSchema, act)


def post_opt_out(services: PlatformServices, call: Request) -> Response:
    """Take an opt-out, or its withdrawal.

    Raises:
        ConflictError: the account was erased.
    """

    def act(order: dict[str, Any]) -> Response:
        hidden = order["hidden"]
        settled = services.rights.opt_out(_request(order, call), call.now_ms, hidden=hidden)
        return _choice(settled, changed=settled.hidden_before is not hidden)

    return once(services, call, "POST /v1/rights/opt-outs", OptOutSchema, act)


def post_rectification(services: PlatformServices, call: Request) -> Response:
    """Say what a rectification does."""

    def act(order: dict[str, Any]) -> Response:
        services.rights.rectify(_request(order, call))
        return json_response({"stored": False, "effect": _EFFECT})

    return once(services, call, "POST /v1/rights/rectifications", AccountActionSchema, act)


def _request(order: dict[str, Any], call: Request) -> DataSubjectRequest:
    return DataSubjectRequest(order["account_id"], actor_of(call), order["note"])


def _choice(settled: Settled, *, changed: bool) -> Response:
    return json_response(
        {
            "verdict": "applied" if changed else "unchanged",
            "known": settled.known,
            "status_before": settled.before.label,
            "counted": settled.newly_counted,
            "uncounted": settled.newly_uncounted,
        }
    )


def operations() -> tuple[Operation[PlatformServices], ...]:
    """Describe the operations."""
    return (
        OrderOperation(
            "/v1/rights/objections",
            "post_objection",
            "privacy",
            "Object to all analytics",
            _OBJECTION,
            post_objection,
            (ObjectionSchema, {**_ORDER, "objects": True}),
            (ChoiceAnswerSchema, _CHOICE),
            "The account is deleted or erased; or it does not object, and is not in good standing.",
        ).described(),
        OrderOperation(
            "/v1/rights/opt-outs",
            "post_opt_out",
            "privacy",
            "Opt out of breakdowns",
            _OPT_OUT,
            post_opt_out,
            (OptOutSchema, {**_ORDER, "hidden": True}),
            (ChoiceAnswerSchema, {**_CHOICE, "uncounted": 0}),
            "The account was erased.",
        ).described(),
        OrderOperation(
            "/v1/rights/rectifications",
            "post_rectification",
            "privacy",
            "Put a profile right",
            "Writes down that a profile was put right, and says what follows; nothing is to be changed.",
            post_rectification,
            (AccountActionSchema, _ORDER),
            (RectificationAnswerSchema, {"stored": False, "effect": _EFFECT}),
        ).described(),
    )
