"""Changes the status of accounts, and recounts all their engagements."""

from collections.abc import Sequence
from dataclasses import dataclass

from privacy.errors import ConflictError
from privacy.model.account_status import AccountStatus
from privacy.vault.pseudonym import AccountRef
from privacy.vault.shards import AccountShards, ScriptArguments, vault_script

REGISTERS_PER_STEP = 2_000
"""Registers that one atomic step settles: some ms, in which the shard's Redis does nothing else."""

RECOUNT_SCRIPT = vault_script("audiences.lua", "change_status.lua", "recount.lua")
_ERASED, _REFUSED = -1, -2


@dataclass(frozen=True)
class StatusTransition:
    """A change of status.

    Args:
        to: the new status.
        allowed_from: the statuses that it may come from.
        until_ms: when its timer is due: end of a restriction, or of the grace after a deletion.
    """

    to: AccountStatus
    allowed_from: Sequence[AccountStatus] = tuple(AccountStatus)
    until_ms: int | None = None

    def __post_init__(self) -> None:
        if self.to is AccountStatus.RESTRICTED and self.until_ms is None:
            raise ValueError("until_ms is None: a restriction must have an end")

    def as_arguments(self) -> ScriptArguments:
        """Returns the arguments that scripts take it by."""
        allowed_from = [int(status) for status in self.allowed_from]
        return {"to": int(self.to), "allowed_from": allowed_from, "until_ms": self.until_ms}


@dataclass(frozen=True)
class RecountResult:
    """The result of recounting an account.

    Args:
        known: whether the vault held anything of it before.
        before: its previous status.
        until_ms: end of the restriction that it had; 0 for none.
        hidden_before: whether it was kept out of every breakdown.
        newly_counted: engagements that are counted now and were not.
        newly_uncounted: engagements that were counted and are not now.
    """

    known: bool
    before: AccountStatus
    until_ms: int
    hidden_before: bool
    newly_counted: int = 0
    newly_uncounted: int = 0


class ErasedAccountError(ConflictError):
    """The account was erased: nothing of it is stored, and its events are not stored."""


class TransitionRefusedError(ConflictError):
    """The account may not come to a status from the one that it has.

    Args:
        before: the status that it has.
    """

    def __init__(self, before: AccountStatus) -> None:
        super().__init__(f"the account's status is {before.label}")
        self.before = before


@dataclass(frozen=True)
class Recount:
    """Changes and recounts accounts. The first atomic step sets the status: after a crash, recount again.

    Args:
        shards: their client must have an ACL user that may write registers.
    """

    shards: AccountShards

    def change_status(self, account: AccountRef, transition: StatusTransition, now_ms: int) -> RecountResult:
        """Changes the status of an account and recounts its engagements.

        Raises:
            ErasedAccountError: the account was erased.
            MoveRefusedError: it may not come from the status that it has. Nothing was changed.
            StoreBusyError: the store did not confirm. Do it again: it resumes where it stopped.
        """
        return self._run(account, transition.as_arguments(), now_ms)

    def hide(self, account: AccountRef, now_ms: int, *, hidden: bool) -> RecountResult:
        """Keeps an account's later first counts out of every breakdown, or no longer.

        Raises:
            ErasedAccountError: the account was erased.
            StoreBusyError: the store did not confirm. Do it again.
        """
        return self._run(account, {"hidden": hidden}, now_ms)

    def run(self, account: AccountRef, now_ms: int) -> RecountResult:
        """Recounts the engagements of an account under the status that it has.

        Raises:
            ErasedAccountError: the account was erased.
            StoreBusyError: the store did not confirm. Do it again.
        """
        return self._run(account, {}, now_ms)

    def _run(self, account: AccountRef, change: ScriptArguments, now_ms: int) -> RecountResult:
        cursor, sums = 0, [0, 0]
        begun: tuple[bool, AccountStatus, int, bool] | None = None
        while begun is None or cursor:
            arguments = {
                "now_ms": now_ms,
                "cursor": cursor,
                "page_size": REGISTERS_PER_STEP,
                **({} if begun else change),
            }
            reply: list[int] = self.shards.run_one(RECOUNT_SCRIPT, account, arguments)
            cursor, before, *counts, known, until_ms, hidden_before = reply
            if cursor == _ERASED:
                raise ErasedAccountError(
                    "the account was erased: nothing of it is stored, and its events are not stored"
                )
            if cursor == _REFUSED:
                raise TransitionRefusedError(AccountStatus(before))
            begun = begun or (bool(known), AccountStatus(before), until_ms, bool(hidden_before))
            sums = [total + count for total, count in zip(sums, counts, strict=True)]
        return RecountResult(*begun, *sums)
