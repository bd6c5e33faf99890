"""Retires policy versions: makes sure that no target is bound to one, now or later."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec
from redis import Redis

from privacy.model.engagement import TargetType
from privacy.store.connect import translated
from privacy.store.keys import retired_policies_key, tally_key

_RECORDS_PER_CALL: Final = 1_000


class _Binding(msgspec.Struct, frozen=True):
    """The member of a target's record that names its policy."""

    policy_version: str


_DECODE = msgspec.json.Decoder(_Binding).decode


@dataclass(frozen=True)
class Retirement:
    """Closes versions to new targets, and counts the targets that are bound to them.

    A closed version takes no target from any process, not even from one that has it in force. So what is
    counted after closing cannot grow.

    Args:
        client: must have the admin ACL user.
        target_shards: number of target shards of the store.
    """

    client: Redis
    target_shards: int

    def close(self, versions: Iterable[str]) -> None:
        """Refuse new targets under these versions.

        Raises:
            StoreBusyError: the store did not confirm; call again.
        """
        pipeline = self.client.pipeline(transaction=False)
        names = [*versions]
        for shard in range(self.target_shards):
            for name in names:
                pipeline.hset(retired_policies_key(shard), name, "1")
        with translated():
            pipeline.execute()

    def is_closed(self, version: str) -> bool:
        """Return whether a version is closed.

        Raises:
            StoreBusyError: the store did not answer.
        """
        with translated():
            return bool(self.client.hexists(retired_policies_key(0), version))

    def open(self, versions: Iterable[str]) -> None:
        """Accept new targets under these versions.

        Raises:
            StoreBusyError: the store did not confirm; call again.
        """
        pipeline = self.client.pipeline(transaction=False)
        names = [*versions]
        for shard in range(self.target_shards):
            pipeline.hdel(retired_policies_key(shard), *names)
        with translated():
            pipeline.execute()

    def count_targets(self) -> Counter[str]:
        """Return the number of targets by the version that they are bound to; this reads every record.

        Raises:
            StoreBusyError: the store did not answer.
        """
        found: Counter[str] = Counter()
        for shard in range(self.target_shards):
            for target_type in TargetType:
                key = tally_key(shard, f"{target_type.value}s")
                with translated():
                    for _, record in self.client.hscan_iter(key, count=_RECORDS_PER_CALL):
                        found[_DECODE(record.partition(b" ")[2]).policy_version] += 1
        return found
