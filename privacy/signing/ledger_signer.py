"""The ledger signer: a step after publishing that adds new ledger entries to their trees and signs them.

It signs only what continues what it has signed: an entry must name the previous one, be the same in tally and
gallery, and match its release. If anything is in doubt, it signs nothing until that is repaired.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from privacy.errors import SignatureError, StoreError
from privacy.gallery.ledger_reader import ReleaseName, decode_entry
from privacy.ledger.head import ShardTree, SignedHead, TreeHead
from privacy.ledger.merkle import GrowingTree, Node, Span, complete_nodes, leaf_hash
from privacy.model.documents import LedgerEntry, published_life_ms
from privacy.model.sandbox import is_canary
from privacy.publishing.signature_writer import NodeHash, Signature, SignatureWriter
from privacy.signing.signing_key import SigningKey
from privacy.tally.ledger_log import LedgerLog

MAX_BATCH_ENTRIES = 512
"""Entries of a shard that one run takes: bounds memory, and how long releases wait for it."""


@dataclass(frozen=True)
class LedgerSigner:
    """Signs the ledger. Several may run: of the heads that they sign at once, one becomes the latest.

    Args:
        log: the ledger in the tally.
        gallery: the ledger in the gallery.
        read_key: reads the signing key; called at each run, so that a rotated key is used at once.
        shards: number of target shards.
    """

    log: LedgerLog
    gallery: SignatureWriter
    read_key: Callable[[], SigningKey]
    shards: int

    def check(self) -> None:
        """Checks that everything ever signed is still present, entry by entry.

        It runs before the first release of a process: a tally that was restored from an older copy would draw
        published numbers again.

        Raises:
            StoreError: it is not; names shard and entry.
            StoreBusyError: a store did not answer.
        """
        latest = self._read_latest(self.read_key())
        for tree in latest.head.trees if latest else ():
            growing = GrowingTree()
            for start in range(0, tree.size, MAX_BATCH_ENTRIES):
                self._compare(tree, start, growing)
            if growing.root.hex() != tree.root:
                raise _refusal(tree.shard, None, "are not those that were signed")

    def run(self, at_ms: int) -> int:
        """Signs the new entries that are published.

        Args:
            at_ms: time of the head. It is signed, so it is the tick at which releases became visible: the
                moment would tell how long that took.

        Returns:
            Number of entries that were signed.

        Raises:
            StoreError: something does not continue what was signed; names shard and entry.
            StoreBusyError: a store did not answer; what was written stays, and running again continues.
        """
        key = self.read_key()
        latest = self._read_latest(key)
        head = latest.head if latest else TreeHead(-1, 0, "", [], [])
        self.gallery.publish_keys(key.public_keys.to_jwks())
        # All shards are checked before anything is signed for one of them.
        batches = [self._read_batch(head.tree(shard)) for shard in range(self.shards)]
        trees = [self._sign_batch(batch, key) for batch in batches]
        signed = sum(len(batch.new) for batch in batches)
        if not signed and head.keys == key.public_keys.key_ids:
            return 0
        previous = latest.digest if latest else ""
        after = TreeHead(head.sequence + 1, at_ms, previous, key.public_keys.key_ids, trees)
        return signed if self.gallery.put_head(latest, SignedHead(key.sign_head(after), after)) else 0

    def _read_latest(self, key: SigningKey) -> SignedHead | None:
        """Reads and verifies the latest head; None before the first one."""
        latest = self.gallery.reader.read_latest_head()
        if latest is None:
            return None
        try:
            head = key.public_keys.verify_head(latest.jws)
        except SignatureError as error:
            raise StoreError(
                f"ledger: the latest tree head {error}; restore the ledger key file that signed it, or find "
                "out who changed it; nothing is signed"
            ) from error
        if head != latest.head:
            raise StoreError(
                "ledger: the latest tree head in the gallery differs from the one in its signature; restore "
                "it from a backup; nothing is signed"
            )
        return latest

    def _read_batch(self, tree: ShardTree) -> _Batch:
        """Reads the entries of a shard to sign in this run, and checks what they continue."""
        growing, last = self._resume(tree)
        return _Batch(tree, growing, self._read_new(tree, last))

    def _sign_batch(self, batch: _Batch, key: SigningKey) -> ShardTree:
        """Signs the new entries of a shard and writes the nodes of its tree."""
        tree, growing, new = batch
        # What was published about a canary may have expired while nothing was signed.
        sequences = [tree.size + index for index, (_, release, _) in enumerate(new) if release]
        signatures = [
            _make_signature(key, new[sequence - tree.size], (tree.shard, sequence)) for sequence in sequences
        ]
        for index, present in self.gallery.add_signatures(signatures):
            # A key that has been rotated since signed it: its signature stays if it is valid.
            sequence = sequences[index]
            _, release, entry = new[sequence - tree.size]
            try:
                key.public_keys.verify_release(present, release, entry, (tree.shard, sequence))
            except SignatureError as error:
                raise _refusal(tree.shard, sequence, f"has a signature that {error}") from error
        nodes = [NodeHash(*made) for _, _, entry in new for made in growing.append(leaf_hash(entry))]
        self.gallery.add_nodes(tree.shard, nodes)
        return ShardTree(tree.shard, growing.size, growing.root.hex())

    def _resume(self, tree: ShardTree) -> tuple[GrowingTree, bytes]:
        """Reads the signed tree, ready to grow, and its last entry."""
        if not tree.size:
            return GrowingTree(), b""
        last = tree.size - 1
        *complete, leaf = self.gallery.reader.read_nodes(
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

    def _read_new(self, tree: ShardTree, last: bytes) -> list[_NewRelease]:
        """Reads the tally's entries after the signed ones, as far as they have arrived in the gallery."""
        written = self.log.read_entries(tree.shard, tree.size, MAX_BATCH_ENTRIES)
        published = self.gallery.reader.read_entries(tree.shard, tree.size, len(written))
        decoded = list(map(decode_entry, published))
        names = list(map(ReleaseName.from_entry, decoded))
        previous = sha256(last).hexdigest() if last else ""
        new = []
        for index, release in enumerate(self.gallery.reader.read_releases(names)):
            sequence, entry = tree.size + index, published[index]
            if fault := _find_fault(decoded[index], (tree.shard, sequence), previous, release):
                raise _refusal(tree.shard, sequence, f"({names[index]}) {fault}")
            if entry != written[index]:
                raise _refusal(tree.shard, sequence, f"({names[index]}) is not the same in tally and gallery")
            previous = sha256(entry).hexdigest()
            new.append(_NewRelease(names[index], release or b"", entry))
        return new

    def _compare(self, tree: ShardTree, start: int, growing: GrowingTree) -> None:
        """Grows a tree by signed entries, each of which must be unchanged."""
        count = min(MAX_BATCH_ENTRIES, tree.size - start)
        entries = self.log.read_entries(tree.shard, start, count)
        if len(entries) < count:
            fault = "is signed, but the tally has no such entry any more"
            raise _refusal(tree.shard, start + len(entries), fault)
        leaves = self.gallery.reader.read_nodes(
            tree.shard, [Node(0, start + index) for index in range(count)]
        )
        for index, (entry, leaf) in enumerate(zip(entries, leaves, strict=True)):
            if leaf_hash(entry) != leaf:
                raise _refusal(tree.shard, start + index, "is not the one that was signed")
            growing.append(leaf)


class _NewRelease(NamedTuple):
    """A release to sign."""

    name: ReleaseName
    release: bytes
    entry: bytes


def _make_signature(key: SigningKey, new: _NewRelease, position: tuple[int, int]) -> Signature:
    """Signs a release at its position in the ledger; the signature of a canary's has its life."""
    life_ms = published_life_ms(new.release) if is_canary(new.name.target_id) else None
    return Signature(new.name, key.sign_release(new.release, new.entry, position), life_ms)


class _Batch(NamedTuple):
    """The releases of one shard to sign in one run.

    Args:
        tree: as it was signed before.
        growing: the same tree, ready to grow.
        new: releases in the order of their entries.
    """

    tree: ShardTree
    growing: GrowingTree
    new: list[_NewRelease]


def _find_fault(
    entry: LedgerEntry, position: tuple[int, int], previous: str, release: bytes | None
) -> str | None:
    """Returns why an entry may not be signed at a position; None if it may."""
    if (entry.shard, entry.sequence) != position:
        return "names another position as its own"
    if entry.previous != previous:
        return "does not name the previous one"
    if release is None:
        return None if is_canary(entry.target_id) else "has no release"
    if sha256(release).hexdigest() != entry.release_sha256:
        return "has another release"
    return None


def _refusal(shard: int, sequence: int | None, fault: str) -> StoreError:
    entry = "the entries" if sequence is None else f"entry {sequence}"
    return StoreError(
        f"ledger of shard {shard}: {entry} {fault}; nothing is signed, see docs/compliance/ledger.md"
    )
