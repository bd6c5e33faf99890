"""From what events say about their accounts to the codes of joint cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from msgspec import UNSET, UnsetType

from privacy.errors import InvalidInputError, PolicyError
from privacy.intake.event import PROFILE_FIELDS, EventAttributes
from privacy.model.dimension import HOUR_OF_DAY, UNDISCLOSED, Dimension, JointDomain
from privacy.model.timestamp import MS_PER_HOUR

MAX_REMEMBERED = 100_000
"""Profiles that one process remembers for each policy."""
INVALID_CELL = -1
"""No code: a value is outside its dimension's domain."""
HOURS_PER_DAY = 24
_MAX_VALUES_LISTED = 40


class _Ignored(dict[str | UnsetType, int]):
    """A dimension that the policy does not declare: whatever is said adds nothing to the code."""

    def __missing__(self, value: str | UnsetType) -> int:
        return 0


@dataclass(frozen=True)
class CellCoder:
    """Codes the joint cells of events, as `JointDomain.code` does, at the speed of intake.

    Args:
        domain: may declare fewer dimensions than an event speaks of; what is said of the others is ignored.

    Raises:
        PolicyError: the domain has a dimension that no event speaks of.
    """

    domain: JointDomain
    _profiles: dict[EventAttributes, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for dimension in self.domain.dimensions:
            if dimension.name not in (*PROFILE_FIELDS, HOUR_OF_DAY):
                known = ", ".join((*PROFILE_FIELDS, HOUR_OF_DAY))
                raise PolicyError(f"dimensions.{dimension.name}: no event speaks of it; one of {known}")

    def code(self, profile: EventAttributes, at_ms: int) -> int:
        """Code of the joint cell of what a public account did then, in ms since 1970 UTC.

        Raises:
            InvalidInputError: a value is outside its dimension's domain.
        """
        said = self.said(profile)
        if said == INVALID_CELL:
            raise self.fault(profile)
        return said + int(self.of_hours[at_ms // MS_PER_HOUR % HOURS_PER_DAY])

    def said(self, profile: EventAttributes) -> int:
        """What a profile adds to a code; `INVALID_CELL` if a value is outside its dimension's domain."""
        try:
            return self._profiles[profile]
        except KeyError:
            return self._remembered(profile)

    def fault(self, profile: EventAttributes) -> InvalidInputError:
        """What is wrong with a profile that is `INVALID_CELL`."""
        for name, offsets in zip(PROFILE_FIELDS, self._offsets, strict=True):
            value = getattr(profile, name)
            if name in self._declared and value not in offsets:
                values = self._declared[name][0].values
                rule = f"one of {', '.join(values[:_MAX_VALUES_LISTED])}, or absent"
                return InvalidInputError(f"profile.{name}", f"is {value!r}", rule)
        raise AssertionError("a code fails only for a value outside its domain")

    def _remembered(self, profile: EventAttributes) -> int:
        """What a profile adds, and remember it: many accounts share one."""
        try:
            said = sum(
                offsets[getattr(profile, name)]
                for name, offsets in zip(PROFILE_FIELDS, self._offsets, strict=True)
            )
        except KeyError:
            return INVALID_CELL
        if len(self._profiles) < MAX_REMEMBERED:
            self._profiles[profile] = said
        return said

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
        """What each declared value of a dimension adds to a code; `undisclosed` is said by silence alone."""
        if name not in self._declared:
            return _Ignored()
        dimension, stride = self._declared[name]
        offsets: dict[str | UnsetType, int] = {
            value: stride * dimension.index[value] for value in dimension.values
        }
        return offsets | {UNSET: stride * dimension.index[UNDISCLOSED]}

    @cached_property
    def of_hours(self) -> np.ndarray:
        """What each hour of UTC adds to a code."""
        if HOUR_OF_DAY not in self._declared:
            return np.zeros(HOURS_PER_DAY, np.int64)
        dimension, stride = self._declared[HOUR_OF_DAY]
        return np.array([stride * dimension.index[f"{hour:02d}"] for hour in range(HOURS_PER_DAY)])
