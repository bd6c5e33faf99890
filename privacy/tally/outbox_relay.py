"""Moves changes from the vault's outboxes to the tally's logs, each exactly once, even across crashes.

A change keeps the second in which it was taken in: that of its outbox entry. When every outbox is applied up
to the end of an epoch, the relay writes how far: the watermark of a target shard. So an epoch counts what was
taken in before its end, wherever relay and release worker stand then. A watermark that is ahead of the clock
was written before that was set back, and is brought back: it would cut epochs that have not ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from redis import Redis

from privacy.model.audience import Period
from privacy.model.timestamp import Clock
from privacy.store.connect import translated
from privacy.store.header import StoreHeader
from privacy.store.keys import outbox_key, tally_key, tally_prefix
from privacy.store.script import Script, ScriptCall
from privacy.tally.audience_log import PackedPeriods, pack_periods
from privacy.tally.log_elements import OUTBOX_CHANGE, PackedElements, pack_elements


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
"""About 32,000 changes under a busy intake."""
MAX_CALL_BYTES = 524_288
"""Bytes of changes in one script call, unless one outbox entry has more: Redis does nothing else then."""
MAX_AHEAD_MS: Final = 10_000
"""An entry further ahead of the store's clock was stamped before that was set back: it counts as of now."""
NO_WATERMARK: Final = -1
CHANGES, CLOSED_BY = b"c", b"u"
"""Fields of an outbox entry: changes of series; up to when audiences are closed. Others are periods."""

_APPLY = Script.from_package("privacy.tally", "apply.lua")


@dataclass(frozen=True)
class _Outbox:
    """Entries of the outbox of one account shard."""

    shard: int
    ids: Sequence[OutboxId]
    fields: Sequence[Mapping[bytes, bytes]]

    def part(self, entries: slice) -> _Outbox:
        """Return some of the entries."""
        return _Outbox(self.shard, self.ids[entries], self.fields[entries])

    @property
    def closed_by(self) -> int:
        """The time in seconds up to which these entries close periods of audiences; 0 if they close none."""
        return max((int(fields[CLOSED_BY]) for fields in self.fields if CLOSED_BY in fields), default=0)


@dataclass
class _Progress:
    """What one target shard has applied.

    Args:
        offsets: the last entry, by account shard.
        watermark_ms: time up to which it has applied every outbox.
        closed_by: time in seconds up to which periods of audiences are closed, by account shard; 0 for none.
    """

    offsets: list[OutboxId]
    watermark_ms: int
    closed_by: list[int]

    @classmethod
    def parse(cls, row: dict[bytes, bytes], account_shards: int) -> _Progress:
        """Parse the hash of the offsets."""
        offsets = [OutboxId.parse(row.get(str(shard).encode())) for shard in range(account_shards)]
        closed_by = [int(row.get(b"closed:%d" % shard, 0)) for shard in range(account_shards)]
        return cls(offsets, int(row.get(b"watermark", NO_WATERMARK)), closed_by)

    @property
    def stored(self) -> list[str]:
        """The fields of the hash in the order of `apply.lua`; empty where there is none."""
        watermark = "" if self.watermark_ms == NO_WATERMARK else str(self.watermark_ms)
        closed_by = [str(seconds or "") for seconds in self.closed_by]
        closed = str(1000 * min(self.closed_by) or "")
        return [*(offset.stored for offset in self.offsets), watermark, *closed_by, closed]


@dataclass(frozen=True)
class _Outboxes:
    """What one step has read.

    Args:
        now_ms: a time by which these entries were stamped, unless the clock was set back since.
        found: those with entries.
        watermark_ms: time up to which every outbox is applied once these entries are.
        passed: whether the watermark of each target shard is behind and a series waits for it, or is ahead of
            the clock.
    """

    now_ms: int
    found: Sequence[_Outbox]
    watermark_ms: int
    passed: Sequence[bool]


@dataclass
class Relay:
    """A relay. Any number may run: a step that another relay has overtaken changes nothing and starts again.

    Args:
        client: must have the relay ACL user.
        header: gives the shard counts of this store.
        clock: the store's own as far as it is believed, or a virtual one that stamps entries; the store's own
            whatever it says if not given.
        entries_per_step: outbox entries taken from one account shard per step.
    """

    client: Redis
    header: StoreHeader
    clock: Clock | None = None
    entries_per_step: int = field(default_factory=lambda: ENTRIES_PER_STEP)
    _progress: list[_Progress] | None = field(default=None, init=False)
    """By target shard, as last seen; None when it must be read again."""

    def step(self) -> int:
        """Move waiting entries, at most `entries_per_step` per account shard; write a watermark that is due.

        Returns:
            The number of outbox entries that every target shard has applied; 0 if there was nothing to do or
            another relay did it.

        Raises:
            StoreBusyError: the store did not confirm. The next step reads the offsets and continues exactly
            there.
        """
        with translated():
            progress = self._progress or self._read_progress()
            self._progress = None
            outboxes = self._read_outboxes(progress)
            if not self._apply(outboxes, outboxes.found, progress, is_last=True):
                return 0
            self._trim(outboxes.found)
            self._progress = progress
        return sum(len(outbox.ids) for outbox in outboxes.found)

    def drain(self) -> int:
        """Step until nothing is left. Returns the number of entries moved."""
        moved = 0
        # A step that another relay overtook moves nothing either, but leaves no progress.
        while (step := self.step()) or self._progress is None:
            moved += step
        return moved

    def _read_progress(self) -> list[_Progress]:
        pipeline = self.client.pipeline(transaction=False)
        for shard in range(self.header.target_shards):
            pipeline.hgetall(tally_key(shard, "offsets"))
        return [_Progress.parse(row, self.header.account_shards) for row in pipeline.execute()]

    def _read_outboxes(self, progress: list[_Progress]) -> _Outboxes:
        """Read the clock first: entries that are not read here have this time or a later one."""
        now_ms = self._ask_time()
        pipeline = self.client.pipeline(transaction=False)
        for shard in range(self.header.account_shards):
            low = min(each.offsets[shard] for each in progress)
            pipeline.xrange(outbox_key(shard), min=f"({low}", count=self.entries_per_step)
        for shard in range(self.header.target_shards):
            pipeline.zrange(tally_key(shard, "due"), 0, 0, withscores=True)
        replies: list[Any] = pipeline.execute()
        entries, dues = replies[: self.header.account_shards], replies[self.header.account_shards :]
        found = [
            _Outbox(shard, [OutboxId.parse(entry) for entry, _ in each], [fields for _, fields in each])
            for shard, each in enumerate(entries)
            if each
        ]
        unread_ms = [outbox.ids[-1].moment_ms for outbox in found if len(outbox.ids) == self.entries_per_step]
        end_ms = min([now_ms, *unread_ms])
        passed = [
            each.watermark_ms > now_ms + MAX_AHEAD_MS
            or (bool(due) and due[0][1] <= end_ms and end_ms // 1000 > (each.watermark_ms + 1) // 1000)
            for each, due in zip(progress, dues, strict=True)
        ]
        if any(outbox.ids[-1].moment_ms > now_ms + MAX_AHEAD_MS for outbox in found):
            # Either the store's clock was set back, or this process stood still since it asked.
            now_ms = self._ask_time()
        return _Outboxes(now_ms, found, max(end_ms - 1, 0), passed)

    def _ask_time(self) -> int:
        if self.clock:
            return self.clock()
        seconds, microseconds = self.client.time()
        return 1000 * int(seconds) + int(microseconds) // 1000

    def _apply(
        self, outboxes: _Outboxes, found: Sequence[_Outbox], progress: list[_Progress], *, is_last: bool
    ) -> bool:
        """Send every target shard what it lacks; False if another relay was faster on any shard.

        Args:
            outboxes: what was read.
            found: the entries to send.
            progress: moved forward.
            is_last: whether these are the last ones that were read, so that the watermark holds after them.
        """
        passed = outboxes.passed if is_last else [False] * len(progress)
        if not found and not any(passed):
            return True
        packed = self._pack(found, progress, outboxes.now_ms)
        many = [each for each in found if len(each.ids) > 1]
        if many and max(each.size_bytes for each in packed) > MAX_CALL_BYTES:
            first = [each.part(slice(0, (len(each.ids) + 1) // 2)) for each in found]
            rest = [each.part(slice((len(each.ids) + 1) // 2, None)) for each in many]
            return self._apply(outboxes, first, progress, is_last=False) and self._apply(
                outboxes, rest, progress, is_last=is_last
            )
        calls = []
        for shard, (each, is_passed) in enumerate(zip(progress, passed, strict=True)):
            before = each.stored
            for outbox in found:
                each.offsets[outbox.shard] = max(each.offsets[outbox.shard], outbox.ids[-1])
                each.closed_by[outbox.shard] = max(each.closed_by[outbox.shard], outbox.closed_by)
            if is_passed:
                each.watermark_ms = outboxes.watermark_ms
            if found or is_passed:
                calls.append(_call(shard, packed[shard], before, each.stored))
        return all(_APPLY.run_all(self.client, calls))

    def _pack(self, found: Sequence[_Outbox], progress: list[_Progress], now_ms: int) -> list[_Packed]:
        """Pack what each target shard lacks; those that have applied the same, nearly always all, at once."""
        packed: dict[tuple[OutboxId, ...], list[_Packed]] = {}
        parts = []
        for shard, each in enumerate(progress):
            begins = tuple(each.offsets[outbox.shard] for outbox in found)
            if begins not in packed:
                packed[begins] = _pack_after(begins, found, now_ms, self.header.target_shards)
            parts.append(packed[begins][shard])
        return parts

    def _trim(self, outboxes: Sequence[_Outbox]) -> None:
        """Delete entries that every target shard has applied."""
        pipeline = self.client.pipeline(transaction=False)
        for outbox in outboxes:
            pipeline.xtrim(outbox_key(outbox.shard), minid=str(outbox.ids[-1].successor), approximate=False)
        pipeline.execute()


class _Packed(NamedTuple):
    """What one target shard is sent: elements for the logs of series, and of audiences."""

    elements: PackedElements
    audiences: PackedPeriods

    @property
    def size_bytes(self) -> int:
        return self.elements.size_bytes + self.audiences.size_bytes


def _call(shard: int, packed: _Packed, before: Sequence[str], after: Sequence[str]) -> ScriptCall:
    progress = (msgspec.msgpack.encode(before), msgspec.msgpack.encode(after))
    keys = [tally_key(shard, "offsets"), tally_key(shard, "audience-logs")]
    logs, audience_logs = tally_prefix(shard, "log"), tally_prefix(shard, "audience-log")
    return ScriptCall(keys, [logs, *packed.elements, *progress, audience_logs, *packed.audiences])


def _pack_after(
    begins: Sequence[OutboxId], found: Sequence[_Outbox], now_ms: int, target_shards: int
) -> list[_Packed]:
    """Pack the changes of the entries after an offset in each outbox."""
    lacking = [
        (_second(entry, now_ms), fields)
        for offset, outbox in zip(begins, found, strict=True)
        for entry, fields in zip(outbox.ids, outbox.fields, strict=True)
        if entry > offset
    ]
    changes = [fields.get(CHANGES, b"") for _, fields in lacking]
    seconds = np.array([second for second, _ in lacking], np.uint32)
    counts = [len(each) // OUTBOX_CHANGE.itemsize for each in changes]
    joined = np.frombuffer(b"".join(changes), OUTBOX_CHANGE)
    elements = pack_elements(joined, np.repeat(seconds, counts), target_shards)
    audiences: dict[Period, list[bytes]] = {}
    for _, fields in lacking:
        for name in fields.keys() - {CHANGES, CLOSED_BY}:
            audiences.setdefault(Period.parse(name), []).append(fields[name])
    return list(map(_Packed, elements, pack_periods(audiences, target_shards)))


def _second(entry: OutboxId, now_ms: int) -> int:
    """Return the second in which the changes of an entry were taken in."""
    return (entry.moment_ms if entry.moment_ms <= now_ms + MAX_AHEAD_MS else now_ms) // 1000


__all__ = ["BEGINNING", "ENTRIES_PER_STEP", "MAX_CALL_BYTES", "OutboxId", "Relay"]
