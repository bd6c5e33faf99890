"""Blocks single engagements, for a reason, and lifts their blocks."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from struct import Struct
from typing import NamedTuple

from privacy.vault.pseudonym import Pseudonymiser
from privacy.vault.shards import AccountShards, ScriptArguments, vault_script


class BlockResult(Enum):
    """The result for one engagement, as it is spelled outside."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    UNKNOWN = "unknown"
    """No such engagement is stored: nothing was changed."""


RESULTS = tuple(BlockResult)
"""The results of `block.lua`, by position."""

NO_BLOCK = 0
_ENGAGEMENT = Struct("<16sQB")
_BLOCK = vault_script("block.lua")


class Block(NamedTuple):
    """A block to put on one engagement, or to lift.

    Args:
        account_id: the account whose engagement it is.
        series: number of the series.
        block: number of the reason that keeps it out of the counts, or `NO_BLOCK`.
    """

    account_id: str
    series: int
    block: int


@dataclass(frozen=True)
class EngagementBlocks:
    """Blocks engagements, and lifts their blocks.

    Args:
        shards: their client must have an ACL user that may write registers.
    """

    shards: AccountShards

    def apply(self, blocks: Sequence[Block], now_ms: int) -> list[BlockResult]:
        """Sets blocks in their order; on disk when this returns. Repeating a call changes nothing.

        Raises:
            StoreBusyError: the store did not confirm; some shards may have applied their part. Send again.
        """
        indices: dict[int, list[int]] = {}
        accounts = self.shards.keys.current.pseudonymise_all([block.account_id for block in blocks])
        for index, account in enumerate(accounts):
            indices.setdefault(account.shard(self.shards.count), []).append(index)

        def arguments(_shard: int, of_shard: list[int], keys: Pseudonymiser) -> ScriptArguments:
            return {
                "now_ms": now_ms,
                **_pack_blocks([blocks[index] for index in of_shard], keys),
            }

        results = [BlockResult.UNCHANGED] * len(blocks)
        for shard, reply in self.shards.run(_BLOCK, indices, arguments).items():
            for index, code in zip(indices[shard], reply, strict=True):
                results[index] = RESULTS[code]
        return results


def _pack_blocks(blocks: Sequence[Block], keys: Pseudonymiser) -> ScriptArguments:
    accounts = keys.pseudonymise_all([block.account_id for block in blocks])
    return {
        "engagements": b"".join(
            _ENGAGEMENT.pack(account.pseudonym, block.series, block.block)
            for account, block in zip(accounts, blocks, strict=True)
        ),
        "previous": b"".join(account.previous_pseudonym for account in accounts),
    }
