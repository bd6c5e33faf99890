"""Checks one shard of an exported ledger, entry by entry; what is wrong is named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

import msgspec

from privacy.errors import SignatureError
from privacy.gallery.ledger_reader import ReleaseName
from privacy.ledger.head import TreeHead
from privacy.ledger.merkle import GrowingTree, leaf_hash
from privacy.model.documents import LedgerEntry, ReleaseDocument
from privacy.signing.export import ReleaseLine
from privacy.signing.jwks import PublicKeys


class Fault(NamedTuple):
    """Something that is wrong.

    Args:
        where: names the release, the place in the ledger, the head or the line.
        what: is wrong with it.
    """

    where: str
    what: str


@dataclass
class ShardCheck:
    """The chain and the tree of one shard, as far as they were read.

    Only what is itself wrong is named: behind a wrong or missing entry, the next one's look back and the
    roots of later heads say nothing more.

    Args:
        shard: its number.
        heads: all heads whose signatures hold, in order.
        keys: what verifies.
    """

    shard: int
    heads: Sequence[TreeHead]
    keys: PublicKeys
    _tree: GrowingTree = field(default_factory=GrowingTree)
    _previous: str | None = ""
    """SHA-256 of the entry before; None if that is not known."""
    _epochs: dict[tuple[str, str], int] = field(default_factory=dict)
    _whole: bool = True
    """Whether every entry so far was there and right: else no root can be computed."""

    @property
    def releases(self) -> int:
        """How many were read, or are missing."""
        return self._tree.size

    def add(self, line: ReleaseLine) -> Iterator[Fault]:
        """Go on to the next line of this shard; what is wrong with it."""
        if line.sequence >= max((head.tree(self.shard).size for head in self.heads), default=0):
            yield Fault(self._place(line.sequence), "is in no signed head")
            return
        if line.sequence < self._tree.size:
            yield Fault(self._place(line.sequence), "is there twice, or out of order")
            return
        yield from self._missing(line.sequence)
        raw = line.entry.encode()
        entry = _decoded(raw)
        where = self._place(line.sequence, entry)
        faults = list(self._of_entry(line, raw, entry)) if entry else ["its entry cannot be read"]
        yield from (Fault(where, what) for what in faults)
        if entry and (not faults or self._is_next(entry)):
            yield from self._of_series(entry, where)
        self._whole = self._whole and not faults
        self._previous = None if faults else sha256(raw).hexdigest()
        self._tree.append(leaf_hash(raw))
        yield from self._of_roots()

    def finish(self) -> Iterator[Fault]:
        """What only the end shows."""
        yield from self._missing(max((head.tree(self.shard).size for head in self.heads), default=0))

    def _missing(self, until: int) -> Iterator[Fault]:
        """Name the entries that are missing up to a place, and go on from there."""
        first, last = self._tree.size, until - 1
        if first > last:
            return
        if first == last:
            yield Fault(self._place(first), "is missing")
        else:
            yield Fault(f"shard {self.shard}, entries {first} to {last}", "are missing")
        for _ in range(first, until):
            self._tree.append(bytes(32))
        self._whole, self._previous = False, None

    def _of_entry(self, line: ReleaseLine, raw: bytes, entry: LedgerEntry) -> Iterator[str]:
        if (entry.shard, entry.sequence) != (self.shard, line.sequence):
            yield f"its entry says shard {entry.shard}, entry {entry.sequence}"
        if self._previous is not None and entry.previous != self._previous:
            yield "its entry does not name the one before it"
        if line.release is None:
            yield "the release is missing"
            return
        release = line.release.encode()
        if sha256(release).hexdigest() != entry.release_sha256:
            yield "the release is not the one that its entry names"
        elif not _fits(release, entry):
            yield "the release is another one than its entry says"
        if line.signature is None:
            yield "it is not signed"
            return
        try:
            self.keys.release(line.signature, release, raw, (self.shard, line.sequence))
        except SignatureError as error:
            yield f"its signature {error}"

    def _is_next(self, entry: LedgerEntry) -> bool:
        """Whether a wrong entry stands at least in the turn of the series that it names."""
        return self._epochs.get((entry.target_id, entry.kind)) == entry.epoch - 1

    def _of_series(self, entry: LedgerEntry, where: str) -> Iterator[Fault]:
        """Releases of one target and kind come epoch by epoch, each once."""
        series = entry.target_id, entry.kind
        before = self._epochs.get(series)
        if before is not None and entry.epoch <= before:
            yield Fault(where, "is released a second time")
            return
        first, last = entry.epoch if before is None else before + 1, entry.epoch - 1
        if first == last:
            yield Fault(str(ReleaseName(*series, first)), "is missing")
        elif first < last:
            yield Fault(f"{ReleaseName(*series, first)} to {last}", "are missing")
        self._epochs[series] = entry.epoch

    def _of_roots(self) -> Iterator[Fault]:
        if not self._whole:
            return
        for head in self.heads:
            tree = head.tree(self.shard)
            if tree.size == self._tree.size and tree.root != self._tree.root.hex():
                yield Fault(
                    f"shard {self.shard}, entries up to {tree.size - 1}",
                    f"are not those of tree head {head.sequence}",
                )

    def _place(self, sequence: int, entry: LedgerEntry | None = None) -> str:
        place = f"shard {self.shard}, entry {sequence}"
        return f"{ReleaseName.of(entry)} ({place})" if entry else place


def _decoded(raw: bytes) -> LedgerEntry | None:
    try:
        return msgspec.json.decode(raw, type=LedgerEntry)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _fits(release: bytes, entry: LedgerEntry) -> bool:
    try:
        document = msgspec.json.decode(release, type=ReleaseDocument)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return all(
        getattr(document, name) == getattr(entry, name)
        for name in ("target_id", "kind", "epoch", "as_of_ms", "cut_at_ms", "policy_version")
    )
