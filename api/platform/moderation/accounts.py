"""`POST /v1/moderation/accounts`: restrict, ban, reinstate, delete one account."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from api.http.operation import Operation, Request, Response, json_response
from api.platform.fields import Timestamp
from api.platform.services import PlatformServices
from api.platform.staff import AccountActionSchema, OrderOperation, actor_of, once, word
from privacy.errors import InvalidInputError
from privacy.moderation.accounts import AccountAction, AccountRequest

_ACTIONS = tuple(action.value for action in AccountAction)
_UNTIL_RULE = "a time in the future, with restrict and only then"
_DESCRIPTION = """\
| action | what becomes of the account's engagements |
|---|---|
| `restrict` | uncounted until `until`, reason `account`; counted again afterwards |
| `ban` | uncounted, reason `account`, until it is reinstated |
| `reinstate` | counted again, those that are not blocked themselves |
| `delete` | uncounted, reason `account`; the account is erased when the policy's grace is over |

All of it holds for what is still to come too, so an account of which nothing is held can be banned: `known`
is false then."""
_CONFLICT = (
    "The account stands so that the order contradicts it: banned and to be restricted, in good standing "
    "and to be reinstated, or erased."
)
_EXAMPLE = {
    "action": "restrict",
    "account_id": "a-2001",
    "until": "2026-06-03T00:00:00Z",
    "note": "spam wave 17, case 4711",
}
_ANSWER = {"verdict": "applied", "known": True, "counted": 0, "uncounted": 431, "over_cap": 0}


class ModerationOrderSchema(AccountActionSchema):
    """What is to be done to one account."""

    action = word(_ACTIONS, required=True, metadata={"description": "What is to be done."})
    until = Timestamp(metadata={"description": "End of a restriction. Required then, and only then."})

    @validates_schema
    def _check_until(self, loaded: dict[str, Any], **_options: Any) -> None:
        if (loaded["action"] == AccountAction.RESTRICT.value) != ("until" in loaded):
            raise ValidationError(f"does not fit {loaded['action']}; {_UNTIL_RULE}", "until")


class SettledSchema(Schema):
    """What became of an account's engagements; it names none of them."""

    verdict = fields.String(
        required=True,
        metadata={"enum": ["applied", "unchanged"], "description": "Whether anything is different now."},
    )
    known = fields.Boolean(
        required=True, metadata={"description": "Whether anything was held of the account before."}
    )
    counted = fields.Integer(
        required=True, metadata={"description": "Engagements that are counted now and were not."}
    )
    uncounted = fields.Integer(
        required=True, metadata={"description": "Engagements that are not counted any more."}
    )
    over_cap = fields.Integer(
        required=True,
        metadata={
            "description": "Engagements that would be counted for the first time, and found the day full."
        },
    )


def post_account(services: PlatformServices, call: Request) -> Response:
    """Do something to an account.

    Raises:
        InvalidInputError: the order breaks a rule.
        ConflictError: the account stands so that the order contradicts it.
    """

    def act(order: dict[str, Any]) -> Response:
        until_ms = order.get("until")
        if until_ms is not None and until_ms <= call.now_ms:
            raise InvalidInputError("until", "is over", _UNTIL_RULE)
        asked = AccountRequest(AccountAction(order["action"]), order["account_id"], until_ms, order["note"])
        outcome = services.moderation.accounts.carry_out(asked, actor_of(call), call.now_ms)
        settled = outcome.settled
        return json_response(
            {
                "verdict": "applied" if outcome.changed else "unchanged",
                "known": settled.known,
                "counted": settled.newly_counted,
                "uncounted": settled.newly_uncounted,
                "over_cap": settled.over_cap,
            }
        )

    return once(services, call, "POST /v1/moderation/accounts", ModerationOrderSchema, act)


def operation() -> Operation[PlatformServices]:
    """Describe the operation."""
    return OrderOperation(
        "/v1/moderation/accounts",
        "post_moderation_account",
        "moderate",
        "Restrict, ban, reinstate or delete an account",
        _DESCRIPTION,
        post_account,
        (ModerationOrderSchema, _EXAMPLE),
        (SettledSchema, _ANSWER),
        _CONFLICT,
    ).described()
