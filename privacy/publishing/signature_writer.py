"""The notary's hand in the gallery: it adds trees and signatures, and changes nothing that is published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from privacy.errors import StoreError
from privacy.gallery.ledger_reader import KEPT_HEADS, LedgerReader, ReleaseName, node_field
from privacy.store.connect import translated
from privacy.store.keys import gallery_key
from privacy.store.script import Script, ScriptCall

if TYPE_CHECKING:
    from redis import Redis

_PUT_HEAD = Script.packaged("privacy.publishing", "put_head.lua")


class NodeHash(NamedTuple):
    """A complete node of a tree: level and number, and its hash."""

    node: tuple[int, int]
    digest: bytes


@dataclass(frozen=True)
class SignatureWriter:
    """Writes. All it does may be done again, by itself or another one.

    Args:
        client: connection with the notary's credentials.
    """

    client: Redis

    @cached_property
    def reader(self) -> LedgerReader:
        """Reads with the same credentials."""
        return LedgerReader(self.client)

    def add_nodes(self, shard: int, nodes: Sequence[NodeHash]) -> None:
        """Add complete nodes to a tree.

        Raises:
            StoreError: the tree has another hash for one of them; names the first entry below it.
        """
        key = gallery_key("tree", shard)
        for place, held in self._add([(key, node_field(node), digest) for node, digest in nodes]):
            (level, number), digest = nodes[place]
            if held != digest:
                raise StoreError(
                    f"ledger of shard {shard}: from entry {number << level} on, the tree in the gallery was "
                    "made of other entries; nothing is signed"
                )

    def add_signatures(self, signatures: Sequence[tuple[ReleaseName, str]]) -> list[tuple[int, str]]:
        """Add detached signatures of releases.

        Returns:
            Place and text of those that were there before and differ.
        """
        writes = [
            (gallery_key("signatures", name.target_id, name.kind), str(name.epoch), text.encode())
            for name, text in signatures
        ]
        return [
            (place, held.decode("ascii", "replace"))
            for place, held in self._add(writes)
            if held != writes[place][2]
        ]

    def publish_keys(self, jwks: bytes) -> None:
        """Publish the public keys."""
        key = gallery_key("jwks")
        with translated():
            if self.client.get(key) != jwks:
                self.client.set(key, jwks)

    def put_head(self, before: str | None, head: str, sequence: int) -> bool:
        """Make a signed head the latest one.

        Args:
            before: the latest one, from which it goes on.
            head: the new one.
            sequence: its number.

        Returns:
            False if another notary was faster, and nothing was changed.
        """
        call = ScriptCall([gallery_key("heads")], [before or "", head, sequence % KEPT_HEADS])
        with translated():
            return bool(_PUT_HEAD.run(self.client, call))

    def _add(self, writes: Sequence[tuple[str, str, bytes]]) -> list[tuple[int, bytes]]:
        """Write fields that are not there yet; place and content of those that are."""
        if not writes:
            return []
        # A transaction for speed: Redis syncs its log once, not once for every few kilobytes.
        pipeline = self.client.pipeline(transaction=True)
        for key, field, value in writes:
            pipeline.hsetnx(key, field, value)
        with translated():
            places = [place for place, fresh in enumerate(pipeline.execute()) if not fresh]
            for place in places:
                pipeline.hget(*writes[place][:2])
            return list(zip(places, pipeline.execute(), strict=True))
