"""Moves changes from the vault's outboxes to the tally's logs, each exactly once, whatever crashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from privacy.model.engagement import KINDS_PER_TARGET
from privacy.store.connect import translated
from privacy.store.header import StoreHeader
from privacy.store.keys import outbox_key, tally_key, tally_prefix
from privacy.store.script import Script, ScriptCall

if TYPE_CHECKING:
    from redis import Redis


class OutboxId(NamedTuple):
    """A stream id; tuples compare as the stream orders its entries."""

    moment_ms: int
    sequence: int

    @classmethod
    def parse(cls, raw: bytes | None) -> OutboxId:
        """Read an id as Redis spells it; nothing is the beginning."""
        if not raw:
            return BEGINNING
        moment_ms, sequence = raw.split(b"-")
        return cls(int(moment_ms), int(sequence))

    def __str__(self) -> str:
        """As Redis spells it."""
        return f"{self.moment_ms}-{self.sequence}"

    @property
    def stored(self) -> str:
        """As a mark is stored: the beginning is no mark at all."""
        return "" if self == BEGINNING else str(self)

    @property
    def successor(self) -> OutboxId:
        """The smallest id past this one."""
        return OutboxId(self.moment_ms, self.sequence + 1)


BEGINNING = OutboxId(0, 0)
"""Before the first entry of any outbox."""


ENTRIES_PER_STEP = 256
"""Outbox entries taken from one account shard in one step, about 32,000 changes of busy intake."""

_CHANGES = np.dtype([("series", "<u8"), ("change", "<u4")])
_APPLY = Script.packaged("privacy.tally", "apply.lua")


@dataclass(frozen=True)
class _Outbox:
    """What one step read of one account shard."""

    shard: int
    ids: Sequence[OutboxId]
    changes: Sequence[bytes]

    def after(self, mark: OutboxId) -> bytes:
        """Changes of the entries past a mark."""
        return b"".join(change for entry, change in zip(self.ids, self.changes, strict=True) if entry > mark)


@dataclass
class Relay:
    """One relay. Any number may run; a step that finds another one's marks does nothing and looks anew.

    Args:
        client: connection with the relay's credentials.
        header: shard counts of this store.
    """

    client: Redis
    header: StoreHeader
    _marks: list[list[OutboxId]] | None = field(default=None, init=False)
    """[target shard][account shard]: what the store holds, as far as this relay knows."""

    def step(self) -> int:
        """Move what is there, at most `ENTRIES_PER_STEP` entries an account shard.

        Returns:
            Number of outbox entries that every target shard has applied; 0 means there was nothing to do, or
            another relay did it.

        Raises:
            StoreBusyError: the store did not confirm. The next step looks at the marks and goes on exactly
            there.
        """
        with translated():
            if self._marks is None:
                self._marks = self._read_marks()
            outboxes = self._read_outboxes(self._marks)
            if not outboxes:
                return 0
            marks, self._marks = self._marks, None
            if not self._apply(outboxes, marks):
                return 0
            for outbox in outboxes:
                for row in marks:
                    row[outbox.shard] = max(row[outbox.shard], outbox.ids[-1])
            self._trim(outboxes)
            self._marks = marks
        return sum(len(outbox.ids) for outbox in outboxes)

    def drain(self) -> int:
        """Step until nothing is left; the number of entries moved."""
        moved = 0
        # A step that another relay overtook moves nothing either, but leaves no marks.
        while (step := self.step()) or self._marks is None:
            moved += step
        return moved

    def _read_marks(self) -> list[list[OutboxId]]:
        pipeline = self.client.pipeline(transaction=False)
        for shard in range(self.header.target_shards):
            pipeline.hgetall(tally_key(shard, "marks"))
        return [
            [OutboxId.parse(row.get(str(shard).encode())) for shard in range(self.header.account_shards)]
            for row in pipeline.execute()
        ]

    def _read_outboxes(self, marks: list[list[OutboxId]]) -> list[_Outbox]:
        pipeline = self.client.pipeline(transaction=False)
        for shard in range(self.header.account_shards):
            low = min(row[shard] for row in marks)
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

    def _apply(self, outboxes: Sequence[_Outbox], marks: list[list[OutboxId]]) -> bool:
        """Send every target shard what it lacks; false when another relay was faster somewhere."""
        calls = []
        packed: dict[tuple[OutboxId, ...], list[_SeriesChanges]] = {}
        for target_shard, row in enumerate(marks):
            # Target shards that have applied the same entries, nearly always all, are packed together.
            begins = tuple(row[outbox.shard] for outbox in outboxes)
            if begins not in packed:
                raw = b"".join(outbox.after(row[outbox.shard]) for outbox in outboxes)
                packed[begins] = _by_series(np.frombuffer(raw, _CHANGES), self.header.target_shards)
            arguments: list[str | bytes | int] = [
                tally_prefix(target_shard, "log"),
                *packed[begins][target_shard],
            ]
            for outbox in outboxes:
                mark = row[outbox.shard]
                arguments += [outbox.shard, mark.stored, max(mark, outbox.ids[-1]).stored]
            calls.append(ScriptCall([tally_key(target_shard, "marks")], arguments))
        return all(_APPLY.run_all(self.client, calls))

    def _trim(self, outboxes: Sequence[_Outbox]) -> None:
        """Forget entries that every target shard has applied."""
        pipeline = self.client.pipeline(transaction=False)
        for outbox in outboxes:
            pipeline.xtrim(outbox_key(outbox.shard), minid=str(outbox.ids[-1].successor), approximate=False)
        pipeline.execute()


class _SeriesChanges(NamedTuple):
    """The changes of one target shard as `apply.lua` reads them: series by series, in their order.

    Args:
        numbers: of the series, as text: a MessagePack array.
        sizes: bytes of changes of each: a MessagePack array.
        changes: 4 bytes each.
    """

    numbers: bytes
    sizes: bytes
    changes: bytes


def _by_series(changes: np.ndarray, target_shards: int) -> list[_SeriesChanges]:
    """Pack the changes of each target shard."""
    shard_of = changes["series"] // KINDS_PER_TARGET % target_shards
    order = np.lexsort((changes["series"], shard_of))  # stable
    ends = np.cumsum(np.bincount(shard_of.astype(np.intp), minlength=target_shards)).tolist()
    return [_packed(changes[order[start:end]]) for start, end in pairwise([0, *ends])]


def _packed(changes: np.ndarray) -> _SeriesChanges:
    numbers, counts = np.unique(changes["series"], return_counts=True)
    codes = changes["change"].tobytes()
    names = list(map(str, numbers.tolist()))
    return _SeriesChanges(
        msgspec.msgpack.encode(names),
        msgspec.msgpack.encode((_CHANGES["change"].itemsize * counts).tolist()),
        codes,
    )


__all__ = ["BEGINNING", "ENTRIES_PER_STEP", "Relay"]
