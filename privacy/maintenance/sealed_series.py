"""Which series are sealed: past their last release. Registers and logs of them count nowhere any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from redis.utils import str_if_bytes

from privacy.model.engagement import KINDS_PER_TARGET, Series
from privacy.policy.registry import PolicyRegistry
from privacy.store.connect import translated
from privacy.store.keys import tally_key, tally_prefix

if TYPE_CHECKING:
    from redis import Redis

_NAMES_PER_STEP = 1_000


class SealedSeries(NamedTuple):
    """One of them.

    Args:
        number: of the series.
        shard: target shard.
    """

    number: int
    shard: int


@dataclass(frozen=True)
class SealedTargets:
    """Finds sealed series, and drops their logs once nothing refers to them.

    Args:
        client: of a user that may.
        book: the policies say how many epochs a series has.
        target_shards: of this store.
    """

    client: Redis
    book: PolicyRegistry
    target_shards: int

    def find(self) -> Iterator[list[SealedSeries]]:
        """Series that are sealed and not yet retired, some at a time.

        Raises:
            StoreBusyError: the store did not answer.
        """
        cursor = 0
        while True:
            with translated():
                cursor, names = self.client.scan(cursor, match="t:{t*}:series:*", count=_NAMES_PER_STEP)
                numbers = [int(str_if_bytes(name).rpartition(":")[2]) for name in names]
                pipeline = self.client.pipeline(transaction=False)
                for number in numbers:
                    pipeline.hmget(self._state(number), "policy_version", "epoch", "retired")
                rows = pipeline.execute()
            yield [
                SealedSeries(number, self._shard(number))
                for number, row in zip(numbers, rows, strict=True)
                if self._is_sealed(number, row)
            ]
            if not cursor:
                return

    def retire(self, sealed: Sequence[SealedSeries]) -> None:
        """Drop the logs of series that no register is left of.

        Raises:
            StoreBusyError: the store did not confirm. Do it again.
        """
        with translated():
            pipeline = self.client.pipeline(transaction=False)
            for series in sealed:
                pipeline.unlink(tally_key(series.shard, "log", series.number))
                pipeline.hset(self._state(series.number), "retired", 1)
            pipeline.execute()

    def _is_sealed(self, number: int, row: Sequence[bytes | None]) -> bool:
        version, epoch, retired = row
        policy = self.book.versions.get((version or b"").decode())
        if policy is None or epoch is None or retired:
            return False
        return int(epoch) >= policy.epochs_of(Series.of_number(number).kind)

    def _state(self, number: int) -> str:
        return f"{tally_prefix(self._shard(number), 'series')}{number}"

    def _shard(self, number: int) -> int:
        return number // KINDS_PER_TARGET % self.target_shards
