"""The Merkle tree over one shard's ledger entries, hashed as in RFC 9162, section 2.1 (and RFC 6962).

A *complete* node covers 2^level entries and never changes once all of them exist. Every root and every proof,
at every size that the tree ever had, is computed from complete nodes alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

EMPTY_ROOT = sha256(b"").digest()


class Node(NamedTuple):
    """A complete node: it covers the 2^level entries from `number · 2^level` on."""

    level: int
    number: int


class Span(NamedTuple):
    """The entries from `start` up to, but excluding, `stop`."""

    start: int
    stop: int


def leaf_hash(entry: bytes) -> bytes:
    """Returns the hash of an entry as a leaf."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Returns the hash of a node over two others."""
    return sha256(b"\x01" + left + right).digest()


def split(span: Span) -> int:
    """Returns where a span of two or more entries is split: the left part is the largest power of two."""
    return span.start + (1 << (span.stop - span.start - 1).bit_length() - 1)


def complete_nodes(span: Span) -> list[Node]:
    """Returns the complete nodes below a node of the tree, from left to right.

    Args:
        span: the entries below a node, complete or not, of a tree of any size.
    """
    nodes, (start, stop) = [], span
    while start < stop:
        level = (stop - start).bit_length() - 1
        nodes.append(Node(level, start >> level))
        start += 1 << level
    return nodes


def join_hashes(hashes: Sequence[bytes]) -> bytes:
    """Returns the hash of a node from those of its complete nodes; without any, that of the empty tree."""
    if not hashes:
        return EMPTY_ROOT
    *rest, whole = hashes
    for complete in reversed(rest):
        whole = node_hash(complete, whole)
    return whole


@dataclass
class GrowingTree:
    """A tree that grows at its end: it keeps only the complete nodes below its root.

    Args:
        size: number of entries so far.
        complete: hashes of `complete_nodes(Span(0, size))`.
    """

    size: int = 0
    complete: list[bytes] = field(default_factory=list)

    def append(self, leaf: bytes) -> list[tuple[Node, bytes]]:
        """Adds the hash of an entry.

        Returns:
            The nodes that it completes, the leaf first.
        """
        node, whole = Node(0, self.size), leaf
        completed = [(node, whole)]
        while node.number & 1:
            node, whole = Node(node.level + 1, node.number >> 1), node_hash(self.complete.pop(), whole)
            completed.append((node, whole))
        self.complete.append(whole)
        self.size += 1
        return completed

    @property
    def root(self) -> bytes:
        """The hash of the whole tree."""
        return join_hashes(self.complete)
