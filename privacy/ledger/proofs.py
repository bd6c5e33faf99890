"""Proofs about a Merkle tree: that an entry is in it, and that one tree continues another.

They are made and verified as in RFC 9162, sections 2.1.3 and 2.1.4.
"""

from collections.abc import Sequence

from privacy.ledger.merkle import Span, node_hash, split


def inclusion_spans(sequence: int, size: int) -> list[Span]:
    """Returns the nodes that prove an entry's position in a tree, nearest first, by the entries below them.

    Args:
        sequence: number of the entry, below `size`.
        size: number of entries in the tree.
    """
    spans, whole = [], Span(0, size)
    while whole.stop - whole.start > 1:
        middle = split(whole)
        left, right = Span(whole.start, middle), Span(middle, whole.stop)
        whole, other = (left, right) if sequence < middle else (right, left)
        spans.append(other)
    return spans[::-1]


def consistency_spans(old_size: int, size: int) -> list[Span]:
    """Returns the nodes that prove that a tree begins with an older one, in the order of the RFC.

    Args:
        old_size: number of entries in the older tree, from 1 to `size`.
        size: number of entries in the tree.
    """
    spans, whole = [], Span(0, size)
    while whole.stop != old_size:
        middle = split(whole)
        left, right = Span(whole.start, middle), Span(middle, whole.stop)
        whole, other = (left, right) if old_size <= middle else (right, left)
        spans.append(other)
    if whole.start:  # otherwise it is the older tree itself, whose root the verifier has
        spans.append(whole)
    return spans[::-1]


def verify_inclusion(leaf: bytes, sequence: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Returns whether a path proves that an entry is in a tree.

    Args:
        leaf: hash of the entry as a leaf.
        sequence: number of the entry.
        size: number of entries in the tree.
        path: hashes of the nodes that `inclusion_spans` names.
        root: root of the tree.
    """
    if not 0 <= sequence < size:
        return False
    index, last, whole = sequence, size - 1, leaf
    for other in path:
        if last == 0:
            return False
        if index & 1 or index == last:
            whole = node_hash(other, whole)
            index, last = _climb(index, last)
        else:
            whole = node_hash(whole, other)
        index, last = index >> 1, last >> 1
    return last == 0 and whole == root


def verify_consistency(old_size: int, size: int, path: Sequence[bytes], old_root: bytes, root: bytes) -> bool:
    """Returns whether a path proves that a tree begins with an older one.

    Args:
        old_size: number of entries in the older tree, at least 1.
        size: number of entries in the tree.
        path: hashes of the nodes that `consistency_spans` names.
        old_root: root of the older tree.
        root: root of the tree.
    """
    if not 1 <= old_size <= size:
        return False
    if old_size == size:
        return not path and old_root == root
    if old_size & (old_size - 1) == 0:
        path = [old_root, *path]
    if not path:
        return False
    index, last = old_size - 1, size - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    old_whole = whole = path[0]
    for other in path[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            old_whole, whole = node_hash(other, old_whole), node_hash(other, whole)
            index, last = _climb(index, last)
        else:
            whole = node_hash(whole, other)
        index, last = index >> 1, last >> 1
    return last == 0 and (old_whole, whole) == (old_root, root)


def _climb(index: int, last: int) -> tuple[int, int]:
    """Climbs to the first ancestor that is a right child or the root."""
    while index and not index & 1:
        index, last = index >> 1, last >> 1
    return index, last
