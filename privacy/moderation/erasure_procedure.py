"""Erases one account: the single procedure behind every path on which an account is erased.

The paths are a data-subject request, a deleted account whose grace is over, an erasure that was interrupted,
and the replay of erasures after a restore.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from redis import Redis

from privacy.moderation.advisories import Advisories
from privacy.moderation.aof_rewrite import request_aof_rewrite
from privacy.moderation.audit_trail import AuditEntry
from privacy.moderation.pending import PendingOperation, PendingOperations, Work
from privacy.vault.erasure import Erased, Erasure
from privacy.vault.pseudonym import AccountRef

_Result = TypeVar("_Result", bound=Erased | None)
MakeEntry = Callable[[Erased], AuditEntry]
"""Returns the entry of the audit trail, which is written when the erasure stops being pending."""


@dataclass(frozen=True)
class ErasureProcedure:
    """Erases an account from vault and advisories, and requests a rewrite of the store's log.

    Every step is on disk before the next one begins, and repeating it changes nothing. The account is pending
    from the first step to the last, so that the maintenance worker resumes a procedure that was interrupted.

    Args:
        client: must have the ACL user `platform` or `maintenance`, to request a rewrite of the log.
        erasure: erases from the vault, and records that in the erasure log.
        pending: tracks the account while it is erased.
        advisories: may name the account.
    """

    client: Redis
    erasure: Erasure
    pending: PendingOperations
    advisories: Advisories

    def run(self, handle: bytes, now_ms: int, make_entry: MakeEntry) -> Erased:
        """Erase an account, and record it. Erasing it again finds nothing more, and closes it for longer.

        Raises:
            StoreBusyError: store or erasure log did not confirm. Repeat, or wait for the maintenance worker.
            StoreError: the store is under other limits than this process's.
        """
        return self._run(
            PendingOperation(handle, Work.ERASE),
            now_ms,
            lambda account: self.erasure.erase(account, now_ms),
            make_entry,
        )

    def run_if_due(self, handle: bytes, now_ms: int, make_entry: MakeEntry) -> Erased | None:
        """Erase an account that its owner deleted, if its grace is over by now; returns None if it is not.

        An erasure that has begun is finished. Until then staff may reinstate the account, so an interrupted
        procedure is resumed with this method, which checks again.

        Raises:
            StoreBusyError: as `run`.
        """
        return self._run(
            PendingOperation(handle, Work.ERASE_IF_DUE),
            now_ms,
            lambda account: self.erasure.erase_deleted(account, now_ms),
            make_entry,
        )

    def run_again(self, handle: bytes, closed_until_ms: int, now_ms: int) -> Erased:
        """Erase an account that a restore brought back; the erasure log has its erasure already.

        The caller records it, together with all others.

        Raises:
            StoreBusyError: as `run`.
        """
        return self._run(
            PendingOperation(handle, Work.ERASE),
            now_ms,
            lambda account: self.erasure.reapply_erasures(account, closed_until_ms),
        )

    def _run(
        self,
        operation: PendingOperation,
        now_ms: int,
        erase: Callable[[AccountRef], _Result],
        make_entry: MakeEntry | None = None,
    ) -> _Result:
        self.pending.begin(operation, now_ms)
        erased = erase(AccountRef(operation.handle))
        if erased is None:
            self.pending.complete(operation)
        else:
            self.advisories.forget(operation.handle)
            request_aof_rewrite(self.client)
            self.pending.complete_erasure(operation, make_entry(erased) if make_entry else None)
        return erased
