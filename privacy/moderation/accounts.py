"""What staff do to one account: restrict, ban, reinstate, delete. At once, each between two audit entries."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from privacy.errors import ConflictError
from privacy.model.account_status import AccountStatus
from privacy.moderation.audit_trail import ActionStage, Actor, AuditEntry, AuditTrail, audited
from privacy.moderation.pending import PendingOperation, PendingOperations, Work
from privacy.vault.pseudonym import AccountRef
from privacy.vault.recount import Move, MoveRefusedError, Recount, Settled
from privacy.vault.shards import PseudonymKeys


class AccountAction(Enum):
    """What is done, as it is spelled outside."""

    RESTRICT = "restrict"
    BAN = "ban"
    REINSTATE = "reinstate"
    DELETE = "delete"


class AccountOrder(NamedTuple):
    """What staff ask for.

    Args:
        action: what is to be done.
        account_id: to whom.
        until_ms: end of a restriction; None for all other actions.
        note: why.
    """

    action: AccountAction
    account_id: str
    until_ms: int | None
    note: str


class AccountOutcome(NamedTuple):
    """What came of it.

    Args:
        changed: whether the account stands differently now.
        settled: what became of its engagements.
    """

    changed: bool
    settled: Settled


# What an owner decided stands: a deleted account goes on to its erasure, and one that objects counts nowhere.
_TO = {
    AccountAction.RESTRICT: (AccountStatus.RESTRICTED, (AccountStatus.GOOD, AccountStatus.RESTRICTED)),
    AccountAction.BAN: (
        AccountStatus.BANNED,
        (AccountStatus.GOOD, AccountStatus.RESTRICTED, AccountStatus.BANNED, AccountStatus.INAUTHENTIC),
    ),
    AccountAction.REINSTATE: (
        AccountStatus.GOOD,
        (AccountStatus.RESTRICTED, AccountStatus.BANNED, AccountStatus.DELETED, AccountStatus.INAUTHENTIC),
    ),
    # Not from itself: deleting again must not begin the grace anew.
    AccountAction.DELETE: (
        AccountStatus.DELETED,
        (
            AccountStatus.GOOD,
            AccountStatus.RESTRICTED,
            AccountStatus.BANNED,
            AccountStatus.INAUTHENTIC,
            AccountStatus.OBJECTED,
        ),
    ),
}


@dataclass(frozen=True)
class AccountModeration:
    """Carries out what staff ask for.

    Args:
        recount: recounts the account's engagements.
        keys: the pseudonym keys.
        trail: records each action and its result.
        pending: tracks operations, so that none is left half done.
        grace_seconds: between the deletion of an account and its erasure.
    """

    recount: Recount
    keys: PseudonymKeys
    trail: AuditTrail
    pending: PendingOperations
    grace_seconds: int

    def carry_out(self, order: AccountOrder, actor: Actor, now_ms: int) -> AccountOutcome:
        """Do it; on disk when this returns. Doing it again changes nothing.

        Raises:
            ConflictError: the account stands so that the order contradicts it, or it was erased.
            StoreBusyError: the store did not confirm. Do it again, or leave it to the maintenance worker.
        """
        entry = AuditEntry(
            ActionStage.ASKED,
            f"account.{order.action.value}",
            *actor,
            order.note,
            self.keys.current.audit_tag(order.account_id),
            {} if order.until_ms is None else {"until_ms": order.until_ms},
        )
        return audited(self.trail, entry, lambda: self._move(order, now_ms), _details)

    def _move(self, order: AccountOrder, now_ms: int) -> AccountOutcome:
        account = AccountRef(order.account_id)
        to, allowed = _TO[order.action]
        until_ms = now_ms + 1000 * self.grace_seconds if to is AccountStatus.DELETED else order.until_ms
        handle = self.keys.current.handles([order.account_id])[0].name
        with self.pending.track(PendingOperation(handle, Work.SETTLE), now_ms):
            try:
                settled = self.recount.move(account, Move(to, allowed, until_ms), now_ms)
            except MoveRefusedError as error:
                if error.before is not to or to is AccountStatus.GOOD:
                    raise ConflictError(
                        f"the account's standing is {error.before.label}: {order.action.value} does not apply"
                    ) from error
                settled = self.recount.settle(account, now_ms)
        same_time = to is not AccountStatus.RESTRICTED or settled.until_ms == until_ms
        return AccountOutcome(settled.before is not to or not same_time, settled)


def _details(outcome: AccountOutcome) -> dict[str, int | bool | str]:
    settled = outcome.settled
    return {
        "changed": outcome.changed,
        "known": settled.known,
        "standing_before": settled.before.label,
        "counted": settled.rose,
        "uncounted": settled.fell,
        "over_cap": settled.over_cap,
    }
