"""Tells whether events are arriving, without looking at any of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from redis.exceptions import ResponseError

from privacy.store.connect import translated
from privacy.store.keys import outbox_key

if TYPE_CHECKING:
    from redis import Redis

_MISSING = "no such key"


@dataclass(frozen=True)
class Arrivals:
    """Counts what was ever written to the outboxes.

    Args:
        client: of a user that may ask.
        account_shards: of this store.
    """

    client: Redis
    account_shards: int

    def __call__(self) -> int:
        """How many entries there have been. Events that change nothing leave none.

        Raises:
            StoreBusyError: the store did not answer.
        """
        with translated():
            pipeline = self.client.pipeline(transaction=False)
            for shard in range(self.account_shards):
                pipeline.xinfo_stream(outbox_key(shard))
            return sum(map(_entries, pipeline.execute(raise_on_error=False)))


def _entries(answer: dict[str, int] | ResponseError) -> int:
    if isinstance(answer, ResponseError):
        if str(answer) == _MISSING:
            return 0
        raise answer
    return answer["entries-added"]
