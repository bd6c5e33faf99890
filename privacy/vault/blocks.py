"""Blocks single engagements, for a reason, and lifts their blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from struct import Struct
from typing import NamedTuple

from privacy.store.script import Argument, ScriptCall
from privacy.vault.registers import ContributionCaps
from privacy.vault.shards import AccountShards, vault_script


class BlockResult(Enum):
    """What became of one engagement, as it is spelled outside."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    UNKNOWN = "unknown"
    """No such engagement is held: nothing was changed."""
    OVER_CAP = "over_cap"
    """It would be counted for the first time, and the account's day is full: its block stays."""


MARKED = tuple(BlockResult)
"""What `mark.lua` answers, by position."""

NO_BLOCK = 0
_ENGAGEMENT = Struct("<16sQB")
_MARK = vault_script("mark.lua")


class Block(NamedTuple):
    """What is to be done with one engagement.

    Args:
        account_id: whose it is.
        series: number of the series.
        block: number of the reason that keeps it out of the counts, or `NO_BLOCK`.
    """

    account_id: str
    series: int
    block: int


@dataclass(frozen=True)
class EngagementBlocks:
    """Marks engagements.

    Args:
        shards: of a user that may write registers.
        caps: what bounds contributions.
    """

    shards: AccountShards
    caps: ContributionCaps

    def apply(self, marks: Sequence[Block], now_ms: int) -> list[BlockResult]:
        """Mark engagements in their order; on disk when this returns. Repeating a call changes nothing.

        Raises:
            StoreBusyError: the store did not confirm; some shards may have applied their part. Send again.
        """
        places: dict[int, list[int]] = {}
        for place, account in enumerate(
            self.shards.keys.current.accounts([mark.account_id for mark in marks])
        ):
            places.setdefault(account.shard(self.shards.count), []).append(place)

        def call(shard: int, shard_places: list[int]) -> ScriptCall:
            return self._call(shard, [marks[place] for place in shard_places], now_ms)

        outcomes = [BlockResult.UNCHANGED] * len(marks)
        for shard, answer in self.shards.run(_MARK, places, call).items():
            for place, code in zip(places[shard], answer, strict=True):
                outcomes[place] = MARKED[code]
        return outcomes

    def _call(self, shard: int, marks: Sequence[Block], now_ms: int) -> ScriptCall:
        keys = self.shards.keys.current
        accounts = keys.accounts([mark.account_id for mark in marks])
        packed = b"".join(
            _ENGAGEMENT.pack(account.pseudonym, mark.series, mark.block)
            for account, mark in zip(accounts, marks, strict=True)
        )
        arguments: list[Argument] = [
            self.shards.prefix(shard),
            keys.key_id,
            now_ms,
            self.caps.daily_cap,
            self.caps.flip_cap,
            packed,
            b"".join(account.previous_pseudonym for account in accounts),
        ]
        return ScriptCall(self.shards.script_keys(shard), arguments)
