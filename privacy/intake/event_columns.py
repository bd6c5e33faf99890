"""The events of a batch by columns, as the door takes them: most batches never become an object an event."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

import numpy as np

from privacy.errors import InvalidInputError
from privacy.intake.event import EVENT_TYPES, Event, EventAttributes, EventType

Key = TypeVar("Key", bound="Hashable")
Value = TypeVar("Value")
Other = TypeVar("Other")
TYPES: tuple[EventType, ...] = tuple(EVENT_TYPES)
_POSITION_OF_TYPE = {name: position for position, name in enumerate(TYPES)}


def factorize(values: Sequence[Key]) -> tuple[list[Key], np.ndarray]:
    """The distinct values in the order of their first rows, and of each row the position of its value.

    Returns:
        k values, and as many integers from 0 to k − 1 as there were values.
    """
    positions: defaultdict[Key, int] = defaultdict(count().__next__)
    position_of = np.fromiter(map(positions.__getitem__, values), np.intp, len(values))
    return list(positions), position_of


@dataclass(frozen=True)
class EventColumns:
    """Events, a row each. What is no event has no row, and its fault at its place among all.

    Args:
        types: positions in `TYPES`: unsigned 8-bit integers.
        account_ids: as `Event.account_id`.
        target_ids: as `Event.target_id`.
        at_ms: as `Event.occurred_at_ms`: 64-bit integers.
        profiles: the distinct ones.
        profile_of: positions in `profiles`.
        private: as `Event.private`: booleans.
        created_ms: `Event.account_created_at_ms` of the rows that have it.
        networks: `Event.network` of the rows that have it.
        faults: what is wrong with what is no event, by its place in the batch.
    """

    types: np.ndarray
    account_ids: Sequence[str]
    target_ids: Sequence[str]
    at_ms: np.ndarray
    profiles: Sequence[EventAttributes]
    profile_of: np.ndarray
    private: np.ndarray
    created_ms: Mapping[int, int] = field(default_factory=dict)
    networks: Mapping[int, str] = field(default_factory=dict)
    faults: Mapping[int, InvalidInputError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = (self.account_ids, self.target_ids, self.at_ms, self.profile_of, self.private)
        if any(len(column) != len(self) for column in columns):
            raise AssertionError("the columns of a batch differ in length")

    def __len__(self) -> int:
        """Number of events."""
        return len(self.types)

    @classmethod
    def of(cls, read: Sequence[Event | InvalidInputError]) -> EventColumns:
        """Take events apart, and what is no event out."""
        events = [item for item in read if isinstance(item, Event)]
        profiles, profile_of = factorize([event.profile for event in events])
        return cls(
            type_column([event.type for event in events]),
            [event.account_id for event in events],
            [event.target_id for event in events],
            np.array([event.occurred_at_ms for event in events], np.int64),
            profiles,
            profile_of,
            np.array([event.private for event in events], np.bool_),
            {
                row: event.account_created_at_ms
                for row, event in enumerate(events)
                if event.account_created_at_ms is not None
            },
            {row: event.network for row, event in enumerate(events) if event.network is not None},
            {place: item for place, item in enumerate(read) if isinstance(item, InvalidInputError)},
        )

    def items(self) -> list[Event | InvalidInputError]:
        """The inverse of `of`."""
        return interleave([self._event(row) for row in range(len(self))], self.faults)

    def profile(self, row: int) -> EventAttributes:
        """The profile of a row."""
        return self.profiles[int(self.profile_of[row])]

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
        )


def type_column(types: Iterable[EventType]) -> np.ndarray:
    """The column of these types."""
    return np.frombuffer(bytes(map(_POSITION_OF_TYPE.__getitem__, types)), np.uint8)


def interleave(rest: Sequence[Value], placed: Mapping[int, Other]) -> list[Value | Other]:
    """Put some values at their places among all, and the rest, in its order, at those that are left."""
    if not placed:
        return [*rest]
    others = iter(rest)
    return [placed[place] if place in placed else next(others) for place in range(len(rest) + len(placed))]
