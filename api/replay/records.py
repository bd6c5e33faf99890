"""What a recording holds: targets and events as they were sent, and actions of staff."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from privacy.model.account_status import AccountStatus
from privacy.model.engagement import Reason


class TimedRecord(NamedTuple):
    """Something that was recorded: when, and its JSON text."""

    at_ms: int
    line: bytes


class ActionKind(Enum):
    """What is done to an account, as it is spelled in the file."""

    BAN = "ban"
    PURGE = "purge"
    REINSTATE = "reinstate"

    @property
    def standing(self) -> AccountStatus:
        """How the account stands then."""
        return _STANDINGS[self]

    @property
    def reason(self) -> Reason | None:
        """Why its engagements are not counted then; None when they are."""
        return _REASONS.get(self)


_STANDINGS = {
    ActionKind.BAN: AccountStatus.BANNED,
    ActionKind.PURGE: AccountStatus.INAUTHENTIC,
    ActionKind.REINSTATE: AccountStatus.GOOD,
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
