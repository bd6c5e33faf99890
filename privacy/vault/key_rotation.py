"""Moves accounts from the pseudonyms of a former outer key to those of the one in force. No count changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from privacy.store.connect import translated
from privacy.store.script import Argument, ScriptCall
from privacy.vault.shards import AccountShards, vault_script

REKEY = vault_script("rekey.lua")


@dataclass(frozen=True)
class Rekeying:
    """Re-keys one shard at a time.

    Args:
        shards: with the new key and the former one; of a user that may rename accounts.
    """

    shards: AccountShards

    def put_in_force(self, shard: int) -> None:
        """From now on the shard takes the new key only; who knows just the former one reads the file again.

        Raises:
            StoreBusyError: the store did not confirm. Do it again.
        """
        self._run(shard, b"", first=True)

    def move(self, shard: int, former: Sequence[bytes]) -> int:
        """Move accounts, found under these former pseudonyms; those that moved before are passed over.

        Returns:
            How many moved.

        Raises:
            StoreBusyError: the store did not confirm. Do it again.
        """
        accounts = self.shards.keys.current.of_former_pseudonyms(former)
        packed = b"".join(
            before + account.pseudonym for before, account in zip(former, accounts, strict=True)
        )
        return self._run(shard, packed, first=False)

    def _run(self, shard: int, packed: bytes, *, first: bool) -> int:
        arguments: list[Argument] = [
            self.shards.prefix(shard),
            self.shards.keys.current.key_id,
            int(first),
            packed,
        ]
        with translated():
            return int(REKEY.run(self.shards.client, ScriptCall(self.shards.script_keys(shard), arguments)))
