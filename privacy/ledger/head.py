"""Tree heads: how many entries each shard's tree has, and their roots. What a notary signs."""

from __future__ import annotations

from hashlib import sha256

import msgspec

from privacy.errors import SignatureError
from privacy.ledger.jws import Jws
from privacy.ledger.merkle import EMPTY_ROOT


class ShardTree(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tree of one shard.

    Args:
        shard: number of the target shard.
        size: entries of the tree.
        root: its root in hex.
    """

    shard: int
    size: int
    root: str


class TreeHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole ledger at one moment.

    Args:
        sequence: number of the head, from 0.
        at_ms: when it was made.
        previous: SHA-256 of the head before, signature included; empty for the first one.
        keys: ids of all keys that have signed, or may sign now.
        trees: one a shard, in order of their numbers.
    """

    sequence: int
    at_ms: int
    previous: str
    keys: list[str]
    trees: list[ShardTree]

    def tree(self, shard: int) -> ShardTree:
        """The tree of a shard; an empty one if there is none."""
        found = (tree for tree in self.trees if tree.shard == shard)
        return next(found, ShardTree(shard, 0, EMPTY_ROOT.hex()))


def digest_of(head: str) -> str:
    """What the next head names this one by."""
    return sha256(head.encode()).hexdigest()


def unverified_head(text: str) -> TreeHead:
    """Read what a signed head says, without a look at its signature.

    Raises:
        SignatureError: it is no head.
    """
    try:
        return msgspec.json.decode(Jws.read(text).payload, type=TreeHead)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SignatureError("is no tree head") from error
