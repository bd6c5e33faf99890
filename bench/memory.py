"""`memory`: bytes of Redis that one engagement costs, vault and tally together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bench.figure import Bar, Figure, Of, Progress, Reference
from bench.world import ENGAGEMENTS, World, world

BYTES_PER_ENGAGEMENT: Final = 48
_REGISTER_BYTES: Final = 11
_REDIS_DEFAULT_LISTPACK_ENTRIES: Final = 128


def memory(progress: Progress) -> Iterator[Figure]:
    """Memory of a million engagements, beside the obvious way to store them."""
    with world() as store:
        empty = store.used_memory()
        progress(f"{ENGAGEMENTS:,} likes into vault and tally")
        store.fill()
        ours = (store.used_memory() - empty) / ENGAGEMENTS
        progress("the same likes as one plain hash a video")
        peer = _plain_hashes(store)
    yield Figure(
        "Redis memory of an engagement, vault and tally together",
        ours,
        "bytes",
        Reference("one plain hash a video, field account, value register", peer),
        Bar(Of.VALUE, high=BYTES_PER_ENGAGEMENT),
        note=f"{ENGAGEMENTS:,} engagements of 20,000 accounts on 2,000 videos",
    )


def _plain_hashes(store: World) -> float:
    """The same engagements by `HSET video account register`, in a Redis that is configured as it comes."""
    root = store.store.root
    root.flushall()
    root.config_set("hash-max-listpack-entries", _REDIS_DEFAULT_LISTPACK_ENTRIES)
    root.config_set("appendfsync", "no")
    empty = store.used_memory()
    for batch in store.likes():
        pipeline = root.pipeline(transaction=False)
        for account, series, *_ in batch:
            pipeline.hset(f"likes:{series}", account, b"\x80" * _REGISTER_BYTES)
        pipeline.execute()
    return (store.used_memory() - empty) / ENGAGEMENTS
