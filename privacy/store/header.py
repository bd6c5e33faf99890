"""The header of a store: the format of its keys, its shard counts, and an id that both of its rooms have.

Shard counts decide in which key every account and target is found, so they are fixed when a store is created.
The random id tells one store from another: a server restarted empty, or from the wrong disk, has not the id
that a long-running process remembers, and must not be written to. Nor is a gallery with another private
room's id: it shows what another store has released.

The private room's header also names the keys of the store by fingerprints, and each key file names its store.
So neither works with what belongs to another deployment, and keys without their store are noticed.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Self

import redis
from redis.connection import AbstractConnection
from redis.utils import str_if_bytes

from privacy.errors import StoreError, StoreLostError
from privacy.store.connect import translated
from privacy.store.keys import GALLERY_HEADER, STORE_HEADER

FORMAT_VERSION: Final = 6
DEFAULT_SHARDS: Final = 8
MAX_SHARDS: Final = 1024
_ID_BYTES: Final = 16


@dataclass(frozen=True)
class KeyFingerprints:
    """Names the keys of a store, and reveals nothing of them.

    Args:
        pseudonym_key: of the inner pseudonym key, which is never rotated.
        ledger_key: id of the ledger key that was in force when the store was created.
    """

    pseudonym_key: str
    ledger_key: str


@dataclass(frozen=True)
class StoreHeader:
    """The header of one store, as it is kept under `key`.

    Args:
        key: where it is kept: `STORE_HEADER` in the private room, `GALLERY_HEADER` in the gallery.
        account_shards: number of vault shards.
        target_shards: number of tally shards.
        store_id: 32 hex digits, drawn when the store was created.
        keys: of the store; None in the gallery.
    """

    key: str
    account_shards: int
    target_shards: int
    store_id: str
    keys: KeyFingerprints | None = None

    def __post_init__(self) -> None:
        for field, count in (("account_shards", self.account_shards), ("target_shards", self.target_shards)):
            if not 1 <= count <= MAX_SHARDS:
                raise StoreError(f"{field}: {count}; must be from 1 to {MAX_SHARDS}")

    @classmethod
    def read(cls, client: redis.Redis, key: str = STORE_HEADER) -> Self:
        """Reads the header of an existing store.

        Raises:
            StoreError: there is none, or another version of the format wrote it.
            StoreBusyError: the store cannot answer now.
        """
        if header := cls.find(client, key):
            return header
        raise StoreError(
            "the store is empty: if it held data before, find out why that is missing; otherwise create "
            "it with `likewise init`"
        )

    @classmethod
    def find(cls, client: redis.Redis, key: str = STORE_HEADER) -> Self | None:
        """Reads the header; None where there is none.

        Raises:
            StoreError: another version of the format wrote it.
            StoreBusyError: the store cannot answer now.
        """
        with translated():
            fields = client.hgetall(key)
        if not fields:
            return None
        return cls._parsed(key, {str_if_bytes(name): str_if_bytes(text) for name, text in fields.items()})

    @classmethod
    def create_or_verify(
        cls,
        client: redis.Redis,
        entropy: Callable[[int], bytes],
        account_shards: int = DEFAULT_SHARDS,
        target_shards: int = DEFAULT_SHARDS,
        keys: KeyFingerprints | None = None,
    ) -> Self:
        """Returns the header of the private room, after creating it in one that has none.

        Args:
            client: the admin user's.
            entropy: gives that many random bytes; outside tests the operating system's.
            account_shards: number of vault shards, fixed permanently.
            target_shards: number of tally shards, fixed permanently.
            keys: of the store; None only for a store that no process works on.

        Raises:
            StoreError: the store exists and has other shard counts or another format.
            StoreBusyError: the store cannot answer now.
        """
        wanted = cls(STORE_HEADER, account_shards, target_shards, entropy(_ID_BYTES).hex(), keys)
        found = wanted.put(client)
        if (found.account_shards, found.target_shards) != (account_shards, target_shards):
            raise StoreError(
                f"the store was created with {found.account_shards} account and {found.target_shards} target "
                f"shards, not {account_shards} and {target_shards}; the counts of a store never change"
            )
        return found

    @property
    def of_gallery(self) -> Self:
        """The header of the gallery that belongs to this private room."""
        return replace(self, key=GALLERY_HEADER, keys=None)

    def put(self, client: redis.Redis) -> Self:
        """Writes the header where there is none.

        One transaction of HSETNX: of two writers at once one wins whole.

        Returns:
            The one that is there then.

        Raises:
            StoreError: it is of another format.
            StoreBusyError: the store cannot answer now.
        """
        with translated(), client.pipeline(transaction=True) as pipeline:
            for name, text in self._fields().items():
                pipeline.hsetnx(self.key, name, text)
            pipeline.execute()
        return self.read(client, self.key)

    def verify(self, client: redis.Redis) -> None:
        """Makes sure that the server still holds this store.

        Raises:
            StoreLostError: it is empty, or another store.
            StoreBusyError: it cannot answer now.
        """
        with translated():
            self._require(client.hget(self.key, "store_id"))

    def greet(self, connection: AbstractConnection) -> None:
        """Logs a new connection in and make sure that it leads to this store; see `connect`."""
        connection.on_connect()  # type: ignore[no-untyped-call]  # redis-py leaves it unannotated
        connection.send_command("HGET", self.key, "store_id")  # type: ignore[no-untyped-call]  # as above
        try:
            self._require(connection.read_response())
        except StoreError:
            connection.disconnect()  # type: ignore[no-untyped-call]  # as above
            raise

    def require_key(self, path: Path, named_store: str | None, *, is_known: bool, is_set_up: bool) -> None:
        """Makes sure that a key file is of this store.

        Args:
            path: of the key file.
            named_store: id of the store that the file names; None if it names none.
            is_known: whether the fingerprint of its key is the one in this header.
            is_set_up: whether the file must name this store, as it does once the store is set up to its end.

        Raises:
            StoreError: it is not.
        """
        if named_store not in {None, self.store_id} or not is_known:
            raise StoreError(
                f"{path} holds the key of another store: put the key file of this store back, or check the "
                "addresses of the store"
            )
        if is_set_up and named_store is None:
            raise StoreError(
                f"{path} names no store: the store was not set up to its end; run `likewise up` or `likewise "
                "init`"
            )

    def _require(self, store_id: object) -> None:
        room = "gallery" if self.key == GALLERY_HEADER else "store"
        if store_id is None:
            raise StoreLostError(f"the {room} has lost its data, or never had any: nothing was written")
        if store_id != self.store_id.encode():
            raise StoreLostError(
                f"this {room} is another store's than the one this process started with: nothing was written"
            )

    def _fields(self) -> dict[str, str]:
        return {
            "format_version": str(FORMAT_VERSION),
            "account_shards": str(self.account_shards),
            "target_shards": str(self.target_shards),
            "store_id": self.store_id,
            **(asdict(self.keys) if self.keys else {}),
        }

    @classmethod
    def _parsed(cls, key: str, fields: Mapping[str, str]) -> Self:
        version = fields.get("format_version")
        if version != str(FORMAT_VERSION):
            raise StoreError(f"the store's format is {version}; this program reads format {FORMAT_VERSION}")
        try:
            shards = int(fields["account_shards"]), int(fields["target_shards"])
            has_keys = "pseudonym_key" in fields
            keys = KeyFingerprints(fields["pseudonym_key"], fields["ledger_key"]) if has_keys else None
            return cls(key, *shards, fields["store_id"], keys)
        except (KeyError, ValueError) as error:
            raise StoreError("the store's header is damaged") from error
