"""Closes the slices of audiences: counts accounts, hands periods that end to the outbox, keeps the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, cast

import numpy as np

from privacy.model.audience import REMOVED, Period
from privacy.model.change import CHANGE_BITS
from privacy.store.connect import translated
from privacy.store.keys import audiences_key
from privacy.vault.audience_rows import AudiencesOf, Journal, find_members, join_rows, keep_first, without
from privacy.vault.pseudonym import Account
from privacy.vault.shards import AccountShards, vault_script

CLOSE_SCRIPT: Final = vault_script("audiences.lua", "close_audiences.lua")
MAX_ELEMENT_BYTES: Final = 65_536
ELEMENTS_PER_STEP: Final = 256
"""Elements in one round trip: the server does nothing else meanwhile."""
_RECORD: Final = np.dtype([("series", "<u4"), ("change", "<u4")])
_JOURNAL: Final = "j"


class HeldList(NamedTuple):
    """A list that a shard holds for audiences, see `audiences.lua`.

    Args:
        name: without the name of the hash that lists it.
        slice_seconds: length of the slices.
        period: a slice, for a journal; a longer period, for what was counted in its slices so far.
    """

    name: str
    slice_seconds: int
    period: Period

    @classmethod
    def parse(cls, name: str) -> HeldList:
        """Parse its name."""
        length, _, number = name[1:].partition(":")
        slice_seconds, _, every_seconds = length.partition("/")
        return cls(name, int(slice_seconds), Period(int(every_seconds or slice_seconds), int(number)))

    @classmethod
    def of_period(cls, slice_seconds: int, period: Period) -> HeldList:
        """Return the list of a period that is longer than a slice."""
        return cls(f"l{slice_seconds}/{period}", slice_seconds, period)

    @property
    def is_journal(self) -> bool:
        """Return whether it is a journal."""
        return self.name.startswith(_JOURNAL)


@dataclass
class _Closing:
    """What is written when slices are closed: the arguments of `close_audiences.lua`."""

    closed_by: int
    version: bytes
    lengths: list[str | int] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    rows: list[str | bytes] = field(default_factory=list)
    records: list[str | bytes] = field(default_factory=list)

    def keep(self, held: HeldList, members: np.ndarray) -> None:
        """Add members to a list."""
        for element in _divide(members.tobytes()):
            self.rows += [held.name, element]

    def emit(self, period: Period, members: np.ndarray) -> None:
        """Hand the members of a period that ends to the outbox."""
        records = np.empty(len(members), _RECORD)
        records["series"], records["change"] = members["number"], members["code"] << CHANGE_BITS
        for element in _divide(records.tobytes()):
            self.records += [str(period), element]


@dataclass(frozen=True)
class AudienceClosing:
    """Closes slices of account shards.

    Args:
        shards: their client must have the ACL user `maintenance`.
        find_audiences: returns the audiences of targets, by their number.
    """

    shards: AccountShards
    find_audiences: Callable[[Sequence[int]], AudiencesOf]

    def read_closed_by(self) -> list[int]:
        """Reads the time in seconds up to which each account shard has closed its slices.

        Raises:
            StoreBusyError: the store did not answer.
        """
        pipeline = self.shards.client.pipeline(transaction=False)
        for shard in range(self.shards.count):
            pipeline.hget(audiences_key(shard), "closed")
        with translated():
            return [int(seconds or 0) for seconds in pipeline.execute()]

    def close(self, shard: int, until_seconds: int) -> None:
        """Closes every slice of a shard that has ended by a time.

        Another worker may do the same: then this does nothing.

        Args:
            shard: the account shard.
            until_seconds: the time; the shard announces it.

        Raises:
            LimitsError: this process knows other limits than those in force.
            StoreBusyError: the store did not confirm. Do it again.
        """
        closed_by = 0
        while closed_by < until_seconds:
            with translated():
                index = cast("dict[bytes, bytes]", self.shards.client.hgetall(audiences_key(shard)))
            held = [HeldList.parse(name.decode()) for name in index if b":" in name]
            ends = [each.period.end_ms // 1000 for each in held]
            closed_by = min([until_seconds, *ends])
            closing = _Closing(closed_by, index.get(b"version", b""))
            for slice_seconds in sorted({each.slice_seconds for each in held}):
                self._close_slices(
                    shard, closing, [one for one in held if one.slice_seconds == slice_seconds]
                )
            arguments = dict(vars(closing))
            if not self.shards.run(CLOSE_SCRIPT, {shard: arguments}, lambda _shard, given, _keys: given)[
                shard
            ]:
                return

    def _close_slices(self, shard: int, closing: _Closing, held: Sequence[HeldList]) -> None:
        """Closes what ends of the lists of one length of slices."""
        end_ms = 1000 * closing.closed_by
        ending = [each for each in held if each.is_journal and each.period.end_ms == end_ms]
        elements = {each: self._read(shard, each, closing) for each in ending}
        journal = Journal.parse(join_rows([part for parts in elements.values() for part in parts]))
        closing.dropped += [each.name for each in ending]
        audiences = self.find_audiences(np.unique(journal.rows["number"]).tolist())
        slice_seconds = held[0].slice_seconds
        known = {each.period.every_seconds: each for each in held if not each.is_journal}
        lengths = known.keys() | {every for each in audiences.values() for every in each}
        for every_seconds in sorted(lengths):
            members = find_members(journal.rows, audiences, every_seconds)
            period = Period.at(end_ms - 1, every_seconds)
            if every_seconds == slice_seconds:
                closing.emit(period, members)
            else:
                self._add(shard, closing, HeldList.of_period(slice_seconds, period), members, journal.removed)

    def _add(
        self, shard: int, closing: _Closing, held: HeldList, members: np.ndarray, removed: np.ndarray
    ) -> None:
        """Adds members of a slice to those of a longer period, and hands all of them over if it ends."""
        ends = 1000 * closing.closed_by == held.period.end_ms
        if not (ends or len(members) or len(removed)):
            return
        before = join_rows(self._read(shard, held, closing))
        left = without(before, removed)
        together = keep_first(np.concatenate([left, members]))
        if ends:
            closing.dropped.append(held.name)
            closing.emit(held.period, together)
        elif len(left) < len(before):
            closing.dropped.append(held.name)
            closing.keep(held, together)
        else:
            closing.keep(held, together[len(left) :])

    def _read(self, shard: int, held: HeldList, closing: _Closing) -> list[bytes]:
        key = f"{audiences_key(shard)}:{held.name}"
        elements: list[bytes] = []
        while True:
            with translated():
                page = self.shards.client.lrange(key, len(elements), len(elements) + ELEMENTS_PER_STEP - 1)
            elements += cast("list[bytes]", page)
            if len(page) < ELEMENTS_PER_STEP:
                break
        closing.lengths += [held.name, len(elements)]
        return elements


def find_rows(shards: AccountShards, account: Account) -> list[tuple[HeldList, int]]:
    """Finds what is held of an account for audiences, by reading all that is held of its shard.

    Returns:
        A list of the shard, and the number of a target, or the series of an audience, for each row.

    Raises:
        StoreBusyError: the store did not answer.
    """
    index = audiences_key(account.shard(shards.count))
    name = np.frombuffer(account.tombstone, "<u8")[0]
    with translated():
        names = [each.decode() for each in cast("list[bytes]", shards.client.hkeys(index)) if b":" in each]
    found = []
    for held in map(HeldList.parse, sorted(names)):
        with translated():
            rows = join_rows(cast("list[bytes]", shards.client.lrange(f"{index}:{held.name}", 0, -1)))
        numbers = rows["number"][(rows["account"] == name) & (rows["number"] < REMOVED)]
        found += [(held, number) for number in numbers.tolist()]
    return found


def _divide(content: bytes) -> list[bytes]:
    return [content[start : start + MAX_ELEMENT_BYTES] for start in range(0, len(content), MAX_ELEMENT_BYTES)]
