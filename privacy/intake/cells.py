"""Computes the joint cells of events from the attributes of their accounts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from msgspec import UNSET, UnsetType

from privacy.errors import InvalidInputError
from privacy.intake.event import PROFILE_FIELDS, EventAttributes
from privacy.model.dimension import HOUR_OF_DAY, UNDISCLOSED, Dimension, JointDomain
from privacy.model.timestamp import MS_PER_HOUR

MAX_CACHED_PROFILES = 100_000
"""Profiles that one process caches per policy."""
INVALID_CELL = -1
"""In place of a code: a value is outside its dimension's domain."""
HOURS_PER_DAY = 24
_MAX_VALUES_LISTED = 40


class _Undeclared(dict[str | UnsetType, int]):
    """A dimension that the policy does not declare: any value adds 0 to the code."""

    def __missing__(self, value: str | UnsetType) -> int:
        return 0


@dataclass(frozen=True)
class CellCoder:
    """Computes the joint cells of events like `JointDomain.code`, at the speed of intake.

    Args:
        domain: may declare fewer dimensions than an event has; values of the others are ignored.
    """

    domain: JointDomain
    _profiles: dict[EventAttributes, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def code(self, profile: EventAttributes, at_ms: int) -> int:
        """Return the joint cell of an event of a public account.

        Args:
            profile: of the account.
            at_ms: time of the event, in ms since 1970 UTC.

        Raises:
            InvalidInputError: a value is outside its dimension's domain.
        """
        code = self.profile_code(profile)
        if code == INVALID_CELL:
            raise self.error(profile)
        return code + int(self.hour_codes[at_ms // MS_PER_HOUR % HOURS_PER_DAY])

    def profile_code(self, profile: EventAttributes) -> int:
        """Return a profile's part of a code; `INVALID_CELL` if a value is outside its domain."""
        try:
            return self._profiles[profile]
        except KeyError:
            return self._cached_code(profile)

    def error(self, profile: EventAttributes) -> InvalidInputError:
        """Return the error of a profile whose code is `INVALID_CELL`."""
        for name, offsets in zip(PROFILE_FIELDS, self._offsets, strict=True):
            value = getattr(profile, name)
            if name in self._declared and value not in offsets:
                values = self._declared[name][0].values
                expected = f"one of {', '.join(values[:_MAX_VALUES_LISTED])}, or absent"
                return InvalidInputError(f"profile.{name}", f"is {value!r}", expected)
        raise AssertionError("a code fails only for a value outside its domain")

    def _cached_code(self, profile: EventAttributes) -> int:
        """Compute the amount that a profile adds to a code, and cache it: many accounts share a profile."""
        try:
            code = sum(
                offsets[getattr(profile, name)]
                for name, offsets in zip(PROFILE_FIELDS, self._offsets, strict=True)
            )
        except KeyError:
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
    def _offsets(self) -> tuple[Mapping[str | UnsetType, int], ...]:
        return tuple(self._offsets_of(name) for name in PROFILE_FIELDS)

    def _offsets_of(self, name: str) -> Mapping[str | UnsetType, int]:
        """Return the amount that each declared value adds to a code; an absent value is `undisclosed`."""
        if name not in self._declared:
            return _Undeclared()
        dimension, stride = self._declared[name]
        offsets: dict[str | UnsetType, int] = {
            value: stride * dimension.index[value] for value in dimension.values
        }
        return offsets | {UNSET: stride * dimension.index[UNDISCLOSED]}

    @cached_property
    def hour_codes(self) -> np.ndarray:
        """The amount that each hour of the UTC day adds to a code."""
        if HOUR_OF_DAY not in self._declared:
            return np.zeros(HOURS_PER_DAY, np.int64)
        dimension, stride = self._declared[HOUR_OF_DAY]
        return np.array([stride * dimension.index[f"{hour:02d}"] for hour in range(HOURS_PER_DAY)])
