"""Creates, lists and revokes API keys. Operators' tools hold this type, serving processes `KeyReader`."""

from typing import cast

import msgspec
import redis

from api.http.api_keys import KeyReader, KeyRecord
from privacy.errors import ConflictError, NotFoundError
from privacy.store.connect import translated


class KeyWriter:
    """The records of one plane's API keys, for operators.

    Args:
        client: may write the keys below the prefix.
        prefix: `g:keys:` for the public plane, `p:keys:` for the platform plane.
    """

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._index = f"{prefix}index"
        self._reader = KeyReader(client, prefix)

    def server_ms(self) -> int:
        """Returns the time of the server, in ms since 1970 UTC, whether or not another clock agrees.

        Raises:
            StoreError: the store does not answer.
        """
        with translated():
            seconds, microseconds = self._client.time()
        return seconds * 1000 + microseconds // 1000

    def add(self, record: KeyRecord) -> None:
        """Stores a new key's record.

        Raises:
            ConflictError: a key with this id exists.
            StoreError: the store does not answer.
        """
        with translated():
            # The index first: a crash in between leaves an id without a record, which `records` passes over.
            self._client.sadd(self._index, record.key_id)
            added = self._client.set(self._prefix + record.key_id, msgspec.json.encode(record), nx=True)
        if not added:
            raise ConflictError(f"a key {record.key_id} exists already")

    def records(self) -> list[KeyRecord]:
        """Returns all records, oldest first.

        Raises:
            StoreError: the store does not answer, or a record cannot be read.
        """
        with translated():
            key_ids = cast("set[bytes]", self._client.smembers(self._index))
        found = (self._reader.find(key_id.decode()) for key_id in key_ids)
        return sorted(
            (record for record in found if record), key=lambda record: (record.created_at_ms, record.key_id)
        )

    def revoke(self, key_id: str) -> KeyRecord:
        """Revokes a key; serving processes notice within a second. Revoking it again changes nothing.

        A leap of a clock hinders nobody: a revoked key is dead whatever its record says of the time.

        Raises:
            NotFoundError: there is no such key.
            StoreError: the store does not answer, or the record cannot be read.
        """
        record = self._reader.find(key_id)
        if record is None:
            raise NotFoundError(f"there is no key {key_id}")
        if record.revoked_at_ms is None:
            record = msgspec.structs.replace(record, revoked_at_ms=self.server_ms())
            with translated():
                self._client.set(self._prefix + key_id, msgspec.json.encode(record))
        return record
