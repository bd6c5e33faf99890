"""Events past the door, by columns, and as `record.lua` takes them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from privacy.model.change import CHANGE_BITS
from privacy.vault.pseudonym import PSEUDONYM_BYTES, TOMBSTONE_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from privacy.vault.pseudonym import Pseudonymiser

Entry = tuple[str, int, int, int, int]
"""An event past the door: account id, series, occurred_at in ms, change, joint code.

A change is 0 for a like, `Reason.UNLIKED` or `Reason.CORRECTION` for its end, or `TOO_YOUNG`.
"""
TOO_YOUNG = 6
"""A like of an account that is too young to be counted."""

_FIRST_LIKE: Final = 16
"""Flags of a register: one flip, liked, not blocked."""
_TIME_BITS: Final = 48
_LOW_BITS: Final = 32
_EVENT: Final = np.dtype(
    [
        ("pseudonym", f"V{PSEUDONYM_BYTES}"),
        ("tombstone", f"V{TOMBSTONE_BYTES}"),
        ("series", "<u8"),
        ("gained", "<u4"),
        ("at_low", "<u4"),
        ("at_high", "<u2"),
        ("flags", "u1"),
        ("code", "<u4"),
        ("change", "u1"),
    ]
)


@dataclass(frozen=True)
class EntryColumns:
    """Entries, a row each, in the order in which they take effect.

    Args:
        account_ids: text.
        series: integers, as are all others; 64 bits hold any of them.
        at_ms: from 1970 on, as packed events have no room for others.
        changes: of an `Entry`.
        codes: of joint cells.
    """

    account_ids: Sequence[str]
    series: np.ndarray
    at_ms: np.ndarray
    changes: np.ndarray
    codes: np.ndarray

    def __post_init__(self) -> None:
        if any(len(column) != len(self) for column in (self.series, self.at_ms, self.changes, self.codes)):
            raise AssertionError("the columns of entries differ in length")
        if (self.at_ms >> _TIME_BITS).any():
            raise AssertionError(f"the time of an entry does not fit {_TIME_BITS} bits")

    def __len__(self) -> int:
        """Number of entries."""
        return len(self.account_ids)

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> EntryColumns:
        """Take entries apart."""
        account_ids, *numbers = zip(*entries, strict=True) if entries else ((), (), (), (), ())
        return cls(account_ids, *(np.array(column, np.int64) for column in numbers))


@dataclass(frozen=True)
class PackedEntries:
    """Entries by shard, in their order within each.

    Args:
        keys: under which their accounts are.
        places: of each shard's entries among all: arrays of integers.
        _events: of each shard.
        _formers: the former pseudonyms of their accounts; empty unless a rotation is under way.
    """

    keys: Pseudonymiser
    places: Mapping[int, np.ndarray]
    _events: Mapping[int, np.ndarray]
    _formers: Mapping[int, np.ndarray]

    @classmethod
    def of(cls, entries: EntryColumns, keys: Pseudonymiser, shards: int) -> PackedEntries:
        """Pack entries for a store with so many account shards."""
        if not len(entries):
            return cls(keys, {}, {}, {})
        accounts = keys.account_columns(entries.account_ids)
        events = np.empty(len(entries), _EVENT)
        events["pseudonym"] = accounts.pseudonyms
        events["tombstone"] = accounts.tombstones
        events["series"] = entries.series
        events["gained"] = entries.codes << CHANGE_BITS
        events["at_low"] = entries.at_ms & (2**_LOW_BITS - 1)
        events["at_high"] = entries.at_ms >> _LOW_BITS
        events["flags"] = _FIRST_LIKE
        events["code"] = entries.codes
        events["change"] = entries.changes
        shard_of = accounts.spreads % shards
        order = np.argsort(shard_of, kind="stable")
        ends = np.cumsum(np.bincount(shard_of, minlength=shards)).tolist()
        spans = {shard: slice(*span) for shard, span in enumerate(pairwise([0, *ends])) if span[0] < span[1]}

        def by_shard(column: np.ndarray) -> dict[int, np.ndarray]:
            return {shard: column[span] for shard, span in spans.items()}

        formers = by_shard(accounts.formers.take(order)) if len(accounts.formers) else {}
        return cls(keys, by_shard(order), by_shard(events.take(order)), formers)

    def events(self, shard: int) -> bytes:
        """The events of a shard, 48 bytes each."""
        return self._events[shard].tobytes()

    def formers(self, shard: int) -> bytes:
        """The former pseudonyms of a shard's events, 16 bytes each; empty unless a rotation is under way."""
        return self._formers[shard].tobytes() if self._formers else b""
