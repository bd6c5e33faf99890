"""Tree heads: the size and root of each shard's tree at one moment. The ledger signer signs them."""

from hashlib import sha256

import msgspec

from privacy.ledger.merkle import EMPTY_ROOT


class ShardTree(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tree of one shard.

    Args:
        shard: number of the target shard.
        size: number of entries in the tree.
        root: root hash in hex.
    """

    shard: int
    size: int
    root: str


class TreeHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole ledger at one moment.

    Args:
        sequence: number of the head, from 0.
        at_ms: the tick at which it was made, in ms since 1970 UTC: a whole second.
        previous: SHA-256 of the JWS of the previous head; empty for the first one.
        keys: ids of all keys that have signed or may sign now.
        trees: one per shard, in the order of the shards' numbers.
    """

    sequence: int
    at_ms: int
    previous: str
    keys: list[str]
    trees: list[ShardTree]

    def tree(self, shard: int) -> ShardTree:
        """Returns the tree of a shard; an empty tree if the head lists none."""
        trees = (tree for tree in self.trees if tree.shard == shard)
        return next(trees, ShardTree(shard, 0, EMPTY_ROOT.hex()))


class SignedHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tree head as the gallery stores it.

    Args:
        jws: the signed head, a compact JWS whose payload is `head`.
        head: the same head as plain JSON, so that the public plane reads it without parsing a JWS.
    """

    jws: str
    head: TreeHead

    @property
    def digest(self) -> str:
        """SHA-256 of the JWS in hex: the `previous` of the next head."""
        return sha256(self.jws.encode()).hexdigest()
