"""Closes the periods of audiences as soon as they have ended, in every account shard."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from redis import Redis

from privacy.catalogue.audiences import parse_audiences
from privacy.model.audience import Period
from privacy.policy.audience_groups import find_slice_seconds
from privacy.policy.registry import PolicyRegistry
from privacy.store.connect import translated
from privacy.store.keys import tally_key
from privacy.vault.audience_closing import AudienceClosing
from privacy.vault.audience_rows import AudiencesOf
from privacy.vault.shards import AccountShards

_TARGETS_PER_STEP = 1_000


@dataclass(frozen=True)
class AudienceCloser:
    """Closes what has ended.

    Args:
        shards: the account shards. Its client must have the ACL user `maintenance`.
        target_shards: number of target shards of the store.
        registry: the policies, which say when slices end.
    """

    shards: AccountShards
    target_shards: int
    registry: PolicyRegistry

    def step(self, now_ms: int) -> int:
        """Close every slice that has ended; returns the number of account shards in which one had.

        Raises:
            StoreBusyError: the store did not confirm. The next step continues from the same point.
        """
        if not self._lengths:
            return 0
        until_seconds = max(Period.at(now_ms, length).start_ms for length in self._lengths) // 1000
        closing = AudienceClosing(self.shards, self._find_audiences)
        behind = [
            shard for shard, closed_by in enumerate(closing.read_closed_by()) if closed_by < until_seconds
        ]
        for shard in behind:
            closing.close(shard, until_seconds)
        return len(behind)

    @cached_property
    def _lengths(self) -> list[int]:
        """The lengths of slices under all policies."""
        policies = [*self.registry.versions.values(), self.registry.current.sandbox]
        lengths = {find_slice_seconds(policy) for policy in policies if policy}
        return sorted(lengths - {0})

    def _find_audiences(self, targets: Sequence[int]) -> AudiencesOf:
        """Return the audiences of targets by their number."""
        found: dict[int, dict[int, list[int]]] = {}
        for shard in range(self.target_shards):
            numbers = [target for target in targets if target % self.target_shards == shard]
            for first in range(0, len(numbers), _TARGETS_PER_STEP):
                page = numbers[first : first + _TARGETS_PER_STEP]
                found |= self._read(shard, page)
        return found

    def _read(self, shard: int, numbers: Sequence[int]) -> dict[int, dict[int, list[int]]]:
        client: Redis = self.shards.client
        with translated():
            found = client.hmget(tally_key(shard, "audiences-of"), [str(number) for number in numbers])
        texts = cast("list[bytes | None]", found)
        return {number: parse_audiences(text) for number, text in zip(numbers, texts, strict=True) if text}
