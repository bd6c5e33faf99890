"""What people may ask for: erasure, objection, opt-out of breakdowns; each between two audit entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from privacy.errors import ConflictError
from privacy.model.account_status import AccountStatus
from privacy.moderation.audit_trail import ActionStage, Actor, AuditEntry, AuditTrail, audited
from privacy.moderation.erasure_procedure import ErasureProcedure
from privacy.moderation.pending import PendingOperation, PendingOperations, Work
from privacy.moderation.receipts import Receipt, Receipts
from privacy.vault.pseudonym import AccountRef
from privacy.vault.recount import Move, MoveRefusedError, Recount, Settled
from privacy.vault.shards import PseudonymKeys


class ErasureReason(Enum):
    """Why an account is erased, in the words of the audit trail."""

    ASKED_FOR = "rights.erasure"
    CHILD = "rights.child"


class DataSubjectRequest(NamedTuple):
    """Who asks for what about whom.

    Args:
        account_id: of the person.
        actor: who of the staff carries it out.
        note: why, or on whose word.
    """

    account_id: str
    actor: Actor
    note: str


class ErasureOutcome(NamedTuple):
    """What came of an erasure.

    Args:
        receipt_id: for the person.
        receipt: what it proves.
        closed_until_ms: until when nothing of the account is taken in.
    """

    receipt_id: str
    receipt: Receipt
    closed_until_ms: int


@dataclass(frozen=True)
class DataSubjectRights:
    """Carries out what people ask for.

    Args:
        recount: recounts the account's engagements.
        erasure: erases accounts.
        keys: the pseudonym keys.
        trail: records each request and its result.
        pending: tracks operations, so that none is left half done.
        receipts: issues receipts of erasures.
        tombstone_ttl_seconds: how long an erased account stays closed.
    """

    recount: Recount
    erasure: ErasureProcedure
    keys: PseudonymKeys
    trail: AuditTrail
    pending: PendingOperations
    receipts: Receipts
    tombstone_ttl_seconds: int

    def erase(self, request: DataSubjectRequest, reason: ErasureReason, now_ms: int) -> ErasureOutcome:
        """Erase an account; on disk when this returns. Erasing again finds nothing, and says so.

        Raises:
            StoreBusyError: the store did not confirm. Do it again, or leave it to the maintenance worker.
        """
        closed_until_ms = now_ms + 1000 * self.tombstone_ttl_seconds
        handle = self.keys.current.handles([request.account_id])[0].name

        def act() -> ErasureOutcome:
            erased = self.erasure.run(handle, closed_until_ms, now_ms)
            return ErasureOutcome(*self.receipts.issue(erased, now_ms), closed_until_ms)

        return audited(self.trail, self._entry(reason.value, request), act, _erasure_details)

    def object_to_analytics(self, request: DataSubjectRequest, now_ms: int, *, objects: bool) -> Settled:
        """Count an account nowhere and store nothing new of it, or take that back.

        Raises:
            ConflictError: the account is deleted, so that it is erased anyway; or it was erased.
            StoreBusyError: the store did not confirm. Do it again, or leave it to the maintenance worker.
        """
        to = AccountStatus.OBJECTED if objects else AccountStatus.GOOD
        allowed = _MAY_OBJECT if objects else (AccountStatus.OBJECTED, AccountStatus.GOOD)

        def act() -> Settled:
            handle = self.keys.current.handles([request.account_id])[0].name
            with self.pending.track(PendingOperation(handle, Work.SETTLE), now_ms):
                try:
                    return self.recount.move(AccountRef(request.account_id), Move(to, allowed), now_ms)
                except MoveRefusedError as error:
                    raise ConflictError(
                        f"the account's standing is {error.before.label}: "
                        + ("it is erased when its grace is over" if objects else "it does not object")
                    ) from error

        entry = self._entry("rights.objection", request, {"objects": objects})
        return audited(self.trail, entry, act, _settled_details)

    def opt_out(self, request: DataSubjectRequest, now_ms: int, *, hidden: bool) -> Settled:
        """Keep what an account does from now on out of every breakdown, or no longer.

        Raises:
            ConflictError: the account was erased.
            StoreBusyError: the store did not confirm. Do it again.
        """
        entry = self._entry("rights.opt_out", request, {"hidden": hidden})
        return audited(
            self.trail,
            entry,
            lambda: self.recount.hide(AccountRef(request.account_id), now_ms, hidden=hidden),
            _settled_details,
        )

    def rectify(self, request: DataSubjectRequest) -> None:
        """Write down that a profile was put right. Nothing else is to be done: no profile is held.

        Raises:
            StoreBusyError: the store did not confirm.
        """
        audited(self.trail, self._entry("rights.rectification", request), lambda: None, lambda _: {})

    def _entry(
        self, action: str, request: DataSubjectRequest, details: Mapping[str, bool] | None = None
    ) -> AuditEntry:
        tag = self.keys.current.audit_tag(request.account_id)
        return AuditEntry(ActionStage.ASKED, action, *request.actor, request.note, tag, dict(details or {}))


_MAY_OBJECT = (
    AccountStatus.GOOD,
    AccountStatus.RESTRICTED,
    AccountStatus.BANNED,
    AccountStatus.INAUTHENTIC,
    AccountStatus.OBJECTED,
)


def _erasure_details(outcome: ErasureOutcome) -> dict[str, int]:
    return {"engagements": outcome.receipt.engagements, "uncounted": outcome.receipt.counted}


def _settled_details(settled: Settled) -> dict[str, int | bool | str]:
    return {
        "known": settled.known,
        "standing_before": settled.before.label,
        "counted": settled.rose,
        "uncounted": settled.fell,
    }
