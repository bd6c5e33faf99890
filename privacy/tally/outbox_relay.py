"""Moves changes from the vault's outboxes to the tally's logs, each exactly once, even across crashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np
from redis import Redis

from privacy.model.engagement import KINDS_PER_TARGET
from privacy.store.connect import translated
from privacy.store.header import StoreHeader
from privacy.store.keys import outbox_key, tally_key, tally_prefix
from privacy.store.script import Script, ScriptCall


class OutboxId(NamedTuple):
    """The id of an outbox entry in its Redis stream. Ids compare in the order of the stream."""

    moment_ms: int
    sequence: int

    @classmethod
    def parse(cls, raw: bytes | None) -> OutboxId:
        """Parse an id in Redis notation; a missing or empty one is `BEGINNING`."""
        if not raw:
            return BEGINNING
        moment_ms, sequence = raw.split(b"-")
        return cls(int(moment_ms), int(sequence))

    def __str__(self) -> str:
        """Return the id in Redis notation."""
        return f"{self.moment_ms}-{self.sequence}"

    @property
    def stored(self) -> str:
        """The id as a stored offset; the beginning is stored as no offset at all."""
        return "" if self == BEGINNING else str(self)

    @property
    def successor(self) -> OutboxId:
        """The smallest id after this one."""
        return OutboxId(self.moment_ms, self.sequence + 1)


BEGINNING = OutboxId(0, 0)
"""Before the first entry of any outbox."""


ENTRIES_PER_STEP = 256
"""Outbox entries taken from one account shard per step: about 32,000 changes under a busy intake."""

_CHANGES = np.dtype([("series", "<u8"), ("change", "<u4")])
_APPLY = Script.from_package("privacy.tally", "apply.lua")


@dataclass(frozen=True)
class _Outbox:
    """The entries that one step read from the outbox of one account shard."""

    shard: int
    ids: Sequence[OutboxId]
    changes: Sequence[bytes]

    def join_after(self, offset: OutboxId) -> bytes:
        """Return the changes of the entries after an offset."""
        return b"".join(
            change for entry, change in zip(self.ids, self.changes, strict=True) if entry > offset
        )


@dataclass
class Relay:
    """A relay. Any number may run: a step that another relay has overtaken changes nothing and starts again.

    Args:
        client: must have the relay ACL user.
        header: gives the shard counts of this store.
    """

    client: Redis
    header: StoreHeader
    _offsets: list[list[OutboxId]] | None = field(default=None, init=False)
    """[target shard][account shard]: the stored offsets as last seen; None when they must be read again."""

    def step(self) -> int:
        """Move waiting entries, at most `ENTRIES_PER_STEP` per account shard.

        Returns:
            The number of outbox entries that every target shard has applied; 0 if there was nothing to do or
            another relay did it.

        Raises:
            StoreBusyError: the store did not confirm. The next step reads the offsets and continues exactly
            there.
        """
        with translated():
            if self._offsets is None:
                self._offsets = self._read_offsets()
            outboxes = self._read_outboxes(self._offsets)
            if not outboxes:
                return 0
            offsets, self._offsets = self._offsets, None
            if not self._apply(outboxes, offsets):
                return 0
            for outbox in outboxes:
                for row in offsets:
                    row[outbox.shard] = max(row[outbox.shard], outbox.ids[-1])
            self._trim(outboxes)
            self._offsets = offsets
        return sum(len(outbox.ids) for outbox in outboxes)

    def drain(self) -> int:
        """Step until nothing is left. Returns the number of entries moved."""
        moved = 0
        # A step that another relay overtook moves nothing either, but leaves no offsets.
        while (step := self.step()) or self._offsets is None:
            moved += step
        return moved

    def _read_offsets(self) -> list[list[OutboxId]]:
        pipeline = self.client.pipeline(transaction=False)
        for shard in range(self.header.target_shards):
            pipeline.hgetall(tally_key(shard, "offsets"))
        return [
            [OutboxId.parse(row.get(str(shard).encode())) for shard in range(self.header.account_shards)]
            for row in pipeline.execute()
        ]

    def _read_outboxes(self, offsets: list[list[OutboxId]]) -> list[_Outbox]:
        pipeline = self.client.pipeline(transaction=False)
        for shard in range(self.header.account_shards):
            low = min(row[shard] for row in offsets)
            pipeline.xrange(outbox_key(shard), min=f"({low}", count=ENTRIES_PER_STEP)
        return [
            _Outbox(
                shard,
                [OutboxId.parse(entry) for entry, _ in entries],
                [fields[b"c"] for _, fields in entries],
            )
            for shard, entries in enumerate(pipeline.execute())
            if entries
        ]

    def _apply(self, outboxes: Sequence[_Outbox], offsets: list[list[OutboxId]]) -> bool:
        """Send every target shard the changes it lacks; False if another relay was faster on any shard."""
        calls = []
        packed: dict[tuple[OutboxId, ...], list[_SeriesChanges]] = {}
        for target_shard, row in enumerate(offsets):
            # Target shards that have applied the same entries, nearly always all, are packed together.
            begins = tuple(row[outbox.shard] for outbox in outboxes)
            if begins not in packed:
                raw = b"".join(outbox.join_after(row[outbox.shard]) for outbox in outboxes)
                packed[begins] = _pack_by_shard(np.frombuffer(raw, _CHANGES), self.header.target_shards)
            arguments: list[str | bytes | int] = [
                tally_prefix(target_shard, "log"),
                *packed[begins][target_shard],
            ]
            for outbox in outboxes:
                offset = row[outbox.shard]
                arguments += [outbox.shard, offset.stored, max(offset, outbox.ids[-1]).stored]
            calls.append(ScriptCall([tally_key(target_shard, "offsets")], arguments))
        return all(_APPLY.run_all(self.client, calls))

    def _trim(self, outboxes: Sequence[_Outbox]) -> None:
        """Delete entries that every target shard has applied."""
        pipeline = self.client.pipeline(transaction=False)
        for outbox in outboxes:
            pipeline.xtrim(outbox_key(outbox.shard), minid=str(outbox.ids[-1].successor), approximate=False)
        pipeline.execute()


class _SeriesChanges(NamedTuple):
    """The changes of one target shard, series by series, as `apply.lua` reads them.

    Args:
        numbers: series numbers as text, a MessagePack array.
        sizes: bytes of changes of each series, a MessagePack array.
        changes: the changes, 4 bytes each.
    """

    numbers: bytes
    sizes: bytes
    changes: bytes


def _pack_by_shard(changes: np.ndarray, target_shards: int) -> list[_SeriesChanges]:
    """Pack the changes of each target shard."""
    shard_of = changes["series"] // KINDS_PER_TARGET % target_shards
    order = np.lexsort((changes["series"], shard_of))  # stable
    ends = np.cumsum(np.bincount(shard_of.astype(np.intp), minlength=target_shards)).tolist()
    return [_pack(changes[order[start:end]]) for start, end in pairwise([0, *ends])]


def _pack(changes: np.ndarray) -> _SeriesChanges:
    numbers, counts = np.unique(changes["series"], return_counts=True)
    codes = changes["change"].tobytes()
    names = list(map(str, numbers.tolist()))
    return _SeriesChanges(
        msgspec.msgpack.encode(names),
        msgspec.msgpack.encode((_CHANGES["change"].itemsize * counts).tolist()),
        codes,
    )


__all__ = ["BEGINNING", "ENTRIES_PER_STEP", "Relay"]
