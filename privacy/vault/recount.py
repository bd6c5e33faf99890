"""Sets the standing of accounts, and lets all their engagements follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from privacy.errors import ConflictError
from privacy.model.account_status import AccountStatus
from privacy.store.script import Argument, ScriptCall
from privacy.vault.pseudonym import Account, AccountRef
from privacy.vault.registers import ContributionCaps
from privacy.vault.shards import AccountShards, vault_script

REGISTERS_PER_STEP = 2_000
"""Registers that one atomic step looks at: some ms, in which the shard's Redis does nothing else."""

SETTLE = vault_script("follow.lua", "settle.lua")
_ERASED, _REFUSED = -1, -2


@dataclass(frozen=True)
class Move:
    """A change of standing.

    Args:
        to: the new standing.
        allowed_from: the standings that it may come from.
        until_ms: when its timer is due: end of a restriction, or of the grace after a deletion.
    """

    to: AccountStatus
    allowed_from: Sequence[AccountStatus] = tuple(AccountStatus)
    until_ms: int | None = None

    def __post_init__(self) -> None:
        if self.to is AccountStatus.RESTRICTED and self.until_ms is None:
            raise ValueError("until_ms: is None; a restriction has an end")


@dataclass(frozen=True)
class Settled:
    """What became of an account.

    Args:
        known: whether the vault held anything of it before.
        before: its standing until now.
        until_ms: end of the restriction that it had until now; 0 for none.
        hidden_before: whether it was kept out of every breakdown until now.
        rose: engagements that are counted now and were not.
        fell: engagements that are not counted any more.
        over_cap: engagements that would be counted for the first time and found the day full.
    """

    known: bool
    before: AccountStatus
    until_ms: int
    hidden_before: bool
    rose: int = 0
    fell: int = 0
    over_cap: int = 0


class ErasedAccountError(ConflictError):
    """The account was erased: nothing of it is held, and nothing is stored."""


class MoveRefusedError(ConflictError):
    """The account may not come to a standing from the one that it has.

    Args:
        before: the one that it has.
    """

    def __init__(self, before: AccountStatus) -> None:
        super().__init__(f"the account's standing is {before.label}")
        self.before = before


@dataclass(frozen=True)
class Recount:
    """Moves accounts. State is set in the first atomic step: a crash leaves only steps to be done again.

    Args:
        shards: of a user that may write registers.
        caps: what bounds contributions.
    """

    shards: AccountShards
    caps: ContributionCaps

    def move(self, account: AccountRef, move: Move, now_ms: int) -> Settled:
        """Give an account a standing and settle all its engagements.

        Args:
            account: the account.
            move: to what, and from where it may come.
            now_ms: the time.

        Raises:
            ErasedAccountError: the account was erased.
            MoveRefusedError: it may not come from the standing that it has. Nothing was changed.
            StoreBusyError: the store did not confirm. Do it again: it goes on where it stopped.
        """
        until = "" if move.until_ms is None else move.until_ms
        allowed = ",".join(str(int(standing)) for standing in move.allowed_from)
        return self._settle(account, [int(move.to), allowed, until], "", now_ms)

    def hide(self, account: AccountRef, now_ms: int, *, hidden: bool) -> Settled:
        """Keep what an account does from now on out of every breakdown, or no longer.

        Raises:
            ErasedAccountError: the account was erased.
            StoreBusyError: the store did not confirm. Do it again.
        """
        return self._settle(account, ["", "", ""], int(hidden), now_ms)

    def settle(self, account: AccountRef, now_ms: int) -> Settled:
        """Let all engagements follow the standing that the account has, once more.

        Raises:
            ErasedAccountError: the account was erased.
            StoreBusyError: the store did not confirm. Do it again.
        """
        return self._settle(account, ["", "", ""], "", now_ms)

    def _settle(
        self, account: AccountRef, standing: Sequence[str | int], hidden: str | int, now_ms: int
    ) -> Settled:
        cursor, sums = 0, [0, 0, 0]
        begun: tuple[bool, AccountStatus, int, bool] | None = None
        while begun is None or cursor:
            change = ("", "", "", "") if begun else (*standing, hidden)
            cursor, was, *counts, held, until_ms, was_hidden = self._step(account, cursor, change, now_ms)
            if cursor == _ERASED:
                raise ErasedAccountError(
                    "the account was erased: nothing of it is held, and nothing is stored"
                )
            if cursor == _REFUSED:
                raise MoveRefusedError(AccountStatus(was))
            begun = begun or (bool(held), AccountStatus(was), until_ms, bool(was_hidden))
            sums = [total + count for total, count in zip(sums, counts, strict=True)]
        return Settled(*begun, *sums)

    def _step(self, account: AccountRef, cursor: int, change: Sequence[str | int], now_ms: int) -> list[int]:
        to, allowed, until, hidden = change

        def call(found: Account) -> ScriptCall:
            shard = found.shard(self.shards.count)
            arguments: list[Argument] = [
                self.shards.prefix(shard),
                self.shards.keys.current.key_id,
                found.pseudonym,
                found.previous_pseudonym,
                now_ms,
                self.caps.daily_cap,
                self.caps.flip_cap,
                cursor,
                REGISTERS_PER_STEP,
                to,
                allowed,
                until,
                found.tombstone,
                hidden,
            ]
            return ScriptCall(self.shards.script_keys(shard), arguments)

        answer: list[int] = self.shards.run_one(SETTLE, account, call)
        return answer
