"""`POST /v1/moderation/accounts`: restricts, bans, reinstates or deletes one account."""

from typing import Any

from marshmallow import ValidationError, validates_schema

from api.http.operation import Request, Response, json_response
from api.platform.field_types import Timestamp, one_of
from api.platform.services import PlatformServices
from api.platform.staff import (
    AccountActionSchema,
    RecountSchema,
    StaffOperation,
    actor_of,
    result_word,
    run_idempotent,
)
from privacy.errors import InvalidInputError
from privacy.moderation.accounts import AccountAction, AccountRequest

PATH = "/v1/moderation/accounts"
_ACTIONS = tuple(action.value for action in AccountAction)
_UNTIL_RULE = "a time in the future with restrict, and no such field otherwise"
_DESCRIPTION = """\
| action | effect on the account's engagements |
|---|---|
| `restrict` | uncounted until `until`, reason `account`; then counted again |
| `ban` | uncounted, reason `account`, until the account is reinstated |
| `reinstate` | counted again, except those that are blocked themselves or have used up their changes |
| `delete` | uncounted, reason `account`; the account is erased when the policy's grace is over |

All of this holds for future engagements, too. An account about which nothing is stored can therefore be \
banned; `known` is false then."""
_CONFLICT = (
    "The action does not apply to the account's status: it is banned and to be restricted, in good standing "
    "and to be reinstated, or erased."
)
_EXAMPLE = {
    "action": "restrict",
    "account_id": "a-2001",
    "until": "2026-06-03T00:00:00Z",
    "note": "spam wave 17, case 4711",
}
_RESPONSE = {"result": "applied", "known": True, "counted": 0, "uncounted": 431}


class ModerationActionSchema(AccountActionSchema):
    """An action of trust & safety on one account."""

    action = one_of(_ACTIONS, required=True, metadata={"description": "The action."})
    until = Timestamp(
        metadata={"description": "End of a restriction. Required with restrict, and only then."}
    )

    @validates_schema
    def _check_until(self, loaded: dict[str, Any], **_options: Any) -> None:
        if (loaded["action"] == AccountAction.RESTRICT.value) != ("until" in loaded):
            raise ValidationError(f"does not fit {loaded['action']}; {_UNTIL_RULE}", "until")


def post_account(services: PlatformServices, request: Request) -> Response:
    """Run an action on an account.

    Raises:
        InvalidInputError: the action breaks a rule.
        ConflictError: the action does not apply to the account's status.
    """

    def act(action: dict[str, Any]) -> Response:
        until_ms = action.get("until")
        if until_ms is not None and until_ms <= request.now_ms:
            raise InvalidInputError("until", "is in the past", _UNTIL_RULE)
        account_request = AccountRequest(
            AccountAction(action["action"]), action["account_id"], until_ms, action["note"]
        )
        outcome = services.moderation.accounts.carry_out(account_request, actor_of(request), request.now_ms)
        settled = outcome.settled
        return json_response(
            {
                "result": result_word(changed=outcome.changed),
                "known": settled.known,
                "counted": settled.newly_counted,
                "uncounted": settled.newly_uncounted,
            }
        )

    return run_idempotent(services, request, PATH, ModerationActionSchema, act)


OPERATION = StaffOperation(
    PATH,
    "post_moderation_account",
    "moderate",
    "Restrict, ban, reinstate or delete an account",
    _DESCRIPTION,
    post_account,
    (ModerationActionSchema, _EXAMPLE),
    (RecountSchema, _RESPONSE),
    _CONFLICT,
).build()
