"""A ledger in one file: keys, signed heads, and every entry with its release and signature. One JSON a line.

It holds what is published already, so it may be handed to anybody. `privacy.signing.verification` reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import msgspec

from privacy.errors import SignatureError, StoreError
from privacy.gallery.ledger_reader import LedgerReader, ReleaseName, decoded_entry
from privacy.ledger.head import TreeHead, unverified_head

FORMAT = "likewise-ledger-1"
_PAGE_ENTRIES = 256


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="line"):
    """Base of all lines; `line` says which one it is."""


class Opening(Line, frozen=True, tag="opening"):
    """The first line."""

    format: str
    exported_at_ms: int
    shards: int


class KeysLine(Line, frozen=True, tag="keys"):
    """The public keys: the second line."""

    keys: list[dict[str, Any]]


class HeadLine(Line, frozen=True, tag="head"):
    """A signed tree head; all heads come before the first release, in their order."""

    jws: str


class ReleaseLine(Line, frozen=True, tag="release"):
    """A ledger entry and its release, byte for byte, with the signature; shard by shard, in order."""

    shard: int
    sequence: int
    entry: str
    release: str | None
    signature: str | None


class Closing(Line, frozen=True, tag="closing"):
    """The last line: a file that was cut or damaged on its way shows here."""

    lines: int
    sha256: str


AnyLine = Opening | KeysLine | HeadLine | ReleaseLine | Closing


def export_lines(ledger: LedgerReader, now_ms: int) -> Iterator[bytes]:
    """The lines of an export: everything that the latest head covers.

    Raises:
        StoreError: the gallery does not answer or holds damage, or nothing is signed yet.
    """
    digest, count = sha256(), 0
    for line in _lines(ledger, now_ms):
        encoded = msgspec.json.encode(line) + b"\n"
        digest.update(encoded)
        count += 1
        yield encoded
    yield msgspec.json.encode(Closing(count, digest.hexdigest())) + b"\n"


def _lines(ledger: LedgerReader, now_ms: int) -> Iterator[AnyLine]:
    # The latest head is read first: the keys, heads and entries that it needs are there by then.
    latest = ledger.latest_head()
    if latest is None:
        raise StoreError("nothing of the ledger is signed yet: `likewise release` does it")
    head = _said(latest)
    yield Opening(FORMAT, now_ms, ledger.shards())
    yield KeysLine(msgspec.json.decode(ledger.jwks() or b'{"keys":[]}')["keys"])
    numbered = sorted((_said(text).sequence, text) for text in ledger.heads())
    yield from (HeadLine(text) for sequence, text in numbered if sequence <= head.sequence)
    for tree in head.trees:
        for start in range(0, tree.size, _PAGE_ENTRIES):
            yield from _releases(ledger, tree.shard, start, min(_PAGE_ENTRIES, tree.size - start))


def _releases(ledger: LedgerReader, shard: int, start: int, count: int) -> Iterator[ReleaseLine]:
    entries = ledger.entries(shard, start, count)
    names = [ReleaseName.of(decoded_entry(entry)) for entry in entries]
    rows = zip(entries, ledger.releases(names), ledger.signatures(names), strict=True)
    for sequence, (entry, release, signature) in enumerate(rows, start):
        yield ReleaseLine(
            shard, sequence, entry.decode(), None if release is None else release.decode(), signature
        )


def _said(text: str) -> TreeHead:
    try:
        return unverified_head(text)
    except SignatureError as error:
        raise StoreError("the gallery holds a damaged tree head: restore it") from error
