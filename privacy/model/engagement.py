"""The vocabulary of counting: kinds, reasons, verdicts, and the number of a series."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import NamedTuple


class TargetType(Enum):
    """The types of targets, as spelled in the API and in the gallery's keys."""

    VIDEO = "video"
    CREATOR = "creator"


class Kind(IntEnum):
    """The kinds of engagement. The number is part of stored keys: never renumber."""

    LIKE = 0
    FAVORITE = 1
    FOLLOW = 2

    @property
    def label(self) -> str:
        """The name as spelled in the API."""
        return self.name.lower()

    @property
    def target_type(self) -> TargetType:
        """The type of target: creators are followed, videos are liked and kept as favourites."""
        return TargetType.CREATOR if self is Kind.FOLLOW else TargetType.VIDEO


class Reason(IntEnum):
    """Why an engagement is no longer counted.

    The number is stored, in three bits of a register: it is at most 7, and never changes its meaning.
    """

    UNLIKED = 1
    INAUTHENTIC = 2
    ACCOUNT = 3
    POLICY = 4
    CORRECTION = 5

    @property
    def label(self) -> str:
        """The name as spelled in the API."""
        return self.name.lower()


class Verdict(Enum):
    """The outcome of one event, as spelled in the API."""

    COUNTED = "counted"
    UNCOUNTED = "uncounted"
    DUPLICATE = "duplicate"
    LATE = "late"
    OVER_CAP = "over_cap"
    DROPPED_CHILD = "dropped_child"
    ACCOUNT_CLOSED = "account_closed"
    UNKNOWN_TARGET = "unknown_target"
    INVALID = "invalid"


class Series(NamedTuple):
    """The engagements of one kind with one target: the unit that has a log, a schedule and releases.

    Args:
        target: number assigned to the target at registration; `target % target_shards` is its shard.
        kind: kind of engagement.
    """

    target: int
    kind: Kind

    @property
    def number(self) -> int:
        """Target and kind in one integer below 2**48, as stored."""
        return self.target * KINDS_PER_TARGET + self.kind

    @classmethod
    def from_number(cls, number: int) -> Series:
        """Return the series with this number, the inverse of `number`."""
        target, kind = divmod(number, KINDS_PER_TARGET)
        return cls(target, Kind(kind))


KINDS_PER_TARGET = 4
"""Number of kinds that a series number has room for; part of stored keys."""
