"""The words for what is counted: kinds, reasons, verdicts, and the number of a series."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import NamedTuple


class TargetType(Enum):
    """What is engaged with, as it is spelled outside and in the gallery's keys."""

    VIDEO = "video"
    CREATOR = "creator"


class Kind(IntEnum):
    """What an account does to a target. The number is part of stored keys: never renumber."""

    LIKE = 0
    FAVORITE = 1
    FOLLOW = 2

    @property
    def label(self) -> str:
        """As it is spelled outside."""
        return self.name.lower()

    @property
    def target_type(self) -> TargetType:
        """What it is done to: creators are followed, videos are liked and kept as favourites."""
        return TargetType.CREATOR if self is Kind.FOLLOW else TargetType.VIDEO


class Reason(IntEnum):
    """Why an engagement is no longer counted. The number is part of stored registers: never renumber."""

    UNLIKED = 1
    INAUTHENTIC = 2
    ACCOUNT = 3
    POLICY = 4
    CORRECTION = 5

    @property
    def label(self) -> str:
        """As it is spelled outside."""
        return self.name.lower()


class Verdict(Enum):
    """What became of one event, as it is spelled outside."""

    COUNTED = "counted"
    UNCOUNTED = "uncounted"
    DUPLICATE = "duplicate"
    LATE = "late"
    OVER_CAP = "over_cap"
    DROPPED_CHILD = "dropped_child"
    CLOSED = "closed"
    UNKNOWN_TARGET = "unknown_target"
    INVALID = "invalid"


class Series(NamedTuple):
    """One target's engagements of one kind: what has a register field, a log, a schedule and releases.

    Args:
        target: number given to the target when it was registered; `target % target_shards` is its shard.
        kind: what is counted.
    """

    target: int
    kind: Kind

    @property
    def number(self) -> int:
        """Both in one integer below 2**48, as stored."""
        return self.target * KINDS_PER_TARGET + self.kind

    @classmethod
    def from_number(cls, number: int) -> Series:
        """The inverse of `number`."""
        target, kind = divmod(number, KINDS_PER_TARGET)
        return cls(target, Kind(kind))


KINDS_PER_TARGET = 4
"""Room for kinds in a series number; part of stored keys."""
