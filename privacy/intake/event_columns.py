"""The events of a batch in columns: most batches never become one object per event."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

import numpy as np

from privacy.errors import InvalidInputError
from privacy.intake.event import EVENT_TYPES, Event, EventAttributes, EventType
from privacy.intake.taken import Taken

Key = TypeVar("Key", bound="Hashable")
Value = TypeVar("Value")
Other = TypeVar("Other")
TYPES: tuple[EventType, ...] = tuple(EVENT_TYPES)
_TYPE_INDEX = {name: index for index, name in enumerate(TYPES)}


def factorize(values: Sequence[Key]) -> tuple[list[Key], np.ndarray]:
    """Encode values as indices into their distinct values, like `pandas.factorize`.

    Returns:
        The k distinct values in the order of their first occurrence, and one index from 0 to k − 1 per value.
    """
    index_of: defaultdict[Key, int] = defaultdict(count().__next__)
    indices = np.fromiter(map(index_of.__getitem__, values), np.intp, len(values))
    return list(index_of), indices


@dataclass(frozen=True)
class EventColumns:
    """Events, one per row; an invalid item has no row, but an error at its index in the batch.

    Args:
        types: indices into `TYPES`: unsigned 8-bit integers.
        account_ids: as `Event.account_id`.
        target_ids: as `Event.target_id`.
        at_ms: as `Event.occurred_at_ms`: 64-bit integers.
        profiles: the distinct profiles.
        profile_index: indices into `profiles`.
        private: as `Event.private`: booleans.
        created_ms: `Event.account_created_at_ms` of the rows that have it.
        networks: `Event.network` of the rows that have it.
        taken: `Event.taken` of the rows that have it.
        errors: errors of invalid items, by index in the batch.
    """

    types: np.ndarray
    account_ids: Sequence[str]
    target_ids: Sequence[str]
    at_ms: np.ndarray
    profiles: Sequence[EventAttributes]
    profile_index: np.ndarray
    private: np.ndarray
    created_ms: Mapping[int, int] = field(default_factory=dict)
    networks: Mapping[int, str] = field(default_factory=dict)
    taken: Mapping[int, tuple[Taken, ...]] = field(default_factory=dict)
    errors: Mapping[int, InvalidInputError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = (self.account_ids, self.target_ids, self.at_ms, self.profile_index, self.private)
        if any(len(column) != len(self) for column in columns):
            raise AssertionError("the columns of a batch differ in length")

    def __len__(self) -> int:
        """Number of events."""
        return len(self.types)

    @classmethod
    def from_events(cls, items: Sequence[Event | InvalidInputError]) -> EventColumns:
        """Convert the items of a batch."""
        events = [item for item in items if isinstance(item, Event)]
        profiles, profile_index = factorize([event.profile for event in events])
        return cls(
            type_column([event.type for event in events]),
            [event.account_id for event in events],
            [event.target_id for event in events],
            np.array([event.occurred_at_ms for event in events], np.int64),
            profiles,
            profile_index,
            np.array([event.private for event in events], np.bool_),
            {
                row: event.account_created_at_ms
                for row, event in enumerate(events)
                if event.account_created_at_ms is not None
            },
            {row: event.network for row, event in enumerate(events) if event.network is not None},
            {row: event.taken for row, event in enumerate(events) if event.taken},
            {index: item for index, item in enumerate(items) if isinstance(item, InvalidInputError)},
        )

    def to_events(self) -> list[Event | InvalidInputError]:
        """Return the items of the batch: the inverse of `from_events`."""
        return interleave([self._event(row) for row in range(len(self))], self.errors)

    def profile(self, row: int) -> EventAttributes:
        """Return the profile of a row."""
        return self.profiles[int(self.profile_index[row])]

    def _event(self, row: int) -> Event:
        return Event(
            TYPES[self.types[row]],
            self.account_ids[row],
            self.target_ids[row],
            int(self.at_ms[row]),
            self.profile(row),
            bool(self.private[row]),
            self.created_ms.get(row),
            self.networks.get(row),
            self.taken.get(row, ()),
        )


def type_column(types: Iterable[EventType]) -> np.ndarray:
    """Return the column of event types."""
    return np.frombuffer(bytes(map(_TYPE_INDEX.__getitem__, types)), np.uint8)


def interleave(rest: Sequence[Value], by_index: Mapping[int, Other]) -> list[Value | Other]:
    """Return a list with some values at their indices, and the rest in order at the other indices."""
    if not by_index:
        return [*rest]
    others = iter(rest)
    return [
        by_index[index] if index in by_index else next(others) for index in range(len(rest) + len(by_index))
    ]
