"""Events that passed admission, by columns, and as `record.lua` takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec
import numpy as np

from privacy.model.audience import NO_TARGET
from privacy.model.change import CHANGE_BITS
from privacy.model.engagement import KINDS_PER_TARGET
from privacy.vault.pseudonym import PSEUDONYM_BYTES, AccountColumns, Pseudonymiser
from privacy.vault.shards import ScriptArguments

AdmittedEvent = tuple[str, int, int, int, int]
"""An event past admission: account id, series, occurred_at in ms, change, joint code.

A change is 0 for a like, `Reason.UNLIKED` or `Reason.CORRECTION` for its end, `UNTIMED` or `TOO_YOUNG`.
"""
UNTIMED = 14
"""A like that has no time of its own: the burst rule, which compares times, does not see it."""
TOO_YOUNG = 15
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
_GAIN: Final = np.dtype([("series", "<u8"), ("change", "<u4")])
JOURNAL_ROW: Final = np.dtype([("account", "<u8"), ("number", "<u4"), ("code", "<u4")])
"""What is held for audiences, see `audiences.lua`: the number is a target's, or the series of an audience."""
_NO_SLICES: Final[Mapping[int, int]] = MappingProxyType({})
_ARRAY_HEAD: Final = b"\xdd"
_NUMBER_HEAD: Final = b"\xcf"
_REGISTER_HEAD: Final = b"\xd9\x0b"
_PSEUDONYM_HEAD: Final = b"\xd9\x10"
"""Of a string of 16 bytes: Redis decodes no other form of bytes."""


class ShardEvents(NamedTuple):
    """The events of one shard.

    Args:
        rows: their indices among all events, ascending.
        arguments: those of `record.lua` that hold events.
    """

    rows: np.ndarray
    arguments: ScriptArguments


@dataclass(frozen=True)
class AdmittedEvents:
    """Events past admission, a row each, in the order in which they take effect.

    Args:
        account_ids: text.
        series: integers, as are all others; 64 bits hold any of them.
        at_ms: from 1970 on, as packed events have no room for others.
        changes: of an `AdmittedEvent`.
        codes: of joint cells.
        slices: lengths of the slices in which an event counts in audiences, in seconds; 0 for one that counts
            in none.
    """

    account_ids: Sequence[str]
    series: np.ndarray
    at_ms: np.ndarray
    changes: np.ndarray
    codes: np.ndarray
    slices: np.ndarray

    def __post_init__(self) -> None:
        columns = (self.series, self.at_ms, self.changes, self.codes, self.slices)
        if any(len(column) != len(self) for column in columns):
            raise AssertionError("the columns of events differ in length")
        if (self.at_ms >> _TIME_BITS).any():
            raise AssertionError(f"the time of an event does not fit {_TIME_BITS} bits")

    def __len__(self) -> int:
        """Returns the number of events."""
        return len(self.account_ids)

    @classmethod
    def from_events(
        cls, events: Sequence[AdmittedEvent], slices: Mapping[int, int] = _NO_SLICES
    ) -> AdmittedEvents:
        """Takes events apart into columns.

        Args:
            events: the events.
            slices: by series, those in which an event counts in audiences.
        """
        account_ids, *numbers = zip(*events, strict=True) if events else ((), (), (), (), ())
        columns = (*numbers, [slices.get(event[1], 0) for event in events])
        return cls(account_ids, *(np.array(column, np.int64) for column in columns))

    def pack(self, keys: Pseudonymiser, shards: int) -> dict[int, ShardEvents]:
        """Packs the events by shard, in their order within each.

        Args:
            keys: name the accounts.
            shards: number of account shards of the store.
        """
        accounts = keys.pseudonymise_columns(self.account_ids)
        shard_of = accounts.shard_hashes % shards
        order = np.argsort(shard_of, kind="stable")
        ends = np.cumsum(np.bincount(shard_of, minlength=shards)).tolist()
        pseudonyms, events, gains = (
            _pack_pseudonyms(accounts)[order],
            self._pack_events()[order],
            self._pack_gains()[order],
        )
        tombstones, previous = accounts.tombstones[order], accounts.previous_pseudonyms
        if len(previous):
            previous = previous[order]
        journals = {
            seconds: self._pack_rows(seconds, accounts.tombstones)[order] for seconds in self._lengths
        }
        packed = {}
        for shard, (start, end) in enumerate(pairwise([0, *ends])):
            if start < end:
                span = slice(start, end)
                arguments = {
                    "pseudonyms": _encode_array(pseudonyms[span], values_per_row=1),
                    "events": _encode_array(events[span], values_per_row=_VALUES_PER_EVENT),
                    "gains": gains[span].tobytes(),
                    "tombstones": tombstones[span].tobytes(),
                    "previous": previous[span].tobytes(),
                    "journals": [
                        part
                        for seconds, rows in journals.items()
                        for part in (str(seconds), rows[span].tobytes())
                    ],
                }
                packed[shard] = ShardEvents(order[span], arguments)
        return packed

    def _pack_events(self) -> np.ndarray:
        rows = np.empty(len(self), _EVENT)
        rows["series_head"], rows["series"] = _NUMBER_HEAD, self.series
        rows["register_head"] = _REGISTER_HEAD
        rows["at_low"], rows["at_high"] = self.at_ms & (2**_LOW_BITS - 1), self.at_ms >> _LOW_BITS
        rows["flags"], rows["code"] = _FIRST_LIKE, self.codes
        rows["change"] = self.changes
        return rows

    @property
    def _lengths(self) -> list[int]:
        """The lengths of slices in which any event counts."""
        return [seconds for seconds in np.unique(self.slices).tolist() if seconds]

    def _pack_rows(self, seconds: int, tombstones: np.ndarray) -> np.ndarray:
        """Packs a row of a journal for each event."""
        rows = np.empty(len(self), JOURNAL_ROW)
        rows["account"] = np.ascontiguousarray(tombstones).view("<u8")
        rows["number"] = np.where(self.slices == seconds, self.series // KINDS_PER_TARGET, NO_TARGET)
        rows["code"] = self.codes
        return rows

    def _pack_gains(self) -> np.ndarray:
        rows = np.empty(len(self), _GAIN)
        rows["series"], rows["change"] = self.series, self.codes << CHANGE_BITS
        return rows


def _pack_pseudonyms(accounts: AccountColumns) -> np.ndarray:
    rows = np.empty(len(accounts.pseudonyms), _PSEUDONYM)
    rows["head"], rows["pseudonym"] = _PSEUDONYM_HEAD, accounts.pseudonyms
    return rows


def _encode_array(rows: np.ndarray, values_per_row: int) -> msgspec.Raw:
    """Encodes the values of rows as one MessagePack array."""
    return msgspec.Raw(_ARRAY_HEAD + (values_per_row * len(rows)).to_bytes(4, "big") + rows.tobytes())
