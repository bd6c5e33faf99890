"""Changes that fall due by time alone: the end of a restriction, and of the grace after a deletion."""

from dataclasses import dataclass

from privacy.model.account_status import AccountStatus
from privacy.vault.pseudonym import AccountRef
from privacy.vault.recount import Recount
from privacy.vault.shards import AccountShards, vault_script

_MAX_ACCOUNTS = 100
"""Due accounts listed at once, per shard."""
_DUE_TIMERS = vault_script("due_timers.lua")
_END_RESTRICTION = vault_script("end_restriction.lua")


@dataclass(frozen=True)
class Timers:
    """Lists due timers, and ends restrictions.

    Args:
        shards: their client must have an ACL user that may write accounts.
        recount: recounts engagements.
    """

    shards: AccountShards
    recount: Recount

    def list_due(self, now_ms: int) -> list[tuple[bytes, AccountStatus]]:
        """Lists account handle and status of some restricted and deleted accounts whose timer is due.

        Raises:
            StoreBusyError: the store did not answer.
        """
        arguments = {"now_ms": now_ms, "limit": _MAX_ACCOUNTS}
        shards = dict.fromkeys(range(self.shards.count))
        replies = self.shards.run(_DUE_TIMERS, shards, lambda _shard, _item, _keys: arguments)
        due = [part for reply in replies.values() for part in reply]
        handles = self.shards.keys.current.derive_handles_from_pseudonyms(due[::2])
        return [
            (handle.name, AccountStatus(status)) for handle, status in zip(handles, due[1::2], strict=True)
        ]

    def end_restriction(self, account: AccountRef, now_ms: int) -> int:
        """Ends a restriction if it is over by now; returns how many engagements are newly counted.

        Its engagements are recounted first: a crash leaves the timer, which is due again.

        Raises:
            ErasedAccountError: the account was erased.
            StoreBusyError: the store did not confirm. Do it again.
        """
        settled = self.recount.run(account, now_ms)
        self.shards.run_one(_END_RESTRICTION, account, {"now_ms": now_ms})
        return settled.newly_counted
