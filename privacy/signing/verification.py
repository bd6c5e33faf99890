"""Verifies an exported ledger, offline: the file, its keys, its heads, every entry, release and signature."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise

import msgspec

from privacy.errors import SignatureError
from privacy.ledger.head import TreeHead, digest_of
from privacy.signing.export import FORMAT, AnyLine, Closing, HeadLine, KeysLine, Opening, ReleaseLine
from privacy.signing.jwks import PublicKeys
from privacy.signing.shard_verification import Fault, ShardCheck
from privacy.store.header import MAX_SHARDS

_DECODE = msgspec.json.Decoder(AnyLine).decode
_FILE = "the file"
_SECOND = 2


@dataclass(frozen=True)
class VerificationResult:
    """What a verification found.

    Args:
        faults: what is wrong; nothing if all holds.
        releases: how many were looked at.
        head: the latest head whose signature holds.
        key_ids: of the keys that were believed.
    """

    faults: tuple[Fault, ...]
    releases: int
    head: TreeHead | None
    key_ids: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


@dataclass
class Verification:
    """Reads an export line by line; memory does not grow with releases, only with targets.

    Args:
        trusted: keys to believe instead of those in the file.
        earlier: signed heads that were seen before; the ledger must go on from each of them.
    """

    trusted: PublicKeys | None = None
    earlier: tuple[str, ...] = ()
    _faults: list[Fault] = field(default_factory=list)
    _keys: PublicKeys = field(default_factory=lambda: PublicKeys(()))
    _signed: list[tuple[str, TreeHead]] = field(default_factory=list)
    _shards: dict[int, ShardCheck] = field(default_factory=dict)
    _heads: list[TreeHead] | None = None
    _declared: int = 0

    def run(self, lines: Iterable[bytes]) -> VerificationResult:
        """Verify the lines of an export."""
        digest, count, last = sha256(), 0, b""
        for line in lines:
            if last:
                self._read(count, last)
                digest.update(last)
            count, last = count + 1, line
        self._close(last, count - 1, digest.hexdigest())
        for shard in sorted({*range(self._declared), *self._shards}):
            self._faults += self._shard(shard).finish()
        if not self._signed:
            self._faults.append(Fault(_FILE, "has no tree head whose signature holds"))
        return VerificationResult(
            tuple(self._faults),
            sum(check.releases for check in self._shards.values()),
            self._signed[-1][1] if self._signed else None,
            tuple(self._keys.key_ids),
        )

    def _read(self, number: int, raw: bytes) -> None:
        where = f"line {number}"
        try:
            line = _DECODE(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self._faults.append(Fault(where, "cannot be read"))
            return
        if (number == 1) != isinstance(line, Opening) or (number == _SECOND) != isinstance(line, KeysLine):
            self._faults.append(Fault(where, "is in the wrong place"))
        elif isinstance(line, Opening):
            self._open(line)
        elif isinstance(line, KeysLine):
            self._take_keys(line)
        elif isinstance(line, HeadLine):
            self._take_head(line, where)
        elif isinstance(line, ReleaseLine):
            self._faults += self._shard(line.shard).add(line)
        else:
            self._faults.append(Fault(where, "is in the wrong place"))

    def _open(self, line: Opening) -> None:
        self._declared = min(line.shards, MAX_SHARDS)
        if line.format != FORMAT:
            self._faults.append(Fault(_FILE, f"has the format {line.format}, not {FORMAT}"))

    def _take_keys(self, line: KeysLine) -> None:
        try:
            self._keys = PublicKeys.read(msgspec.json.encode({"keys": line.keys}))
        except SignatureError as error:
            self._faults.append(Fault("the keys", str(error)))
        if self.trusted:
            self._keys = self.trusted

    def _take_head(self, line: HeadLine, where: str) -> None:
        if self._heads is not None:
            self._faults.append(Fault(where, "is a tree head behind the first release"))
            return
        try:
            self._signed.append((line.jws, self._keys.head(line.jws)))
        except SignatureError as error:
            self._faults.append(Fault(f"tree head in {where}", str(error)))

    def _shard(self, shard: int) -> ShardCheck:
        """The check of a shard. When the first is asked for, all heads have been read."""
        if self._heads is None:
            self._heads = self._all_heads()
        if shard not in self._shards:
            self._shards[shard] = ShardCheck(shard, self._heads, self._keys)
        return self._shards[shard]

    def _all_heads(self) -> list[TreeHead]:
        """The heads of the file, after a look at their chain, and the earlier ones before them."""
        for (text, head), (_, after) in pairwise(self._signed):
            self._faults += _between(text, head, after)
        known = set(self._keys.key_ids)
        for _, head in self._signed:
            for key_id in sorted(set(head.keys) - known):
                self._faults.append(Fault(f"tree head {head.sequence}", f"names the key {key_id}, not known"))
        return [*self._earlier_heads(), *(head for _, head in self._signed)]

    def _earlier_heads(self) -> Iterator[TreeHead]:
        for text in self.earlier:
            try:
                yield self._keys.head(text)
            except SignatureError as error:
                self._faults.append(Fault("a tree head that was seen earlier", str(error)))

    def _close(self, raw: bytes, lines: int, digest: str) -> None:
        try:
            line = _DECODE(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            line = None
        if line != Closing(lines, digest):
            self._faults.append(Fault(_FILE, "is not as it was written: its closing line does not fit"))


def _between(text: str, head: TreeHead, after: TreeHead) -> Iterator[Fault]:
    where = f"tree head {after.sequence}"
    if after.sequence != head.sequence + 1:
        yield Fault(where, f"follows tree head {head.sequence}: others are missing, or the order is wrong")
    elif after.previous != digest_of(text):
        yield Fault(where, "does not name the one before it")
    for tree in head.trees:
        if after.tree(tree.shard).size < tree.size:
            yield Fault(where, f"has fewer entries of shard {tree.shard} than the one before it")
