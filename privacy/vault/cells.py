"""From what an event says about its account to the code of a joint cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from privacy.errors import InvalidInputError, PolicyError
from privacy.model.dimension import HOUR_OF_DAY, UNDISCLOSED, Dimension, JointDomain
from privacy.vault.event import PROFILE_FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from privacy.vault.event import Event, Profile

MAX_REMEMBERED = 100_000
"""Profiles that one process remembers for each policy."""
_MS_AN_HOUR = 3_600_000
_HOURS_A_DAY = 24
_LONGEST_LIST_OF_VALUES = 40


class _Ignored(dict[str | UnsetType, int]):
    """A dimension that the policy does not declare: whatever is said adds nothing to the code."""

    def __missing__(self, value: str | UnsetType) -> int:
        return 0


@dataclass(frozen=True)
class CellCoder:
    """Codes the joint cell of an event, as `JointDomain.code` does, at the speed of intake.

    Args:
        domain: may declare fewer dimensions than an event speaks of; what is said of the others is ignored.

    Raises:
        PolicyError: the domain has a dimension that no event speaks of.
    """

    domain: JointDomain
    _profiles: dict[Profile, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for dimension in self.domain.dimensions:
            if dimension.name not in (*PROFILE_FIELDS, HOUR_OF_DAY):
                known = ", ".join((*PROFILE_FIELDS, HOUR_OF_DAY))
                raise PolicyError(f"dimensions.{dimension.name}: no event speaks of it; one of {known}")

    def code(self, event: Event) -> int:
        """Code of the joint cell of an event of a public account.

        Raises:
            InvalidInputError: a value is outside its dimension's domain.
        """
        try:
            said = self._profiles[event.profile]
        except KeyError:
            said = self._said(event.profile)
        return said + self._hours[event.occurred_at_ms // _MS_AN_HOUR % _HOURS_A_DAY]

    def _said(self, profile: Profile) -> int:
        """What a profile adds to a code, and remember it: many accounts share one."""
        try:
            said = sum(
                offsets[getattr(profile, name)]
                for name, offsets in zip(PROFILE_FIELDS, self._offsets, strict=True)
            )
        except KeyError:
            raise self._fault(profile) from None
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
    def _hours(self) -> tuple[int, ...]:
        if HOUR_OF_DAY not in self._declared:
            return (0,) * _HOURS_A_DAY
        dimension, stride = self._declared[HOUR_OF_DAY]
        return tuple(stride * dimension.index[f"{hour:02d}"] for hour in range(_HOURS_A_DAY))

    def _fault(self, profile: Profile) -> InvalidInputError:
        for name, offsets in zip(PROFILE_FIELDS, self._offsets, strict=True):
            value = getattr(profile, name)
            if name in self._declared and value not in offsets:
                values = self._declared[name][0].values
                rule = f"one of {', '.join(values[:_LONGEST_LIST_OF_VALUES])}, or absent"
                return InvalidInputError(f"profile.{name}", f"is {value!r}", rule)
        raise AssertionError("a code fails only for a value outside its domain")
