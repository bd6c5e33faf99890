"""Counts different accounts: from the rows of a journal to those of audiences, without a loop over rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from privacy.model.audience import NO_TARGET, REMOVED
from privacy.vault.entries import JOURNAL_ROW

AudiencesOf = Mapping[int, Mapping[int, Sequence[int]]]
"""By number of a target, then by length of the periods, the series of the audiences in which it counts."""


class Journal(NamedTuple):
    """What a slice has counted.

    Args:
        rows: likes of accounts that were not taken out afterwards, in their order.
        removed: accounts that were taken out, also of what earlier slices have counted; ascending.
    """

    rows: np.ndarray
    removed: np.ndarray

    @classmethod
    def parse(cls, rows: np.ndarray) -> Journal:
        """Parse the rows of a journal, of the type `JOURNAL_ROW`."""
        removals = np.flatnonzero(rows["number"] == REMOVED)
        removed, places = np.unique(rows["account"][removals[::-1]], return_index=True)
        last_removal = np.full(len(rows), -1)
        if len(removed):
            place = np.searchsorted(removed, rows["account"]).clip(max=len(removed) - 1)
            is_removed = removed[place] == rows["account"]
            last_removal = np.where(is_removed, removals[::-1][places][place], -1)
        is_kept = (np.arange(len(rows)) > last_removal) & (rows["number"] < min(REMOVED, NO_TARGET))
        return cls(rows[is_kept], removed)


def find_members(rows: np.ndarray, audiences: AudiencesOf, every_seconds: int) -> np.ndarray:
    """Find who is counted in the audiences of one length: the first row of each account in each of them.

    Args:
        rows: likes, in their order.
        audiences: those of every target of the rows, as far as it has any.
        every_seconds: the length of their periods.

    Returns:
        Rows that have the series of an audience in place of a target.
    """
    targets, of_row = np.unique(rows["number"], return_inverse=True)
    lists = [audiences.get(target, {}).get(every_seconds, ()) for target in targets.tolist()]
    width = max(map(len, lists), default=0)
    padded = np.array([[*each, *[0] * (width - len(each))] for each in lists], np.uint32)
    series = padded.reshape(len(lists), width)[of_row].ravel()
    members = np.repeat(rows, width)
    members["number"] = series
    return keep_first(members[series != 0])


def keep_first(members: np.ndarray) -> np.ndarray:
    """Keep the first row of each account in each audience, in their order."""
    order = np.lexsort((members["number"], members["account"]))  # stable
    ordered = members[order]
    is_first = np.ones(len(ordered), np.bool_)
    is_first[1:] = (ordered["account"][1:] != ordered["account"][:-1]) | (
        ordered["number"][1:] != ordered["number"][:-1]
    )
    return members[np.sort(order[is_first])]


def without(members: np.ndarray, removed: np.ndarray) -> np.ndarray:
    """Return the rows of accounts that were not taken out."""
    return members[~np.isin(members["account"], removed)]


def join_rows(elements: Sequence[bytes]) -> np.ndarray:
    """Return the rows of a list."""
    return np.frombuffer(b"".join(elements), JOURNAL_ROW)
