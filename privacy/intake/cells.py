"""Computes the joint cells of events from the attributes of their accounts."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from msgspec import UNSET

from privacy.errors import InvalidInputError
from privacy.intake.event import EventAttributes
from privacy.intake.profile_values import AGE_BAND, ProfileReader, ProfileValue
from privacy.intake.taken import Taken
from privacy.model.dimension import HOUR_OF_DAY, JOINT_CODE_BITS, UNDISCLOSED, Dimension, JointDomain
from privacy.model.timestamp import MS_PER_HOUR

MAX_CACHED_PROFILES = 100_000
"""Profiles that one process caches per policy."""
INVALID_CELL = -1
"""In place of a code: an age band could be a child's."""
HOURS_PER_DAY = 24
CODE_MASK = (1 << JOINT_CODE_BITS) - 1
"""The bits of a profile's part of a code; the higher ones say that a value was taken as another one."""
_TAKEN = 1 << 32
_REFUSED = 1 << 48
_MAX_VALUES_LISTED = 40


class _Offsets(dict[ProfileValue, int]):
    """The amount that each value of a dimension adds to a code; those of unlisted values are computed."""

    def __init__(self, reader: ProfileReader, stride: int) -> None:
        self.reader = reader
        self._cells = {cell: stride * position for cell, position in reader.dimension.index.items()}
        listed: dict[ProfileValue, int] = {value: self._cells[value] for value in reader.dimension.values}
        super().__init__(listed | dict.fromkeys([UNSET, None], self._cells[UNDISCLOSED]))

    def __missing__(self, value: ProfileValue) -> int:
        """Read another value; the result is not kept, since senders choose the texts."""
        cell = self.reader.read(value)
        return _REFUSED if cell is None else _TAKEN + self._cells[cell]


@dataclass(frozen=True)
class CellCoder:
    """Computes the joint cells of events like `JointDomain.code`, at the speed of intake.

    Args:
        domain: may declare other dimensions than a profile has: what it does not declare is ignored, and what
            a profile does not have is undisclosed.
        dropped_age_bands: if there are any, an age band that could be a child's has no cell.
    """

    domain: JointDomain
    dropped_age_bands: Collection[str] = ()
    _profiles: dict[EventAttributes, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def code(self, profile: EventAttributes, at_ms: int) -> int:
        """Return the joint cell of an event of a public account.

        Args:
            profile: of the account.
            at_ms: time of the event, in ms since 1970 UTC.

        Raises:
            InvalidInputError: the age band could be a child's.
        """
        code = self.profile_code(profile)
        if code == INVALID_CELL:
            raise self.error(profile)
        return (code & CODE_MASK) + int(self.hour_codes[at_ms // MS_PER_HOUR % HOURS_PER_DAY])

    def profile_code(self, profile: EventAttributes) -> int:
        """Return a profile's part of a code, with bits above `CODE_MASK` if a value was taken as another one.

        Returns:
            `INVALID_CELL` if the age band could be a child's.
        """
        try:
            return self._profiles[profile]
        except KeyError:
            return self._cached_code(profile)

    def error(self, profile: EventAttributes) -> InvalidInputError:
        """Return the error of a profile whose code is `INVALID_CELL`."""
        values = self._declared[AGE_BAND][0].values
        expected = f"one of {', '.join(values[:_MAX_VALUES_LISTED])}, or absent"
        return InvalidInputError(
            f"profile.{AGE_BAND}", f"is {profile.age_band!r}, which could be a child's", expected
        )

    def takings(self, profile: EventAttributes) -> list[Taken]:
        """Return how the values were taken that are not spelled as the policy lists them."""
        values = ((name, offsets, getattr(profile, name, UNSET)) for name, offsets in self._offsets_by_name)
        return [
            Taken(f"profile.{name}", offsets.reader.read(value) or UNDISCLOSED)
            for name, offsets, value in values
            if value not in offsets
        ]

    def _cached_code(self, profile: EventAttributes) -> int:
        """Compute the amount that a profile adds to a code, and cache it: many accounts share a profile."""
        code = sum(offsets[getattr(profile, name, UNSET)] for name, offsets in self._offsets_by_name)
        if code >= _REFUSED:
            return INVALID_CELL
        if len(self._profiles) < MAX_CACHED_PROFILES:
            self._profiles[profile] = code
        return code

    @cached_property
    def _declared(self) -> Mapping[str, tuple[Dimension, int]]:
        dimensions = self.domain.dimensions
        return {
            dimension.name: (dimension, stride)
            for dimension, stride in zip(dimensions, self.domain.strides, strict=True)
        }

    @cached_property
    def _offsets_by_name(self) -> tuple[tuple[str, _Offsets], ...]:
        has_children = bool(self.dropped_age_bands)
        return tuple(
            (name, _Offsets(ProfileReader(dimension, has_children), stride))
            for name, (dimension, stride) in self._declared.items()
            if name != HOUR_OF_DAY
        )

    @cached_property
    def hour_codes(self) -> np.ndarray:
        """The amount that each hour of the UTC day adds to a code."""
        if HOUR_OF_DAY not in self._declared:
            return np.zeros(HOURS_PER_DAY, np.int64)
        dimension, stride = self._declared[HOUR_OF_DAY]
        return np.array([stride * dimension.index[f"{hour:02d}"] for hour in range(HOURS_PER_DAY)])
