"""The pseudonym key under which each account shard is kept; it has its id from the founding on."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from redis import Redis

from privacy.errors import StoreError, StoreLostError
from privacy.store.connect import translated
from privacy.store.keys import outer_key_key
from privacy.vault.pseudonym import KEY_ID_BYTES, Pseudonymiser


def is_rotating(ids: Iterable[bytes | None]) -> bool:
    """Returns whether the ids of `KeysInForce.read` are those of a rotation: accounts may be moved."""
    return any(len(key_id or b"") > KEY_ID_BYTES for key_id in ids)


@dataclass(frozen=True)
class KeysInForce:
    """The ids of the pseudonym keys in force in a store.

    Args:
        client: its ACL user must be allowed to read the ids, and to set them for `begin`.
        account_shards: number of account shards of the store.
    """

    client: Redis
    account_shards: int

    def begin(self, keys: Pseudonymiser) -> None:
        """Puts the first key of a store in force in each shard that has none.

        Raises:
            StoreBusyError: the store did not confirm. Do it again.
        """
        with translated():
            for name in self._names():
                self.client.setnx(name, keys.key_id)

    def require(self, keys: Pseudonymiser) -> None:
        """Makes sure that each shard is kept under these keys: the one in use, or the one before a rotation.

        Raises:
            StoreLostError: a shard has no key.
            StoreError: a shard has a third one.
            StoreBusyError: the store cannot answer now.
        """
        for shard, key_id in enumerate(self.read()):
            if key_id is None:
                raise StoreLostError(
                    f"account shard {shard} has lost its data: put the data of its Redis back"
                )
            # During a rotation, the new key and the previous one; the accounts under that would not be found.
            if key_id not in {keys.key_id, keys.previous_key_id, keys.key_id + keys.previous_key_id}:
                raise StoreError(
                    f"account shard {shard} is kept under another pseudonym key than the one in the key "
                    "file: the file is older than the latest rotation, or the store is a backup from before "
                    "its end. Put the newest key file or a newer backup back; a key that was rotated out is "
                    "destroyed"
                )

    def read(self) -> list[bytes | None]:
        """Reads the ids of each shard's keys: of the one in use, and during a rotation of the previous one.

        While they stay the same, an account is moved once at most; and not at all outside of a rotation.

        Raises:
            StoreBusyError: the store cannot answer now.
        """
        with translated():
            return [cast("bytes | None", self.client.get(name)) for name in self._names()]

    def _names(self) -> Iterable[str]:
        return map(outer_key_key, range(self.account_shards))
