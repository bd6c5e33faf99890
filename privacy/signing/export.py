"""A ledger in one file, one JSON per line: keys, signed heads, every entry with its release and signature.

Everything in it is published already, so anyone may have it. `privacy.signing.verification` reads it.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import msgspec

from privacy.errors import StoreError
from privacy.gallery.ledger_reader import LedgerReader, ReleaseName, decode_entry

FORMAT = "likewise-ledger-1"
UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""Errors of decoding JSON: no JSON, other members, not UTF-8, nested too deeply."""
_PAGE_ENTRIES = 256


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="line"):
    """Base of all lines; the member `line` names its type."""


class Opening(Line, frozen=True, tag="opening"):
    """The first line. It is not signed: `shards` must be the number of trees in the signed heads."""

    format: str
    exported_at_ms: int
    shards: int


class KeysLine(Line, frozen=True, tag="keys"):
    """The public keys: the second line."""

    keys: list[dict[str, Any]]


class HeadLine(Line, frozen=True, tag="head"):
    """A signed tree head; all heads that the gallery keeps come before the first release, oldest first."""

    jws: str


class ReleaseLine(Line, frozen=True, tag="release"):
    """A ledger entry and its release, byte for byte, with the signature; shard by shard, in order."""

    shard: int
    sequence: int
    entry: str
    release: str | None
    signature: str | None


class Closing(Line, frozen=True, tag="closing"):
    """The last line: reveals a file that was truncated or damaged in transit."""

    lines: int
    sha256: str


AnyLine = Opening | KeysLine | HeadLine | ReleaseLine | Closing


def export_lines(ledger: LedgerReader, now_ms: int) -> Iterator[bytes]:
    """Yields the lines of an export: everything that the latest head covers.

    Raises:
        StoreError: the gallery does not answer or holds damage, or nothing is signed yet.
    """
    digest, count = sha256(), 0
    for line in _make_lines(ledger, now_ms):
        encoded = msgspec.json.encode(line) + b"\n"
        digest.update(encoded)
        count += 1
        yield encoded
    yield msgspec.json.encode(Closing(count, digest.hexdigest())) + b"\n"


def _make_lines(ledger: LedgerReader, now_ms: int) -> Iterator[AnyLine]:
    # All kept heads are read first, at one moment: the keys and entries that they need exist by then.
    heads = ledger.read_heads()
    if not heads:
        raise StoreError("nothing in the ledger is signed yet; `likewise release` signs it")
    latest = heads[-1].head
    yield Opening(FORMAT, now_ms, len(latest.trees))
    yield KeysLine(msgspec.json.decode(ledger.read_jwks() or b'{"keys":[]}')["keys"])
    for signed in heads:
        yield HeadLine(signed.jws)
    for tree in latest.trees:
        for start in range(0, tree.size, _PAGE_ENTRIES):
            yield from _make_release_lines(ledger, tree.shard, start, min(_PAGE_ENTRIES, tree.size - start))


def _make_release_lines(ledger: LedgerReader, shard: int, start: int, count: int) -> Iterator[ReleaseLine]:
    entries = ledger.read_entries(shard, start, count)
    names = [ReleaseName.from_entry(decode_entry(entry)) for entry in entries]
    rows = zip(entries, ledger.read_releases(names), ledger.read_signatures(names), strict=True)
    for sequence, (entry, release, signature) in enumerate(rows, start):
        yield ReleaseLine(
            shard, sequence, entry.decode(), None if release is None else release.decode(), signature
        )
