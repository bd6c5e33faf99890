"""Moves accounts from pseudonyms under the previous outer key to those under the new one."""

from collections.abc import Sequence
from dataclasses import dataclass

from privacy.store.connect import translated
from privacy.vault.pseudonym import Pseudonymiser
from privacy.vault.shards import AccountShards, ScriptArguments, vault_script

KEY_ROTATION_SCRIPT = vault_script("key_rotation.lua")


@dataclass(frozen=True)
class ShardKeyRotation:
    """Rotates the outer key of one shard at a time.

    Args:
        shards: with the new key and the previous one; their client must have the `rekeyer` ACL user.
    """

    shards: AccountShards

    def put_in_force(self, shard: int) -> None:
        """Makes the shard refuse callers under the previous key: their processes read the key file again.

        Raises:
            StoreBusyError: the store did not confirm. Do it again.
            StoreError: the shard is kept under a third key.
        """
        keys = self.shards.keys.current
        self._run(shard, {"put_in_force": keys.previous_key_id, "accounts": b""}, keys)

    def move_accounts(self, shard: int, pseudonyms: Sequence[bytes]) -> int:
        """Moves accounts, given by their previous pseudonyms; those that moved before are skipped.

        Returns:
            How many moved.

        Raises:
            StoreBusyError: the store did not confirm. Do it again.
        """
        keys = self.shards.keys.current
        accounts = keys.resolve_previous_pseudonyms(pseudonyms)
        packed = b"".join(
            previous + account.pseudonym for previous, account in zip(pseudonyms, accounts, strict=True)
        )
        return self._run(shard, {"accounts": packed}, keys)

    def end(self, shard: int) -> None:
        """Lets the shard forget the previous key, once no account is left under it.

        A backup from before this is refused without that key: accounts may be left in it that only this key
        finds.

        Raises:
            StoreBusyError: the store did not confirm. Do it again.
            StoreError: the shard is kept under a third key.
        """
        self._run(shard, {"is_done": True, "accounts": b""}, self.shards.keys.current)

    def _run(self, shard: int, arguments: ScriptArguments, keys: Pseudonymiser) -> int:
        with translated():
            call = self.shards.pack_call(shard, arguments, keys)
            return int(KEY_ROTATION_SCRIPT.run(self.shards.client, call))
