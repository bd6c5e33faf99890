"""The records of a recording: targets and events as they were sent, and staff actions."""

from enum import Enum
from typing import NamedTuple

from privacy.model.account_status import AccountStatus
from privacy.model.engagement import Reason


class TimedRecord(NamedTuple):
    """A recorded target or event: its time and its JSON text."""

    at_ms: int
    line: bytes


class ActionKind(Enum):
    """Kinds of staff actions, as spelled in the file."""

    BAN = "ban"
    PURGE = "purge"
    REINSTATE = "reinstate"

    @property
    def status(self) -> AccountStatus:
        """Status of the account after the action."""
        return _STATUSES[self]

    @property
    def reason(self) -> Reason | None:
        """Reason why its engagements are not counted after the action; None if they are counted."""
        return _REASONS.get(self)


_STATUSES = {
    ActionKind.BAN: AccountStatus.BANNED,
    ActionKind.PURGE: AccountStatus.INAUTHENTIC,
    ActionKind.REINSTATE: AccountStatus.GOOD,
}
_REASONS = {ActionKind.BAN: Reason.ACCOUNT, ActionKind.PURGE: Reason.INAUTHENTIC}


class Action(NamedTuple):
    """One staff action.

    Args:
        at_ms: time of the action.
        kind: kind of action.
        account_id: the affected account.
    """

    at_ms: int
    kind: ActionKind
    account_id: str
