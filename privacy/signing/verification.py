"""Verifies an exported ledger offline: the file, its keys, its heads, every entry, release and signature."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise

import msgspec

from privacy.errors import SignatureError
from privacy.gallery.ledger_reader import MAX_KEPT_HEADS
from privacy.ledger.head import SignedHead, TreeHead
from privacy.ledger.merkle import EMPTY_ROOT
from privacy.signing.export import (
    FORMAT,
    UNREADABLE,
    AnyLine,
    Closing,
    HeadLine,
    KeysLine,
    Opening,
    ReleaseLine,
)
from privacy.signing.jwks import PublicKeys
from privacy.signing.shard_verification import Fault, ShardVerification

_DECODE = msgspec.json.Decoder(AnyLine).decode
MAX_FAULTS = 10_000
"""A file that is no export at all is not read to its end: it may inflate to any size."""
_FILE = "the file"
_SECOND = 2


@dataclass(frozen=True)
class VerificationResult:
    """The result of a verification.

    Args:
        faults: everything that is wrong; empty if the ledger holds.
        releases: number of releases that were checked.
        head: the latest head whose signature holds.
        key_ids: ids of the keys that were trusted.
    """

    faults: tuple[Fault, ...]
    releases: int
    head: TreeHead | None
    key_ids: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """True if nothing is wrong."""
        return not self.faults


@dataclass
class Verification:
    """Reads an export line by line; memory grows with the number of targets, not of releases.

    Args:
        trusted: keys to trust instead of those in the file.
        earlier: the JWS of heads that were seen before; the ledger must continue each of them.
    """

    trusted: PublicKeys | None = None
    earlier: tuple[str, ...] = ()
    _faults: list[Fault] = field(default_factory=list)
    _keys: PublicKeys = field(default_factory=lambda: PublicKeys(()))
    _signed: list[SignedHead] = field(default_factory=list)
    _shards: dict[int, ShardVerification] = field(default_factory=dict)
    _heads: list[TreeHead] | None = None
    _declared: int | None = None
    """Number of shards in the opening line, which is not signed; None if the line cannot be read."""

    def run(self, lines: Iterable[bytes]) -> VerificationResult:
        """Verifies the lines of an export."""
        digest, count, last = sha256(), 0, b""
        for line in lines:
            if last:
                self._read(count, last)
                digest.update(last)
            count, last = count + 1, line
            if len(self._faults) >= MAX_FAULTS:
                self._faults.append(Fault(_FILE, f"is not read after line {count}: it has too many faults"))
                break
        self._close(last, count - 1, digest.hexdigest())
        self._finish_shards()
        if not self._signed:
            self._faults.append(Fault(_FILE, "has no tree head whose signature holds"))
        return VerificationResult(
            tuple(self._faults),
            sum(shard.releases for shard in self._shards.values()),
            self._signed[-1].head if self._signed else None,
            tuple(self._keys.key_ids),
        )

    def _read(self, number: int, raw: bytes) -> None:
        where = f"line {number}"
        try:
            line = _DECODE(raw)
        except UNREADABLE:
            self._faults.append(Fault(where, "cannot be read"))
            return
        if (number == 1) != isinstance(line, Opening) or (number == _SECOND) != isinstance(line, KeysLine):
            self._faults.append(Fault(where, "is in the wrong position"))
        elif isinstance(line, Opening):
            self._open(line)
        elif isinstance(line, KeysLine):
            self._read_keys(line)
        elif isinstance(line, HeadLine):
            self._read_head(line, where)
        elif isinstance(line, ReleaseLine):
            self._faults += self._shard(line.shard).add(line)
        else:
            self._faults.append(Fault(where, "is in the wrong position"))

    def _open(self, line: Opening) -> None:
        self._declared = line.shards
        if line.format != FORMAT:
            self._faults.append(Fault(_FILE, f"has the format {line.format}, not {FORMAT}"))

    def _read_keys(self, line: KeysLine) -> None:
        try:
            self._keys = PublicKeys.from_jwks(msgspec.json.encode({"keys": line.keys}))
        except SignatureError as error:
            self._faults.append(Fault("the keys", str(error)))
        except RecursionError:
            self._faults.append(Fault("the keys", "cannot be read"))
        if self.trusted:
            self._keys = self.trusted

    def _read_head(self, line: HeadLine, where: str) -> None:
        if self._heads is not None:
            self._faults.append(Fault(where, "is a tree head after the first release"))
            return
        try:
            self._signed.append(SignedHead(line.jws, self._keys.verify_head(line.jws)))
        except SignatureError as error:
            self._faults.append(Fault(f"tree head in {where}", str(error)))

    def _shard(self, shard: int) -> ShardVerification:
        """Returns the verification of a shard."""
        if shard not in self._shards:
            self._shards[shard] = ShardVerification(shard, self._close_heads(), self._keys)
        return self._shards[shard]

    def _finish_shards(self) -> None:
        """Checks the end of every shard that a signed head names, whatever the other lines say."""
        named = {tree.shard for head in self._close_heads() for tree in head.trees}
        if self._signed and self._declared not in {None, len(named)}:
            fault = f"declares {self._declared} shards, but its tree heads have {len(named)}"
            self._faults.append(Fault(_FILE, fault))
        for shard in sorted(named):
            self._faults += self._shard(shard).finish()

    def _close_heads(self) -> list[TreeHead]:
        """Returns the earlier heads, then those of the file; the first call checks them."""
        if self._heads is None:
            self._heads = self._check_heads()
        return self._heads

    def _check_heads(self) -> list[TreeHead]:
        earlier = list(self._earlier_heads())
        self._faults += self._check_first_head(earlier)
        for signed, after in pairwise(self._signed):
            self._faults += _check_successor(signed, after.head)
        known = set(self._keys.key_ids)
        heads = [signed.head for signed in self._signed]
        for head in heads:
            self._faults += _check_head(head)
            for key_id in sorted(set(head.keys) - known):
                fault = f"names the key {key_id}, which is not known"
                self._faults.append(Fault(f"tree head {head.sequence}", fault))
        return [*(signed.head for signed in earlier), *heads]

    def _check_first_head(self, earlier: Iterable[SignedHead]) -> Iterator[Fault]:
        """Checks that no head is missing before those of the file.

        The gallery keeps the latest `MAX_KEPT_HEADS` heads. A file with any other number of heads must begin
        with head 0, which names no other, or with the successor of an earlier head.
        """
        first = self._signed[0].head if self._signed else None
        if first is None:
            return
        if not first.sequence:
            if first.previous:
                yield Fault("tree head 0", "names a previous one, which is missing")
            return
        before = [signed for signed in earlier if signed.head.sequence == first.sequence - 1]
        for signed in before:
            yield from _check_successor(signed, first)
        if not before and len(self._signed) != MAX_KEPT_HEADS:
            fault = "is the first one of the file; the heads before it are missing"
            yield Fault(f"tree head {first.sequence}", fault)

    def _earlier_heads(self) -> Iterator[SignedHead]:
        for text in self.earlier:
            try:
                yield SignedHead(text, self._keys.verify_head(text))
            except SignatureError as error:
                self._faults.append(Fault("a tree head that was seen earlier", str(error)))

    def _close(self, raw: bytes, lines: int, digest: str) -> None:
        try:
            line = _DECODE(raw)
        except UNREADABLE:
            line = None
        if line != Closing(lines, digest) and len(self._faults) <= MAX_FAULTS:
            fault = "was changed or cut off after it was written: its closing line does not match"
            self._faults.append(Fault(_FILE, fault))


def _check_head(head: TreeHead) -> Iterator[Fault]:
    """Checks what no signer of a ledger writes: sizes that no number of entries has, and one shard twice."""
    where = f"tree head {head.sequence}"
    if [tree.shard for tree in head.trees] != list(range(len(head.trees))):
        yield Fault(where, "does not have each shard once, in order")
    for tree in head.trees:
        if tree.size < 0:
            yield Fault(where, f"has {tree.size} entries of shard {tree.shard}")
        if tree.size == 0 and tree.root != EMPTY_ROOT.hex():
            yield Fault(where, f"has no entries of shard {tree.shard}, and the root of some")


def _check_successor(signed: SignedHead, after: TreeHead) -> Iterator[Fault]:
    head, where = signed.head, f"tree head {after.sequence}"
    if after.sequence != head.sequence + 1:
        yield Fault(where, f"follows tree head {head.sequence}; heads are missing or out of order")
    elif after.previous != signed.digest:
        yield Fault(where, "does not name the previous one")
    for tree in head.trees:
        if after.tree(tree.shard).size < tree.size:
            yield Fault(where, f"has fewer entries of shard {tree.shard} than the previous one")
