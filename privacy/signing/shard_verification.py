"""Verifies one shard of an exported ledger, entry by entry, and names every fault."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

import msgspec

from privacy.errors import SignatureError
from privacy.gallery.ledger_reader import ReleaseName
from privacy.ledger.head import TreeHead
from privacy.ledger.merkle import GrowingTree, leaf_hash
from privacy.model.documents import AnyRelease, LedgerEntry, decode_release
from privacy.model.engagement import Kind
from privacy.model.sandbox import is_canary
from privacy.signing.export import UNREADABLE, ReleaseLine
from privacy.signing.jwks import PublicKeys

_KINDS_OF_TARGETS = frozenset(kind.label for kind in Kind)


class Fault(NamedTuple):
    """A fault in an export.

    Args:
        where: names the release, the position in the ledger, the head or the line.
        what: the predicate of a sentence about it.
    """

    where: str
    what: str


@dataclass
class ShardVerification:
    """The chain and the tree of one shard, as far as they were read.

    Names a fault only where it is: after a wrong or missing entry, neither the next entry's link back nor the
    roots of later heads are reported as well.

    Args:
        shard: its number.
        heads: all heads whose signatures hold, oldest first.
        keys: the keys that verify.
    """

    shard: int
    heads: Sequence[TreeHead]
    keys: PublicKeys
    _tree: GrowingTree = field(default_factory=GrowingTree)
    _size: int = 0
    """Number of entries up to here, missing ones with them; the tree stops growing at the first fault."""
    _previous: str | None = ""
    """SHA-256 of the previous entry; None if it is not known."""
    _epochs: dict[tuple[str, str], int] = field(default_factory=dict)
    _whole: bool = True
    """True while every entry so far was present and right; otherwise no root can be computed."""

    @property
    def releases(self) -> int:
        """Number of releases that were read or are missing."""
        return self._size

    def add(self, line: ReleaseLine) -> Iterator[Fault]:
        """Reads the next line of this shard and yields its faults."""
        if line.sequence >= max((head.tree(self.shard).size for head in self.heads), default=0):
            yield Fault(self._describe(line.sequence), "is in no signed head")
            return
        if line.sequence < self._size:
            yield Fault(self._describe(line.sequence), "is there twice, or out of order")
            return
        yield from self._skip_to(line.sequence)
        raw = line.entry.encode()
        entry = _decode(raw)
        where = self._describe(line.sequence, entry)
        faults = list(self._check_entry(line, raw, entry)) if entry else ["its entry cannot be read"]
        yield from (Fault(where, what) for what in faults)
        if entry:
            name = _name_by_hash(line, entry) if faults else ReleaseName.from_entry(entry)
            if not faults or self._is_next(name):
                yield from self._check_series(name, where)
        self._whole = self._whole and not faults
        self._previous = None if faults else sha256(raw).hexdigest()
        self._size += 1
        if self._whole:
            self._tree.append(leaf_hash(raw))
            yield from self._check_roots()

    def finish(self) -> Iterator[Fault]:
        """Yields the faults that only the end of the file shows."""
        yield from self._skip_to(max((head.tree(self.shard).size for head in self.heads), default=0))

    def _skip_to(self, until: int) -> Iterator[Fault]:
        """Names the entries that are missing below a sequence number, and continues from there."""
        first, last = self._size, until - 1
        if first > last:
            return
        if first == last:
            yield Fault(self._describe(first), "is missing")
        else:
            yield Fault(f"shard {self.shard}, entries {first} to {last}", "are missing")
        self._size, self._whole, self._previous = until, False, None

    def _check_entry(self, line: ReleaseLine, raw: bytes, entry: LedgerEntry) -> Iterator[str]:
        if (entry.shard, entry.sequence) != (self.shard, line.sequence):
            yield f"its entry says shard {entry.shard}, entry {entry.sequence}"
        if self._previous is not None and entry.previous != self._previous:
            yield "its entry does not name the previous one"
        if line.release is None:
            if not is_canary(entry.target_id):  # what is published about one has a life
                yield "the release is missing"
            return
        release = line.release.encode()
        if sha256(release).hexdigest() != entry.release_sha256:
            yield "the release is not the one that its entry names"
        elif not _matches(release, entry):
            yield "the release does not match its entry"
        if line.signature is None:
            yield "it is not signed"
            return
        try:
            self.keys.verify_release(line.signature, release, raw, (self.shard, line.sequence))
        except SignatureError as error:
            yield f"its signature {error}"

    def _is_next(self, name: ReleaseName) -> bool:
        """Returns whether a release comes in the turn of its series."""
        return self._epochs.get((name.target_id, name.kind)) == name.epoch - 1

    def _check_series(self, name: ReleaseName, where: str) -> Iterator[Fault]:
        """Checks that releases of one target and kind come epoch by epoch, each once.

        Audiences have no release in a period in which no video of theirs could be liked.
        """
        series = name.target_id, name.kind
        previous = self._epochs.get(series)
        if previous is not None and name.epoch <= previous:
            yield Fault(where, "is released a second time")
            return
        first, last = name.epoch, name.epoch - 1
        if previous is not None and name.kind in _KINDS_OF_TARGETS:
            first = previous + 1
        if first == last:
            yield Fault(str(ReleaseName(*series, first)), "is missing")
        elif first < last:
            yield Fault(f"{ReleaseName(*series, first)} to {last}", "are missing")
        self._epochs[series] = name.epoch

    def _check_roots(self) -> Iterator[Fault]:
        for head in self.heads:
            tree = head.tree(self.shard)
            if tree.size == self._tree.size and tree.root != self._tree.root.hex():
                yield Fault(
                    f"shard {self.shard}, entries up to {tree.size - 1}",
                    f"are not those of tree head {head.sequence}",
                )

    def _describe(self, sequence: int, entry: LedgerEntry | None = None) -> str:
        position = f"shard {self.shard}, entry {sequence}"
        return f"{ReleaseName.from_entry(entry)} ({position})" if entry else position


def _decode(raw: bytes) -> LedgerEntry | None:
    try:
        return msgspec.json.decode(raw, type=LedgerEntry)
    except UNREADABLE:
        return None


def _decode_release(release: bytes) -> AnyRelease | None:
    try:
        return decode_release(release)
    except UNREADABLE:
        return None


def _name_by_hash(line: ReleaseLine, entry: LedgerEntry) -> ReleaseName:
    """Returns what a wrong entry is about: its release tells, if it has the hash that the entry names."""
    release = (line.release or "").encode()
    document = _decode_release(release)
    if document is None or sha256(release).hexdigest() != entry.release_sha256:
        return ReleaseName.from_entry(entry)
    return ReleaseName(document.target_id, document.kind, document.epoch)


def _matches(release: bytes, entry: LedgerEntry) -> bool:
    document = _decode_release(release)
    return document is not None and all(
        getattr(document, name) == getattr(entry, name)
        for name in ("target_id", "kind", "epoch", "as_of_ms", "policy_version")
    )
