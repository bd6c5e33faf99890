"""Reads all releases of the gallery in one order, from any position on.

A position is the number of entries that were read of each chain of the ledger. It leads to the same entries
whatever is added to the chains, so each is read exactly once.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from privacy.errors import StoreError
from privacy.gallery.ledger_reader import LedgerReader, decode_entry
from privacy.model.documents import LedgerEntry

_BATCH_ENTRIES: Final = 100
"""Entries of one chain that are read together."""


@dataclass(frozen=True)
class FeedPosition:
    """An entry, and where the feed goes on.

    Args:
        entry: the ledger entry of a release.
        end: the position after it.
    """

    entry: LedgerEntry
    end: tuple[int, ...]


@dataclass(frozen=True)
class FeedPage:
    """Consecutive entries of the feed.

    Args:
        found: the entries.
        end: the position after them.
        is_last: whether there was nothing after them.
    """

    found: Sequence[FeedPosition]
    end: tuple[int, ...]
    is_last: bool


def read_feed(ledger: LedgerReader, after: Sequence[int], limit: int) -> FeedPage:
    """Reads what the latest signed head covers: a tick appears as a whole, and every release has a signature.

    Next comes the chain whose next entry has the earliest end of epoch, and the lower number among equals.
    So the order does not depend on where pages end.

    Args:
        ledger: reads the chains.
        after: the position, a number for each chain.
        limit: the largest number of entries.

    Raises:
        StoreError: the gallery does not answer, or lacks a signed entry.
    """
    signed = ledger.read_latest_head()
    sizes = [signed.head.tree(shard).size if signed else 0 for shard in range(len(after))]
    chains = [
        _read_chain(ledger, shard, start, size)
        for shard, (start, size) in enumerate(zip(after, sizes, strict=True))
    ]
    position = list(after)
    found = []
    for entry in islice(heapq.merge(*chains, key=lambda entry: (entry.as_of_ms, entry.shard)), limit):
        position[entry.shard] += 1
        found.append(FeedPosition(entry, tuple(position)))
    is_last = all(place >= size for place, size in zip(position, sizes, strict=True))
    return FeedPage(found, tuple(position), is_last)


def _read_chain(ledger: LedgerReader, shard: int, start: int, size: int) -> Iterator[LedgerEntry]:
    """Yields the entries of one chain, up to its signed size."""
    while start < size:
        batch = ledger.read_entries(shard, start, min(_BATCH_ENTRIES, size - start))
        if not batch:
            raise StoreError(f"the gallery lacks entry {start} of ledger shard {shard}, which is signed")
        yield from map(decode_entry, batch)
        start += len(batch)
