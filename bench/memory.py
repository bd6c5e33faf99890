"""`memory`: measures the Redis memory per engagement, vault and tally together."""

from collections.abc import Iterator
from typing import Final

from bench.deployment import ENGAGEMENTS, BenchDeployment, start_deployment
from bench.figure import Bar, Figure, Measure, ProgressCallback, Reference

BYTES_PER_ENGAGEMENT: Final = 48
_REGISTER_BYTES: Final = 11
_REDIS_DEFAULT_LISTPACK_ENTRIES: Final = 128


def memory(progress: ProgressCallback) -> Iterator[Figure]:
    """Measures the memory of a million engagements, and that of a naive representation."""
    with start_deployment() as deployment:
        empty = deployment.used_memory()
        progress(f"{ENGAGEMENTS:,} likes into vault and tally")
        deployment.fill()
        ours = (deployment.used_memory() - empty) / ENGAGEMENTS
        progress("the same likes as one plain hash per video")
        peer = _plain_hashes(deployment)
    yield Figure(
        "Redis memory per engagement, vault and tally together",
        ours,
        "bytes",
        Reference("one plain hash per video, field account, value register", peer),
        Bar(Measure.VALUE, high=BYTES_PER_ENGAGEMENT),
        note=f"{ENGAGEMENTS:,} engagements of 20,000 accounts on 2,000 videos",
    )


def _plain_hashes(deployment: BenchDeployment) -> float:
    """Returns bytes per engagement for `HSET video account register`, in Redis with its default settings."""
    root = deployment.redis.root
    root.flushall()
    root.config_set("hash-max-listpack-entries", _REDIS_DEFAULT_LISTPACK_ENTRIES)
    root.config_set("appendfsync", "no")
    empty = deployment.used_memory()
    for batch in deployment.likes():
        pipeline = root.pipeline(transaction=False)
        for account, series, *_ in batch:
            pipeline.hset(f"likes:{series}", account, b"\x80" * _REGISTER_BYTES)
        pipeline.execute()
    return (deployment.used_memory() - empty) / ENGAGEMENTS
