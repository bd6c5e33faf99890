"""What falls due by time alone: the end of a restriction, and of the grace after a deletion."""

from __future__ import annotations

from dataclasses import dataclass

from privacy.model.account_status import AccountStatus
from privacy.store.script import Argument, ScriptCall
from privacy.vault.pseudonym import Account, AccountRef
from privacy.vault.recount import Recount
from privacy.vault.shards import AccountShards, vault_script

ACCOUNTS_PER_STEP = 100
_DUE = vault_script("due.lua")
_LIFT = vault_script("lift.lua")


@dataclass(frozen=True)
class Timers:
    """Finds what is due, and ends restrictions.

    Args:
        shards: of a user that may.
        settlement: lets engagements follow.
    """

    shards: AccountShards
    settlement: Recount

    def due(self, now_ms: int) -> list[tuple[bytes, AccountStatus]]:
        """Handle and standing of some accounts whose timer is due: restricted ones, and deleted ones.

        Raises:
            StoreBusyError: the store did not answer.
        """

        def call(shard: int, _items: None) -> ScriptCall:
            arguments: list[Argument] = [
                self.shards.prefix(shard),
                self.shards.keys.current.key_id,
                now_ms,
                ACCOUNTS_PER_STEP,
            ]
            return ScriptCall(self.shards.script_keys(shard), arguments)

        answers = self.shards.run(_DUE, dict.fromkeys(range(self.shards.count)), call)
        due = [part for answer in answers.values() for part in answer]
        handles = self.shards.keys.current.handles_of_pseudonyms(due[::2])
        return [
            (handle.name, AccountStatus(standing))
            for handle, standing in zip(handles, due[1::2], strict=True)
        ]

    def lift(self, account: AccountRef, now_ms: int) -> int:
        """End a restriction, if it is over by now; how many engagements rose.

        Its engagements follow first: a crash leaves the timer, which is seen again.

        Raises:
            ErasedAccountError: the account was erased.
            StoreBusyError: the store did not confirm. Do it again.
        """
        settled = self.settlement.settle(account, now_ms)

        def call(found: Account) -> ScriptCall:
            shard = found.shard(self.shards.count)
            arguments: list[Argument] = [
                self.shards.prefix(shard),
                self.shards.keys.current.key_id,
                now_ms,
                found.pseudonym,
            ]
            return ScriptCall(self.shards.script_keys(shard), arguments)

        self.shards.run_one(_LIFT, account, call)
        return settled.rose
