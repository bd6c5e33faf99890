"""The header of a store: the format of its keys, its shard counts, and an id that both of its rooms have.

Shard counts decide in which key every account and target is found, so they are fixed when a store is created.
The random id tells one store from another: a server restarted empty, or from the wrong disk, has not the id
that a long-running process remembers, and must not be written to. Nor is a gallery with another private
room's id: it shows what another store has released.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

import redis
from redis.connection import AbstractConnection
from redis.utils import str_if_bytes

from privacy.errors import StoreError
from privacy.store.connect import translated
from privacy.store.keys import GALLERY_HEADER, STORE_HEADER

FORMAT_VERSION: Final = 6
DEFAULT_SHARDS: Final = 8
MAX_SHARDS: Final = 1024
_ID_BYTES: Final = 16


@dataclass(frozen=True)
class StoreHeader:
    """The header of one store, as it is kept under `key`.

    Args:
        key: where it is kept: `STORE_HEADER` in the private room, `GALLERY_HEADER` in the gallery.
        account_shards: number of vault shards.
        target_shards: number of tally shards.
        store_id: 32 hex digits, drawn when the store was created.
    """

    key: str
    account_shards: int
    target_shards: int
    store_id: str

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
        with translated():
            fields = client.hgetall(key)
        if not fields:
            raise StoreError(
                "the store is empty: if it held data before, find out why that is missing; otherwise create "
                "it with `likewise init`"
            )
        return cls._parsed(key, {str_if_bytes(name): str_if_bytes(text) for name, text in fields.items()})

    @classmethod
    def create_or_verify(
        cls,
        client: redis.Redis,
        entropy: Callable[[int], bytes],
        account_shards: int = DEFAULT_SHARDS,
        target_shards: int = DEFAULT_SHARDS,
    ) -> Self:
        """Returns the header of the private room, after creating it in one that has none.

        Args:
            client: the admin user's.
            entropy: gives that many random bytes; outside tests the operating system's.
            account_shards: number of vault shards, fixed permanently.
            target_shards: number of tally shards, fixed permanently.

        Raises:
            StoreError: the store exists and has other shard counts or another format.
            StoreBusyError: the store cannot answer now.
        """
        wanted = cls(STORE_HEADER, account_shards, target_shards, entropy(_ID_BYTES).hex())
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
        return replace(self, key=GALLERY_HEADER)

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
            StoreError: it is empty, or another store.
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

    def _require(self, store_id: object) -> None:
        room = "gallery" if self.key == GALLERY_HEADER else "store"
        if store_id is None:
            raise StoreError(f"the {room} has lost its data, or never had any: nothing was written")
        if store_id != self.store_id.encode():
            raise StoreError(
                f"this {room} is another store's than the one this process started with: nothing was written"
            )

    def _fields(self) -> dict[str, str]:
        return {
            "format_version": str(FORMAT_VERSION),
            "account_shards": str(self.account_shards),
            "target_shards": str(self.target_shards),
            "store_id": self.store_id,
        }

    @classmethod
    def _parsed(cls, key: str, fields: Mapping[str, str]) -> Self:
        version = fields.get("format_version")
        if version != str(FORMAT_VERSION):
            raise StoreError(f"the store's format is {version}; this program reads format {FORMAT_VERSION}")
        try:
            return cls(key, int(fields["account_shards"]), int(fields["target_shards"]), fields["store_id"])
        except (KeyError, ValueError) as error:
            raise StoreError("the store's header is damaged") from error
