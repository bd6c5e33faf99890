"""The log of the audiences of a target shard: a list for each period of one length, until all is released.

An element holds changes of any audiences of the shard, each the series and a change code. The list of a
period that every account shard has closed never changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple, cast

import msgspec
import numpy as np
from redis import Redis

from privacy.model.audience import Period
from privacy.model.engagement import KINDS_PER_TARGET
from privacy.store.connect import translated
from privacy.store.keys import tally_key

AUDIENCE_CHANGE: Final = np.dtype([("series", "<u4"), ("change", "<u4")])
"""A change as the vault writes it to an outbox."""
MAX_ELEMENT_BYTES: Final = 65_536
ELEMENTS_PER_STEP: Final = 512
"""Elements in one round trip: the server does nothing else meanwhile."""


class PackedPeriods(NamedTuple):
    """The elements for one target shard, as `apply.lua` reads them.

    Args:
        periods: names of the periods of the elements, a MessagePack array.
        sizes: bytes of each element, a MessagePack array.
        elements: the elements, one after the other.
    """

    periods: bytes
    sizes: bytes
    elements: bytes

    @property
    def size_bytes(self) -> int:
        """Bytes of all parts."""
        return sum(map(len, self))


def pack_periods(changes: Mapping[Period, Sequence[bytes]], target_shards: int) -> list[PackedPeriods]:
    """Pack the changes of each target shard.

    Args:
        changes: by period, as outbox entries have them.
        target_shards: number of target shards of the store.
    """
    elements: list[list[tuple[str, bytes]]] = [[] for _ in range(target_shards)]
    for period, parts in changes.items():
        rows = np.frombuffer(b"".join(parts), AUDIENCE_CHANGE)
        shard_of = (rows["series"] // KINDS_PER_TARGET % target_shards).astype(np.uint16)
        ordered = rows[np.argsort(shard_of, kind="stable")]
        ends = np.cumsum(np.bincount(shard_of, minlength=target_shards)).tolist()
        for shard, (start, end) in enumerate(pairwise([0, *ends])):
            packed = ordered[start:end].tobytes()
            for first in range(0, len(packed), MAX_ELEMENT_BYTES):
                elements[shard].append((str(period), packed[first : first + MAX_ELEMENT_BYTES]))
    return [
        PackedPeriods(
            msgspec.msgpack.encode([name for name, _ in of_shard]),
            msgspec.msgpack.encode([len(element) for _, element in of_shard]),
            b"".join(element for _, element in of_shard),
        )
        for of_shard in elements
    ]


def read_audience_log(client: Redis, shard: int, period: Period) -> dict[int, bytes]:
    """Return the changes of a period by series, 4 bytes each, as in the log of a series.

    Args:
        client: must have the release ACL user.
        shard: number of the target shard.
        period: one that is closed.

    Raises:
        StoreBusyError: the store did not answer.
    """
    key = tally_key(shard, "audience-log", *period)
    elements: list[bytes] = []
    while True:
        with translated():
            page = client.lrange(key, len(elements), len(elements) + ELEMENTS_PER_STEP - 1)
        elements += cast("list[bytes]", page)
        if len(page) < ELEMENTS_PER_STEP:
            break
    rows = np.frombuffer(b"".join(elements), AUDIENCE_CHANGE)
    ordered = rows[np.argsort(rows["series"], kind="stable")]
    series, starts = np.unique(ordered["series"], return_index=True)
    bounds = pairwise([*starts.tolist(), len(ordered)])
    changes = ordered["change"].tobytes()
    width = AUDIENCE_CHANGE["change"].itemsize
    return {
        number: changes[width * start : width * end]
        for number, (start, end) in zip(series.tolist(), bounds, strict=True)
    }


def drop_released_audience_logs(client: Redis, shard: int) -> int:
    """Drop the logs of closed periods of which no audience of the shard is due any more.

    Args:
        client: must have the release ACL user.
        shard: number of the target shard.

    Returns:
        How many were dropped.

    Raises:
        StoreBusyError: the store did not confirm. Do it again.
    """
    index = tally_key(shard, "audience-logs")
    with translated():
        names = cast("dict[bytes, bytes]", client.hgetall(index))
        closed = cast("bytes | None", client.hget(tally_key(shard, "offsets"), "closed"))
        if not names or closed is None:
            return 0
        first = client.zrange(tally_key(shard, "audience-due"), 0, 0, withscores=True)
        waiting = cast("list[tuple[bytes, float]]", first)
        first_due_ms = min([int(closed) + 1, *(int(end_ms) for _, end_ms in waiting)])
        over = [name for name in names if Period.parse(name).end_ms < first_due_ms]
        pipeline = client.pipeline(transaction=False)
        for name in over:
            pipeline.unlink(tally_key(shard, "audience-log", *Period.parse(name)))
            pipeline.hdel(index, name)
        pipeline.execute()
    return len(over)
