"""The log of the audiences of a target shard: a list for each period of one length, until all is released.

An element holds changes of any audiences of the shard, each the series and a change code. It belongs to the
period in which the vault has counted it. The list of a closed period never changes.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final, cast

import numpy as np
from redis import Redis

from privacy.model.audience import Period, is_audience
from privacy.store.connect import translated
from privacy.store.keys import tally_key

AUDIENCE_CHANGE: Final = np.dtype([("series", "<u4"), ("change", "<u4")])
"""A change as the vault writes it to an outbox."""
ELEMENTS_PER_STEP: Final = 512
"""Elements in one round trip: the server does nothing else meanwhile."""


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
        watermark = cast("bytes | None", client.hget(tally_key(shard, "offsets"), "watermark"))
        if not names or watermark is None:
            return 0
        rows = client.zrange(
            tally_key(shard, "due"), "-inf", int(watermark) + 1, byscore=True, withscores=True
        )
        due = [
            int(end_ms)
            for number, end_ms in cast("list[tuple[bytes, float]]", rows)
            if is_audience(int(number))
        ]
        first_due_ms = min(due, default=int(watermark) + 2)
        periods = {name: Period(*map(int, name.split(b":"))) for name in names}
        over = {name: period for name, period in periods.items() if period.end_ms < first_due_ms}
        pipeline = client.pipeline(transaction=False)
        for name, period in over.items():
            pipeline.unlink(tally_key(shard, "audience-log", *period))
            pipeline.hdel(index, name)
        pipeline.execute()
    return len(over)
