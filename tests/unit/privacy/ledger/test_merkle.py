"""The Merkle tree, against the vectors of Certificate Transparency and a naive reference."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.ledger.merkle import EMPTY_ROOT, GrowingTree, Node, Span, complete_nodes, join_hashes, leaf_hash
from privacy.ledger.proofs import (
    consistency_spans,
    inclusion_spans,
    verify_consistency,
    verify_inclusion,
)

ENTRIES: Final = tuple(
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
)
"""The test entries of Google's certificate-transparency repository, and the roots of their trees."""
ROOTS: Final = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def naive_root(entries: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, as it is written there."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    middle = 1
    while middle * 2 < len(entries):
        middle *= 2
    left, right = naive_root(entries[:middle]), naive_root(entries[middle:])
    return sha256(b"\x01" + left + right).digest()


def some(count: int) -> list[bytes]:
    """Returns the given number of different entries."""
    return [b"entry %d" % number for number in range(count)]


def tree_of(entries: Sequence[bytes]) -> tuple[GrowingTree, dict[Node, bytes]]:
    """The tree over entries, and all its complete nodes."""
    tree, nodes = GrowingTree(), dict[Node, bytes]()
    for entry in entries:
        nodes.update(tree.append(leaf_hash(entry)))
    return tree, nodes


def hash_of(span: Span, nodes: dict[Node, bytes]) -> bytes:
    """The hash of a node of the tree from complete ones."""
    return join_hashes([nodes[node] for node in complete_nodes(span)])


@pytest.mark.parametrize("size", range(1, 9))
def test_published_vectors(size: int) -> None:
    """The roots are those that Certificate Transparency publishes."""
    assert tree_of(ENTRIES[:size])[0].root.hex() == ROOTS[size - 1]


def test_an_empty_tree() -> None:
    """Its root is the hash of nothing."""
    assert GrowingTree().root == EMPTY_ROOT == naive_root([])
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@given(st.integers(0, 70), st.integers(0, 70))
def test_every_size_is_made_from_complete_nodes(size: int, further: int) -> None:
    """The root of a tree at any earlier size follows from nodes that never change."""
    entries = some(size + further)
    tree, nodes = tree_of(entries)
    assert tree.root == naive_root(entries)
    assert hash_of(Span(0, size), nodes) == naive_root(entries[:size])


@given(st.integers(1, 70), st.data())
def test_inclusion(size: int, data: st.DataObject) -> None:
    """A path proves its own entry at its own place, and nothing else."""
    entries = some(size)
    sequence = data.draw(st.integers(0, size - 1))
    tree, nodes = tree_of(entries)
    path = [hash_of(span, nodes) for span in inclusion_spans(sequence, size)]
    leaf = leaf_hash(entries[sequence])
    assert verify_inclusion(leaf, sequence, size, path, tree.root)
    assert not verify_inclusion(leaf_hash(b"other"), sequence, size, path, tree.root)
    assert not verify_inclusion(leaf, sequence, size, [*path, leaf], tree.root)
    assert not verify_inclusion(leaf, sequence, size, path, leaf_hash(b"other"))
    assert not verify_inclusion(leaf, size, size, path, tree.root)
    for place in range(len(path)):
        assert not verify_inclusion(leaf, sequence, size, path[:place] + path[place + 1 :], tree.root)
    for other in set(range(size)) - {sequence}:
        assert not verify_inclusion(leaf, other, size, path, tree.root)


@given(st.integers(1, 70), st.data())
def test_consistency(size: int, data: st.DataObject) -> None:
    """A path proves that the tree begins with the older one, and with no other."""
    entries = some(size)
    old_size = data.draw(st.integers(1, size))
    tree, nodes = tree_of(entries)
    old_root = naive_root(entries[:old_size])
    path = [hash_of(span, nodes) for span in consistency_spans(old_size, size)]
    assert verify_consistency(old_size, size, path, old_root, tree.root)
    forged = naive_root([*entries[: old_size - 1], b"other"])
    assert not verify_consistency(old_size, size, path, forged, tree.root)
    assert not verify_consistency(old_size, size, path, old_root, forged)
    assert not verify_consistency(old_size, size, [*path, old_root], old_root, tree.root)
    assert not verify_consistency(0, size, path, old_root, tree.root)
    assert not verify_consistency(size + 1, size, path, old_root, tree.root)
    for place in range(len(path)):
        shorter = path[:place] + path[place + 1 :]
        assert not verify_consistency(old_size, size, shorter, old_root, tree.root)


def test_the_proofs_of_the_rfc() -> None:
    """The examples of RFC 9162, 2.1.5: of a tree of seven entries, by the entries under each node."""
    assert inclusion_spans(0, 7) == [Span(1, 2), Span(2, 4), Span(4, 7)]
    assert inclusion_spans(3, 7) == [Span(2, 3), Span(0, 2), Span(4, 7)]
    assert inclusion_spans(4, 7) == [Span(5, 6), Span(6, 7), Span(0, 4)]
    assert inclusion_spans(6, 7) == [Span(4, 6), Span(0, 4)]
    assert consistency_spans(3, 7) == [Span(2, 3), Span(3, 4), Span(0, 2), Span(4, 7)]
    assert consistency_spans(4, 7) == [Span(4, 7)]
    assert consistency_spans(6, 7) == [Span(4, 6), Span(6, 7), Span(0, 4)]
