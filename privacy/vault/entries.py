"""Events past the door, by columns, and as `record.lua` takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from struct import Struct
from typing import Final, NamedTuple

import numpy as np

from privacy.model.change import CHANGE_BITS
from privacy.vault.pseudonym import PSEUDONYM_BYTES, AccountColumns, Pseudonymiser

AdmittedEvent = tuple[str, int, int, int, int]
"""An event past the door: account id, series, occurred_at in ms, change, joint code.

A change is 0 for a like, `Reason.UNLIKED` or `Reason.CORRECTION` for its end, or `TOO_YOUNG`.
"""
TOO_YOUNG = 6
"""A like of an account that is too young to be counted."""

_FIRST_LIKE: Final = 16
"""Flags of a register: one flip, liked, not blocked."""
_TIME_BITS: Final = 48
_LOW_BITS: Final = 32
_PSEUDONYM: Final = np.dtype([("head", "S2"), ("pseudonym", f"V{PSEUDONYM_BYTES}")])
_EVENT: Final = np.dtype(
    [
        ("series_head", "S1"),
        ("series", ">u8"),
        ("register_head", "S2"),
        ("at_low", "<u4"),
        ("at_high", "<u2"),
        ("flags", "u1"),
        ("code", "<u4"),
        ("change", "u1"),
    ]
)
"""Values of MessagePack: a number, a string, and a number below 128, which is its own form."""
_VALUES_PER_EVENT: Final = 3
_GAINED: Final = np.dtype([("series", "<u8"), ("change", "<u4")])
_ARRAY: Final = Struct(">cI")
_ARRAY_HEAD: Final = b"\xdd"
_NUMBER_HEAD: Final = b"\xcf"
_REGISTER_HEAD: Final = b"\xd9\x0b"
_PSEUDONYM_HEAD: Final = b"\xd9\x10"
"""Of a string of 16 bytes: Redis knows no other form for bytes."""


@dataclass(frozen=True)
class EntryColumns:
    """Entries, a row each, in the order in which they take effect.

    Args:
        account_ids: text.
        series: integers, as are all others; 64 bits hold any of them.
        at_ms: from 1970 on, as packed events have no room for others.
        changes: of an `AdmittedEvent`.
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
    def of(cls, entries: Sequence[AdmittedEvent]) -> EntryColumns:
        """Take entries apart."""
        account_ids, *numbers = zip(*entries, strict=True) if entries else ((), (), (), (), ())
        return cls(account_ids, *(np.array(column, np.int64) for column in numbers))


class ShardEntries(NamedTuple):
    """The entries of one shard as `record.lua` takes them.

    Args:
        pseudonyms: a MessagePack array.
        events: a MessagePack array of series, register of a first like, and change of each.
        gained: the change that a first like makes, 12 bytes each.
        tombstones: 8 bytes each.
        formers: the former pseudonyms, 16 bytes each; empty unless a rotation is under way.
    """

    pseudonyms: bytes
    events: bytes
    gained: bytes
    tombstones: bytes
    previous_pseudonyms: bytes


@dataclass(frozen=True)
class PackedEntries:
    """Entries by shard, in their order within each.

    Args:
        keys: under which their accounts are.
        places: of each shard's entries among all: arrays of integers.
        shards: the entries of each.
    """

    keys: Pseudonymiser
    places: Mapping[int, np.ndarray]
    shards: Mapping[int, ShardEntries]

    @classmethod
    def of(cls, entries: EntryColumns, keys: Pseudonymiser, shards: int) -> PackedEntries:
        """Pack entries for a store with so many account shards."""
        accounts = keys.account_columns(entries.account_ids)
        shard_of = accounts.shard_hashes % shards
        order = np.argsort(shard_of, kind="stable")
        ends = np.cumsum(np.bincount(shard_of, minlength=shards)).tolist()
        spans = {shard: slice(*span) for shard, span in enumerate(pairwise([0, *ends])) if span[0] < span[1]}
        pseudonyms, events, gained = (
            _pseudonyms(accounts)[order],
            _events(entries)[order],
            _gained(entries)[order],
        )
        tombstones, previous_pseudonyms = accounts.tombstones[order], accounts.previous_pseudonyms
        if len(previous_pseudonyms):
            previous_pseudonyms = previous_pseudonyms[order]
        return cls(
            keys,
            {shard: order[span] for shard, span in spans.items()},
            {
                shard: ShardEntries(
                    _array(pseudonyms[span], values_a_row=1),
                    _array(events[span], values_a_row=_VALUES_PER_EVENT),
                    gained[span].tobytes(),
                    tombstones[span].tobytes(),
                    previous_pseudonyms[span].tobytes(),
                )
                for shard, span in spans.items()
            },
        )


def _pseudonyms(accounts: AccountColumns) -> np.ndarray:
    rows = np.empty(len(accounts.pseudonyms), _PSEUDONYM)
    rows["head"], rows["pseudonym"] = _PSEUDONYM_HEAD, accounts.pseudonyms
    return rows


def _events(entries: EntryColumns) -> np.ndarray:
    rows = np.empty(len(entries), _EVENT)
    rows["series_head"], rows["series"] = _NUMBER_HEAD, entries.series
    rows["register_head"] = _REGISTER_HEAD
    rows["at_low"], rows["at_high"] = entries.at_ms & (2**_LOW_BITS - 1), entries.at_ms >> _LOW_BITS
    rows["flags"], rows["code"] = _FIRST_LIKE, entries.codes
    rows["change"] = entries.changes
    return rows


def _gained(entries: EntryColumns) -> np.ndarray:
    rows = np.empty(len(entries), _GAINED)
    rows["series"], rows["change"] = entries.series, entries.codes << CHANGE_BITS
    return rows


def _array(rows: np.ndarray, values_a_row: int) -> bytes:
    """A MessagePack array of the values of rows."""
    return _ARRAY.pack(_ARRAY_HEAD, values_a_row * len(rows)) + rows.tobytes()
