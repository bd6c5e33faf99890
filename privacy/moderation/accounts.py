"""Staff actions on one account: restrict, ban, reinstate, delete. Each is recorded before and after."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from privacy.errors import ConflictError
from privacy.model.account_status import AccountStatus
from privacy.moderation.audit_trail import ActionStage, Actor, AuditEntry, AuditTrail, run_audited
from privacy.moderation.pending import PendingOperation, PendingOperations, Work
from privacy.vault.pseudonym import AccountRef
from privacy.vault.recount import Recount, RecountResult, StatusTransition, TransitionRefusedError
from privacy.vault.shards import PseudonymKeys


class AccountAction(Enum):
    """The actions, as the API spells them."""

    RESTRICT = "restrict"
    BAN = "ban"
    REINSTATE = "reinstate"
    DELETE = "delete"


class AccountRequest(NamedTuple):
    """A staff action on one account.

    Args:
        action: the action.
        account_id: of the account.
        until_ms: end of a restriction; None for all other actions.
        note: why.
    """

    action: AccountAction
    account_id: str
    until_ms: int | None
    note: str


class AccountOutcome(NamedTuple):
    """The result of a staff action.

    Args:
        changed: whether the account's status or the end of its restriction changed.
        settled: the result of recounting its engagements.
    """

    changed: bool
    settled: RecountResult


# Staff cannot override an owner's decision: a deleted account is erased after its grace, and an account that
# objects is not counted.
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
    # Not from itself: a second deletion must not restart the grace.
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
    """Carries out staff actions on accounts.

    Args:
        recount: recounts the account's engagements.
        keys: the pseudonym keys.
        trail: records each action and its result.
        pending: tracks operations, so that none is left half done.
        grace_seconds: time between the deletion of an account and its erasure.
    """

    recount: Recount
    keys: PseudonymKeys
    trail: AuditTrail
    pending: PendingOperations
    grace_seconds: int

    def carry_out(self, request: AccountRequest, actor: Actor, now_ms: int) -> AccountOutcome:
        """Carry out an action; it is on disk when this returns. Repeating it changes nothing.

        Raises:
            ConflictError: the action does not apply to the account's status, or the account was erased.
            StoreBusyError: the store did not confirm. Repeat, or wait for the maintenance worker.
        """
        entry = AuditEntry(
            ActionStage.REQUESTED,
            f"account.{request.action.value}",
            *actor,
            request.note,
            self.keys.current.derive_audit_tag(request.account_id),
            {} if request.until_ms is None else {"until_ms": request.until_ms},
        )
        return run_audited(self.trail, entry, lambda: self._move(request, now_ms), _describe)

    def _move(self, request: AccountRequest, now_ms: int) -> AccountOutcome:
        account = AccountRef(request.account_id)
        to, allowed = _TO[request.action]
        until_ms = now_ms + 1000 * self.grace_seconds if to is AccountStatus.DELETED else request.until_ms
        handle = self.keys.current.derive_handles([request.account_id])[0].name
        with self.pending.track(PendingOperation(handle, Work.SETTLE), now_ms):
            try:
                settled = self.recount.change_status(account, StatusTransition(to, allowed, until_ms), now_ms)
            except TransitionRefusedError as error:
                if error.before is not to or to is AccountStatus.GOOD:
                    status, action = error.before.label, request.action.value
                    raise ConflictError(
                        f"The account's status is {status}; {action} does not apply."
                    ) from error
                settled = self.recount.run(account, now_ms)
        same_end = to is not AccountStatus.RESTRICTED or settled.until_ms == until_ms
        return AccountOutcome(settled.before is not to or not same_end, settled)


def _describe(outcome: AccountOutcome) -> dict[str, int | bool | str]:
    settled = outcome.settled
    return {
        "changed": outcome.changed,
        "known": settled.known,
        "status_before": settled.before.label,
        "counted": settled.newly_counted,
        "uncounted": settled.newly_uncounted,
    }
