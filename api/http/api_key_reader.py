"""Reads the records of API keys. `api.runtime.api_key_writer`, for operators, is a separate type."""

from __future__ import annotations

import msgspec
import redis

from privacy.errors import StoreError
from privacy.model.documents import Document
from privacy.store.connect import translated


class KeyRecord(Document, frozen=True):
    """The stored record of one API key; it never contains the key itself."""

    key_id: str
    owner: str
    scopes: list[str]
    secret_sha256: str
    created_at_ms: int
    expires_at_ms: int
    revoked_at_ms: int | None
    requests_per_minute: int


class KeyReader:
    """Reads the records of one plane's API keys.

    Args:
        client: can read the Redis keys with the prefix.
        prefix: `g:keys:` for the public plane, `p:keys:` for the platform plane.
    """

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._decoder = msgspec.json.Decoder(KeyRecord)

    def find(self, key_id: str) -> KeyRecord | None:
        """Return the record of an API key, even a revoked or expired one; None if there is none.

        Raises:
            StoreError: the store does not respond, or the record cannot be read.
        """
        with translated():
            raw = self._client.get(self._prefix + key_id)
        if raw is None:
            return None
        try:
            return self._decoder.decode(raw)
        except msgspec.MsgspecError as error:
            raise StoreError("the record of an API key is damaged: create another key") from error
