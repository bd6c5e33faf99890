"""Data-subject requests: erasure, objection, opt-out of breakdowns. Each is recorded before and after."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import msgspec

from privacy.errors import ConflictError
from privacy.model.account_status import AccountStatus
from privacy.moderation.audit_trail import ActionStage, Actor, AuditEntry, AuditTrail, run_audited
from privacy.moderation.erasure_procedure import ErasureProcedure
from privacy.moderation.pending import PendingOperation, PendingOperations, Work
from privacy.moderation.receipts import Receipt, Receipts
from privacy.vault.erasure import Erased
from privacy.vault.pseudonym import AccountRef
from privacy.vault.recount import Recount, RecountResult, StatusTransition, TransitionRefusedError
from privacy.vault.shards import PseudonymKeys


class ErasureReason(Enum):
    """Why an account is erased; the value is the action in the audit trail."""

    REQUESTED = "rights.erasure"
    CHILD = "rights.child"


class DataSubjectRequest(NamedTuple):
    """A data-subject request: requester, account and reason.

    Args:
        account_id: of the person.
        actor: the member of staff who carries it out.
        note: why, or on whose authority.
    """

    account_id: str
    actor: Actor
    note: str


class ErasureOutcome(NamedTuple):
    """The result of an erasure.

    Args:
        receipt_id: for the person.
        receipt: the receipt.
        closed_until_ms: until when events of the account are rejected.
    """

    receipt_id: str
    receipt: Receipt
    closed_until_ms: int


@dataclass(frozen=True)
class DataSubjectRights:
    """Carries out data-subject requests.

    Args:
        recount: recounts the account's engagements.
        erasure: erases accounts.
        keys: the pseudonym keys.
        trail: records each request and its result.
        pending: tracks operations, so that none is left half done.
        receipts: issues receipts of erasures.
    """

    recount: Recount
    erasure: ErasureProcedure
    keys: PseudonymKeys
    trail: AuditTrail
    pending: PendingOperations
    receipts: Receipts

    def erase(self, request: DataSubjectRequest, reason: ErasureReason, now_ms: int) -> ErasureOutcome:
        """Erase an account; it is on disk when this returns. Repeating it finds nothing, and reports that.

        Raises:
            StoreBusyError: the store did not confirm. Repeat, or wait for the maintenance worker.
        """
        handle = self.keys.current.derive_handles([request.account_id])[0].name
        entry = self._make_entry(reason.value, request)

        def record(erased: Erased) -> AuditEntry:
            details = {"engagements": erased.registers, "uncounted": erased.counted}
            return msgspec.structs.replace(entry, stage=ActionStage.DONE, details=details)

        self.trail.write(entry)
        erased = self.erasure.run(handle, now_ms, record)
        return ErasureOutcome(*self.receipts.issue(erased, now_ms), erased.closed_until_ms)

    def object_to_analytics(
        self, request: DataSubjectRequest, now_ms: int, *, objects: bool
    ) -> RecountResult:
        """Record an objection, which excludes an account from all counts, or withdraw it.

        While an account objects, nothing new is stored of it.

        Raises:
            ConflictError: the account is deleted, so that it will be erased, or it was erased already.
            StoreBusyError: the store did not confirm. Repeat, or wait for the maintenance worker.
        """
        to = AccountStatus.OBJECTED if objects else AccountStatus.GOOD
        allowed = _MAY_OBJECT if objects else (AccountStatus.OBJECTED, AccountStatus.GOOD)

        def act() -> RecountResult:
            handle = self.keys.current.derive_handles([request.account_id])[0].name
            with self.pending.track(PendingOperation(handle, Work.SETTLE), now_ms):
                try:
                    return self.recount.change_status(
                        AccountRef(request.account_id), StatusTransition(to, allowed), now_ms
                    )
                except TransitionRefusedError as error:
                    why = "it will be erased when its grace ends" if objects else "it does not object"
                    raise ConflictError(f"The account's status is {error.before.label}; {why}.") from error

        entry = self._make_entry("rights.objection", request, {"objects": objects})
        return run_audited(self.trail, entry, act, _describe_settled)

    def opt_out(self, request: DataSubjectRequest, now_ms: int, *, hidden: bool) -> RecountResult:
        """Keep later engagements of an account out of every breakdown, or stop doing so.

        Raises:
            ConflictError: the account was erased.
            StoreBusyError: the store did not confirm. Repeat.
        """
        entry = self._make_entry("rights.opt_out", request, {"hidden": hidden})
        return run_audited(
            self.trail,
            entry,
            lambda: self.recount.hide(AccountRef(request.account_id), now_ms, hidden=hidden),
            _describe_settled,
        )

    def rectify(self, request: DataSubjectRequest) -> None:
        """Record that a profile was rectified. Nothing else is needed, because no profile is stored.

        Raises:
            StoreBusyError: the store did not confirm.
        """
        run_audited(self.trail, self._make_entry("rights.rectification", request), lambda: None, lambda _: {})

    def _make_entry(
        self, action: str, request: DataSubjectRequest, details: Mapping[str, bool] | None = None
    ) -> AuditEntry:
        tag = self.keys.current.derive_audit_tag(request.account_id)
        return AuditEntry(
            ActionStage.REQUESTED, action, *request.actor, request.note, tag, dict(details or {})
        )


_MAY_OBJECT = (
    AccountStatus.GOOD,
    AccountStatus.RESTRICTED,
    AccountStatus.BANNED,
    AccountStatus.INAUTHENTIC,
    AccountStatus.OBJECTED,
)


def _describe_settled(settled: RecountResult) -> dict[str, int | bool | str]:
    return {
        "known": settled.known,
        "status_before": settled.before.label,
        "counted": settled.newly_counted,
        "uncounted": settled.newly_uncounted,
    }
