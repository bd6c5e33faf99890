"""The notary: a step after publishing, which adds new ledger entries to their trees and signs what is there.

It signs only what goes on from what it has signed: an entry must follow the one before it, stand alike in
tally and gallery, and fit its release. On any doubt it signs nothing, for good.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from privacy.errors import SignatureError, StoreError
from privacy.gallery.ledger_reader import ReleaseName, decoded_entry
from privacy.ledger.head import ShardTree, TreeHead, digest_of
from privacy.ledger.merkle import GrowingTree, Node, Span, complete_nodes, leaf_hash
from privacy.model.documents import LedgerEntry
from privacy.model.timestamp import Clock
from privacy.publishing.signature_writer import NodeHash, SignatureWriter
from privacy.signing.signer import Signer
from privacy.tally.series import LedgerLog

BATCH_ENTRIES = 512
"""Entries of a shard that one run takes: bounds memory, and how long releases wait for it."""


ARRIVAL_MS = 600_000
"""An entry is in the gallery a moment before its release is, as they are copied one after the other."""


@dataclass(frozen=True)
class LedgerSigner:
    """Any number of notaries may run: of the heads that they sign at once, one becomes the latest.

    Args:
        log: the tally's side of the ledger.
        desk: the gallery's side.
        signer: reads the signing key; asked at each run, so that a rotated key is used at once.
        shards: number of target shards.
        clock: when a head is made.
    """

    log: LedgerLog
    desk: SignatureWriter
    signer: Callable[[], Signer]
    shards: int
    clock: Clock

    def check(self) -> None:
        """Make sure that all that was ever signed is still there, entry by entry.

        Before the first release of a process: a tally that was restored from an older copy would draw
        published numbers again.

        Raises:
            StoreError: it is not; names shard and entry.
            StoreBusyError: a store did not answer.
        """
        head, _ = self._latest(self.signer())
        for tree in head.trees:
            growing = GrowingTree()
            for start in range(0, tree.size, BATCH_ENTRIES):
                self._compare(tree, start, growing)
            if growing.root.hex() != tree.root:
                raise _refusal(tree.shard, None, "are not those that were signed")

    def run(self) -> int:
        """Sign what is new.

        Returns:
            Number of entries that were signed.

        Raises:
            StoreError: something does not go on from what was signed; names shard and entry.
            StoreBusyError: a store did not answer; what was written stays, and running again goes on.
        """
        signer = self.signer()
        head, latest = self._latest(signer)
        self.desk.publish_keys(signer.public_keys.jwks())
        # All shards are looked at before anything is signed for one of them.
        batches = [self._batch(head.tree(shard)) for shard in range(self.shards)]
        trees = [self._extended(batch, signer) for batch in batches]
        signed = sum(len(batch.new) for batch in batches)
        if not signed and head.keys == signer.public_keys.key_ids:
            return 0
        previous = digest_of(latest) if latest else ""
        after = TreeHead(head.sequence + 1, self.clock(), previous, signer.public_keys.key_ids, trees)
        return signed if self.desk.put_head(latest, signer.sign_head(after), after.sequence) else 0

    def _latest(self, signer: Signer) -> tuple[TreeHead, str | None]:
        """The latest head, verified, and its text; before the first one, an empty one."""
        text = self.desk.reader.latest_head()
        if text is None:
            return TreeHead(-1, 0, "", [], []), None
        try:
            return signer.public_keys.head(text), text
        except SignatureError as error:
            raise StoreError(
                f"ledger: the latest tree head {error}; put the ledger key file back that has signed it, "
                "or find out who has changed it; nothing is signed"
            ) from error

    def _batch(self, tree: ShardTree) -> _Batch:
        """What is to be signed of a shard now, after a look at what it goes on from."""
        growing, last = self._resumed(tree)
        return _Batch(tree, growing, self._new(tree, last))

    def _extended(self, batch: _Batch, signer: Signer) -> ShardTree:
        """Sign the new entries of a shard and write the nodes of its tree."""
        tree, growing, new = batch
        signatures = [
            (name, signer.sign_release(release, entry, (tree.shard, tree.size + place)))
            for place, (name, release, entry) in enumerate(new)
        ]
        for place, held in self.desk.add_signatures(signatures):
            # Signed before by a key that was rotated since: that stays, if it holds.
            _, release, entry = new[place]
            sequence = tree.size + place
            try:
                signer.public_keys.release(held, release, entry, (tree.shard, sequence))
            except SignatureError as error:
                raise _refusal(tree.shard, sequence, f"has a signature that {error}") from error
        nodes = [NodeHash(*made) for _, _, entry in new for made in growing.append(leaf_hash(entry))]
        self.desk.add_nodes(tree.shard, nodes)
        return ShardTree(tree.shard, growing.size, growing.root.hex())

    def _resumed(self, tree: ShardTree) -> tuple[GrowingTree, bytes]:
        """The signed tree, ready to grow, and its last entry."""
        if not tree.size:
            return GrowingTree(), b""
        last = tree.size - 1
        *complete, leaf = self.desk.reader.nodes(
            tree.shard, [*complete_nodes(Span(0, tree.size)), Node(0, last)]
        )
        growing = GrowingTree(tree.size, complete)
        if growing.root.hex() != tree.root:
            raise _refusal(tree.shard, None, "have another tree in the gallery than was signed")
        entries = self.log.read_entries(tree.shard, last, 1)
        if not entries:
            raise _refusal(tree.shard, last, "is signed, but the tally has no such entry any more")
        if leaf_hash(entries[0]) != leaf:
            raise _refusal(tree.shard, last, "is not the one that was signed")
        return growing, entries[0]

    def _new(self, tree: ShardTree, last: bytes) -> list[_New]:
        """What the tally has after the signed entries, as far as it has arrived in the gallery."""
        written = self.log.read_entries(tree.shard, tree.size, BATCH_ENTRIES)
        published = self.desk.reader.entries(tree.shard, tree.size, len(written))
        decoded = list(map(decoded_entry, published))
        names = list(map(ReleaseName.of, decoded))
        previous = sha256(last).hexdigest() if last else ""
        new = []
        for place, release in enumerate(self.desk.reader.releases(names)):
            sequence, entry = tree.size + place, published[place]
            if release is None and self.clock() - decoded[place].cut_at_ms < ARRIVAL_MS:
                break
            if fault := _fault(decoded[place], (tree.shard, sequence), previous, release):
                raise _refusal(tree.shard, sequence, f"({names[place]}) {fault}")
            if entry != written[place]:
                raise _refusal(tree.shard, sequence, f"({names[place]}) is not the same in tally and gallery")
            previous = sha256(entry).hexdigest()
            new.append(_New(names[place], release or b"", entry))
        return new

    def _compare(self, tree: ShardTree, start: int, growing: GrowingTree) -> None:
        """Grow a tree by signed entries, each of which must be what it was."""
        count = min(BATCH_ENTRIES, tree.size - start)
        entries = self.log.read_entries(tree.shard, start, count)
        if len(entries) < count:
            fault = "is signed, but the tally has no such entry any more"
            raise _refusal(tree.shard, start + len(entries), fault)
        leaves = self.desk.reader.nodes(tree.shard, [Node(0, start + place) for place in range(count)])
        for place, (entry, leaf) in enumerate(zip(entries, leaves, strict=True)):
            if leaf_hash(entry) != leaf:
                raise _refusal(tree.shard, start + place, "is not the one that was signed")
            growing.append(leaf)


class _New(NamedTuple):
    """A release that is to be signed."""

    name: ReleaseName
    release: bytes
    entry: bytes


class _Batch(NamedTuple):
    """What is to be signed of one shard.

    Args:
        tree: as it was signed before.
        growing: the same, ready to grow.
        new: releases in the order of their entries.
    """

    tree: ShardTree
    growing: GrowingTree
    new: list[_New]


def _fault(entry: LedgerEntry, place: tuple[int, int], previous: str, release: bytes | None) -> str | None:
    """Why an entry may not be signed at a place; None if it may."""
    if (entry.shard, entry.sequence) != place:
        return "says that it stands in another place"
    if entry.previous != previous:
        return "does not name the one before it"
    if release is None:
        return "has no release"
    if sha256(release).hexdigest() != entry.release_sha256:
        return "has another release"
    return None


def _refusal(shard: int, sequence: int | None, fault: str) -> StoreError:
    entry = "the entries" if sequence is None else f"entry {sequence}"
    return StoreError(
        f"ledger of shard {shard}: {entry} {fault}; nothing is signed, see docs/compliance/ledger.md"
    )
