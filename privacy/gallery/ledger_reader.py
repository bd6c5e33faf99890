"""Reads the ledger in the gallery: entries, their trees, signatures, signed heads and public keys.

What cannot be read is an error. Nothing is verified here: whoever reads does that for himself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

import msgspec

from privacy.errors import StoreError
from privacy.model.documents import LedgerEntry
from privacy.store.connect import translated
from privacy.store.keys import gallery_key

if TYPE_CHECKING:
    from redis import Redis

LATEST = "latest"
"""Field of the latest head; the others are numbers, of which the oldest are overwritten."""
KEPT_HEADS = 512


class ReleaseName(NamedTuple):
    """Names a release."""

    target_id: str
    kind: str
    epoch: int

    @classmethod
    def of(cls, entry: LedgerEntry) -> ReleaseName:
        """The release that an entry is about."""
        return cls(entry.target_id, entry.kind, entry.epoch)

    def __str__(self) -> str:
        return f"{self.kind} of {self.target_id}, epoch {self.epoch}"


class LedgerReader:
    """Reads. Every method raises `StoreError` when the gallery does not answer or holds damage.

    Args:
        client: connection with the credentials of the public plane, or of the notary.
    """

    def __init__(self, client: Redis) -> None:
        self._client = client

    def shards(self) -> int:
        """Number of chains, and of trees; 0 before the store was founded."""
        with translated():
            raw = cast("bytes | None", self._client.get(gallery_key("ledger", "shards")))
        if raw is not None and not raw.isdigit():
            raise StoreError("the gallery holds a damaged number of shards: publish it again")
        return int(raw or 0)

    def entries(self, shard: int, start: int, limit: int) -> list[bytes]:
        """At most `limit` entries of one chain from a sequence number on: the exact bytes that were hashed.

        An entry whose predecessor has not arrived in the gallery yet is not shown.
        """
        entries = []
        for entry in self._fields(gallery_key("ledger", shard), map(str, range(start, start + limit))):
            if entry is None:
                break
            decoded_entry(entry)
            entries.append(entry)
        return entries

    def releases(self, names: Sequence[ReleaseName]) -> list[bytes | None]:
        """The documents of releases, in order; None for one that is not there."""
        return self._of_releases("releases", names)

    def signatures(self, names: Sequence[ReleaseName]) -> list[str | None]:
        """The detached signatures of releases, in order; None for one that is not signed yet."""
        found = self._of_releases("signatures", names)
        return [None if raw is None else raw.decode("ascii", "replace") for raw in found]

    def nodes(self, shard: int, nodes: Sequence[tuple[int, int]]) -> list[bytes]:
        """Hashes of complete nodes of a tree, by level and number."""
        fields = [node_field(node) for node in nodes]
        hashes = self._fields(gallery_key("tree", shard), fields)
        for field, found in zip(fields, hashes, strict=True):
            if found is None:
                raise StoreError(f"the tree of ledger shard {shard} lacks its node {field}")
        return cast("list[bytes]", hashes)

    def latest_head(self) -> str | None:
        """The latest signed tree head; None before the first one."""
        with translated():
            raw = cast("bytes | None", self._client.hget(gallery_key("heads"), LATEST))
        return None if raw is None else raw.decode("ascii", "replace")

    def heads(self) -> list[str]:
        """The latest signed tree heads, as many as are kept, in no order."""
        with translated():
            raw = cast("dict[bytes, bytes]", self._client.hgetall(gallery_key("heads")))
        return sorted({head.decode("ascii", "replace") for head in raw.values()})

    def jwks(self) -> bytes | None:
        """The public keys as JSON; None before the notary started for the first time."""
        with translated():
            return cast("bytes | None", self._client.get(gallery_key("jwks")))

    def _fields(self, key: str, fields: Sequence[str] | map[str]) -> list[bytes | None]:
        wanted = list(fields)
        if not wanted:
            return []
        with translated():
            return cast("list[bytes | None]", self._client.hmget(key, wanted))

    def _of_releases(self, family: str, names: Sequence[ReleaseName]) -> list[bytes | None]:
        pipeline = self._client.pipeline(transaction=False)
        for target_id, kind, epoch in names:
            pipeline.hget(gallery_key(family, target_id, kind), str(epoch))
        with translated():
            return pipeline.execute()


def node_field(node: tuple[int, int]) -> str:
    """The field of a tree's node: level and number."""
    return f"{node[0]}:{node[1]}"


def decoded_entry(raw: bytes) -> LedgerEntry:
    """Read an entry.

    Raises:
        StoreError: it is none.
    """
    try:
        return msgspec.json.decode(raw, type=LedgerEntry)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreError("the gallery holds a damaged LedgerEntry: publish it again") from error
