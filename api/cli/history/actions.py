"""What staff did in a history, at which moment: NDJSON, one action a line."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from api.cli.history.recording import recorded_lines
from privacy.errors import InvalidInputError
from privacy.model.engagement import Reason
from privacy.model.standing import Standing
from privacy.model.timestamp import parse_timestamp_ms

if TYPE_CHECKING:
    from pathlib import Path

_RULE = 'an action such as {"at": "1998-01-15T00:00:00Z", "action": "ban", "account_id": "a"}'


class ActionKind(Enum):
    """What is done to an account, as it is spelled in the file."""

    BAN = "ban"
    PURGE = "purge"
    REINSTATE = "reinstate"

    @property
    def standing(self) -> Standing:
        """How the account stands then."""
        return _STANDINGS[self]

    @property
    def reason(self) -> Reason | None:
        """Why its engagements are not counted then; None when they are."""
        return _REASONS.get(self)


_STANDINGS = {
    ActionKind.BAN: Standing.BANNED,
    ActionKind.PURGE: Standing.INAUTHENTIC,
    ActionKind.REINSTATE: Standing.GOOD,
}
_REASONS = {ActionKind.BAN: Reason.ACCOUNT, ActionKind.PURGE: Reason.INAUTHENTIC}


class Action(NamedTuple):
    """One thing that staff did.

    Args:
        at_ms: when.
        kind: what.
        account_id: to whom.
    """

    at_ms: int
    kind: ActionKind
    account_id: str


class _RecordedAction(msgspec.Struct, forbid_unknown_fields=True):
    at: str
    action: ActionKind
    account_id: str


_DECODE = msgspec.json.Decoder(_RecordedAction).decode


def read_actions(path: Path) -> list[Action]:
    """Read actions, in any order.

    Raises:
        InvalidInputError: the file cannot be read, or a line is no action.
    """
    actions = []
    for number, line in enumerate(recorded_lines("--actions", path), start=1):
        try:
            said = _DECODE(line)
            actions.append(Action(parse_timestamp_ms(said.at), said.action, said.account_id))
        except ValueError as error:  # msgspec's errors are ValueErrors
            raise InvalidInputError(f"{path}, line {number}", str(error), _RULE) from error
    return actions
