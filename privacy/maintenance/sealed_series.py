"""Finds sealed series, which are past their last release: their registers and logs are in no later count.

What a series has counted is gone with its last release. What arrives later, such as the unlike of a register
that is not yet dropped, lies in its log until it is purged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from redis import Redis
from redis.utils import str_if_bytes

from privacy.model.audience import is_audience, period_start_ms
from privacy.model.engagement import KINDS_PER_TARGET, Series
from privacy.model.sandbox import POLICY_SUFFIX
from privacy.policy.registry import PolicyRegistry
from privacy.store.connect import translated
from privacy.store.keys import tally_key, tally_prefix

_NAMES_PER_STEP = 1_000
_STATE_FIELDS = ("policy_version", "epoch", "purged", "every_seconds", "until_ms")


class SealedSeries(NamedTuple):
    """A sealed series.

    Args:
        number: of the series.
        shard: its target shard.
        is_canary: whether it is the sandbox's.
    """

    number: int
    shard: int
    is_canary: bool


@dataclass(frozen=True)
class SealedSeriesCleanup:
    """Finds sealed series, and deletes their logs.

    Args:
        client: must have the ACL user `maintenance`.
        registry: the policies, which say how many epochs a series has.
        target_shards: number of target shards of the store.
    """

    client: Redis
    registry: PolicyRegistry
    target_shards: int

    def find(self) -> Iterator[list[SealedSeries]]:
        """Yield sealed series whose logs are not yet deleted, some at a time.

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
                    pipeline.hmget(self._state_key(number), *_STATE_FIELDS)
                rows = pipeline.execute()
            yield [
                SealedSeries(number, self._shard_of(number), _is_canary(row))
                for number, row in zip(numbers, rows, strict=True)
                if self._is_sealed(number, row)
            ]
            if not cursor:
                return

    def purge(self, sealed: Sequence[SealedSeries], *, is_clean: bool) -> None:
        """Delete the logs of sealed series, and all that the tally has of the sandbox's.

        Args:
            sealed: the series.
            is_clean: whether no register is left of them, so that they need not be found again.

        Raises:
            StoreBusyError: the store did not confirm. Repeat.
        """
        with translated():
            pipeline = self.client.pipeline(transaction=False)
            for series in sealed:
                pipeline.unlink(tally_key(series.shard, "log", series.number))
                if series.is_canary:
                    pipeline.unlink(tally_key(series.shard, "measured", series.number))
                if is_clean and series.is_canary:
                    pipeline.unlink(self._state_key(series.number))
                elif is_clean:
                    pipeline.hset(self._state_key(series.number), "purged", 1)
            pipeline.execute()

    def _is_sealed(self, number: int, row: Sequence[bytes | None]) -> bool:
        version, epoch, purged, every_seconds, until_ms = row
        policy = self.registry.versions.get((version or b"").decode())
        if policy is None or epoch is None or purged:
            return False
        if is_audience(number):
            return period_start_ms(int(epoch), int(every_seconds or 0)) >= int(until_ms or 0)
        return int(epoch) >= policy.epochs_of(Series.from_number(number).kind)

    def _state_key(self, number: int) -> str:
        return f"{tally_prefix(self._shard_of(number), 'series')}{number}"

    def _shard_of(self, number: int) -> int:
        return number // KINDS_PER_TARGET % self.target_shards


def _is_canary(row: Sequence[bytes | None]) -> bool:
    """Return whether a series is bound to a policy of the sandbox."""
    return (row[0] or b"").decode().endswith(POLICY_SUFFIX)
