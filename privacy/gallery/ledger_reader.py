"""Reads the ledger in the gallery: entries, their trees, signatures, signed heads and public keys.

Unreadable data is an error. Signatures are not verified here; readers verify them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, cast

import msgspec
from redis import Redis

from privacy.errors import StoreError
from privacy.ledger.head import SignedHead
from privacy.model.documents import LedgerEntry
from privacy.store.connect import translated
from privacy.store.keys import gallery_key

LATEST = "latest"
"""Field of the latest head; the other fields are numbers, of which the oldest are overwritten."""
MAX_KEPT_HEADS = 512


class ReleaseName(NamedTuple):
    """Identifies a release."""

    target_id: str
    kind: str
    epoch: int

    @classmethod
    def from_entry(cls, entry: LedgerEntry) -> ReleaseName:
        """Returns the name of the release that an entry records."""
        return cls(entry.target_id, entry.kind, entry.epoch)

    def __str__(self) -> str:
        return f"{self.kind} of {self.target_id}, epoch {self.epoch}"


class LedgerReader:
    """Reads the ledger. Every method raises `StoreError` when the gallery does not answer or holds damage.

    Args:
        client: connection with the credentials of the public plane or of the signer.
    """

    def __init__(self, client: Redis) -> None:
        self._client = client

    def read_shards(self) -> int:
        """Returns the number of chains, which is that of trees; 0 before the store was set up."""
        with translated():
            raw = cast("bytes | None", self._client.get(gallery_key("ledger", "shards")))
        if raw is not None and not raw.isdigit():
            raise StoreError("the gallery holds a damaged number of shards; publish it again")
        return int(raw or 0)

    def read_entries(self, shard: int, start: int, limit: int) -> list[bytes]:
        """Returns up to `limit` entries of one chain from a sequence number on: the exact hashed bytes.

        Stops before the first entry that has not arrived in the gallery yet.
        """
        entries = []
        for entry in self._read_fields(gallery_key("ledger", shard), map(str, range(start, start + limit))):
            if entry is None:
                break
            decode_entry(entry)
            entries.append(entry)
        return entries

    def read_releases(self, names: Sequence[ReleaseName]) -> list[bytes | None]:
        """Returns the documents of releases, in order; None for one that does not exist."""
        return self._read_by_release("releases", names)

    def read_signatures(self, names: Sequence[ReleaseName]) -> list[str | None]:
        """Returns the detached signatures of releases, in order; None for one that is not signed yet."""
        raw = self._read_by_release("signatures", names)
        return [None if signature is None else signature.decode("ascii", "replace") for signature in raw]

    def read_nodes(self, shard: int, nodes: Sequence[tuple[int, int]]) -> list[bytes]:
        """Returns the hashes of complete nodes of a tree, named by level and number."""
        fields = [node_field(node) for node in nodes]
        hashes = self._read_fields(gallery_key("tree", shard), fields)
        for field, digest in zip(fields, hashes, strict=True):
            if digest is None:
                raise StoreError(f"the tree of ledger shard {shard} lacks its node {field}")
        return cast("list[bytes]", hashes)

    def read_latest_head(self) -> SignedHead | None:
        """Returns the latest signed tree head; None before the first one."""
        with translated():
            raw = cast("bytes | None", self._client.hget(gallery_key("heads"), LATEST))
        return None if raw is None else _decode_head(raw)

    def read_heads(self) -> list[SignedHead]:
        """Returns the signed tree heads that are kept, oldest first."""
        with translated():
            raw = cast("dict[bytes, bytes]", self._client.hgetall(gallery_key("heads")))
        return sorted(map(_decode_head, set(raw.values())), key=lambda signed: signed.head.sequence)

    def read_jwks(self) -> bytes | None:
        """Returns the public keys as JSON; None before the first run of the signer."""
        with translated():
            return cast("bytes | None", self._client.get(gallery_key("jwks")))

    def _read_fields(self, key: str, fields: Iterable[str]) -> list[bytes | None]:
        names = list(fields)
        if not names:
            return []
        with translated():
            return cast("list[bytes | None]", self._client.hmget(key, names))

    def _read_by_release(self, family: str, names: Sequence[ReleaseName]) -> list[bytes | None]:
        pipeline = self._client.pipeline(transaction=False)
        for target_id, kind, epoch in names:
            pipeline.hget(gallery_key(family, target_id, kind), str(epoch))
        with translated():
            return pipeline.execute()


def node_field(node: tuple[int, int]) -> str:
    """Returns the field that stores a tree's node, named by level and number."""
    return f"{node[0]}:{node[1]}"


def decode_entry(raw: bytes) -> LedgerEntry:
    """Decodes an entry.

    Raises:
        StoreError: it is not a ledger entry.
    """
    try:
        return msgspec.json.decode(raw, type=LedgerEntry)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreError("the gallery holds a damaged LedgerEntry; publish it again") from error


def _decode_head(raw: bytes) -> SignedHead:
    try:
        return msgspec.json.decode(raw, type=SignedHead)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreError("the gallery holds a damaged tree head; restore it from a backup") from error
