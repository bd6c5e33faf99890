"""Writes trees, signatures and tree heads to the gallery; it changes nothing that is published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import msgspec
from redis import Redis

from privacy.errors import StoreError
from privacy.gallery.ledger_reader import MAX_KEPT_HEADS, LedgerReader, ReleaseName, node_field
from privacy.ledger.head import SignedHead
from privacy.store.connect import translated
from privacy.store.keys import gallery_key
from privacy.store.script import Script, ScriptCall

_PUT_HEAD = Script.from_package("privacy.publishing", "put_head.lua")


class Signature(NamedTuple):
    """The detached signature of a release.

    Args:
        name: of the release.
        text: a JWS.
        life_ms: how long those of the series are kept; None for good.
    """

    name: ReleaseName
    text: str
    life_ms: int | None = None


class NodeHash(NamedTuple):
    """A complete node of a tree, by level and number, with its hash."""

    node: tuple[int, int]
    digest: bytes


@dataclass(frozen=True)
class SignatureWriter:
    """Writes for the ledger signer. Every method may be repeated, by this process or another one.

    Args:
        client: must have the signer ACL user.
    """

    client: Redis

    @cached_property
    def reader(self) -> LedgerReader:
        """A reader with the same credentials."""
        return LedgerReader(self.client)

    def add_nodes(self, shard: int, nodes: Sequence[NodeHash]) -> None:
        """Adds complete nodes to a tree.

        Raises:
            StoreError: the tree has a different hash for one of them; names the first entry below it.
        """
        key = gallery_key("tree", shard)
        for index, present in self._add([(key, node_field(node), digest) for node, digest in nodes]):
            (level, number), digest = nodes[index]
            if present != digest:
                raise StoreError(
                    f"ledger of shard {shard}: from entry {number << level} on, the tree in the gallery was "
                    "built from other entries; nothing is signed"
                )

    def add_signatures(self, signatures: Sequence[Signature]) -> list[tuple[int, str]]:
        """Adds detached signatures of releases.

        Returns:
            Index and text of those that were present before and differ.
        """
        keys = [gallery_key("signatures", name.target_id, name.kind) for name, _, _ in signatures]
        writes = [
            (key, str(name.epoch), text.encode())
            for key, (name, text, _) in zip(keys, signatures, strict=True)
        ]
        differing = [
            (index, present.decode("ascii", "replace"))
            for index, present in self._add(writes)
            if present != writes[index][2]
        ]
        lives = {key: life_ms for key, (_, _, life_ms) in zip(keys, signatures, strict=True) if life_ms}
        self._limit_life(lives)
        return differing

    def publish_keys(self, jwks: bytes) -> None:
        """Publishes the public keys."""
        key = gallery_key("jwks")
        with translated():
            if self.client.get(key) != jwks:
                self.client.set(key, jwks)

    def put_head(self, previous: SignedHead | None, signed: SignedHead) -> bool:
        """Makes a signed head the latest one.

        Args:
            previous: the head that must be the latest now; None for none.
            signed: the new head.

        Returns:
            False if another signer was faster; nothing was changed.
        """
        document, field = msgspec.json.encode(signed), signed.head.sequence % MAX_KEPT_HEADS
        call = ScriptCall([gallery_key("heads")], [previous.jws if previous else "", document, field])
        with translated():
            return bool(_PUT_HEAD.run(self.client, call))

    def _limit_life(self, lives_ms: Mapping[str, int]) -> None:
        if not lives_ms:
            return
        pipeline = self.client.pipeline(transaction=False)
        for key, life_ms in lives_ms.items():
            pipeline.pexpire(key, life_ms)
        with translated():
            pipeline.execute()

    def _add(self, writes: Sequence[tuple[str, str, bytes]]) -> list[tuple[int, bytes]]:
        """Writes the fields that are absent; returns index and content of those that are present."""
        if not writes:
            return []
        # A transaction for speed: Redis syncs its log once, not once for every few kilobytes.
        pipeline = self.client.pipeline(transaction=True)
        for key, field, value in writes:
            pipeline.hsetnx(key, field, value)
        with translated():
            present = [index for index, added in enumerate(pipeline.execute()) if not added]
            for index in present:
                pipeline.hget(*writes[index][:2])
            return list(zip(present, pipeline.execute(), strict=True))
