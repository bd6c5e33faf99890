"""The shape of profiles in events: what the policies of a store declare, and nothing else, is read."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self, cast

import msgspec
from msgspec import UNSET

from privacy.intake.event import PROFILE_FIELDS, EventAttributes, ProfileText
from privacy.intake.profile_values import AGE_BAND
from privacy.intake.taken import Taken
from privacy.model.dimension import HOUR_OF_DAY, NAME_PATTERN
from privacy.policy.policy import Policy

PASSED_OVER: Final = "absent, since no policy declares it"
"""How a member of a profile is taken that no policy declares."""
MAX_NAMED: Final = 8
"""Of one profile."""


@dataclass(frozen=True)
class ProfileShape:
    """The members of a profile that are read.

    Args:
        declared: names of the dimensions that some policy declares. `age_band` is read whether or not one
            does, since it tells children.
    """

    declared: frozenset[str]

    @classmethod
    def of(cls, policies: Iterable[Policy]) -> Self:
        """Return the shape for events about targets of these policies."""
        names = {dimension.name for policy in policies for dimension in policy.domain.dimensions}
        return cls(frozenset({*names, AGE_BAND} - {HOUR_OF_DAY}))

    @cached_property
    def own(self) -> tuple[str, ...]:
        """The declared dimensions that are not among the usual ones, in order of their names."""
        return tuple(sorted(self.declared.difference(PROFILE_FIELDS)))

    @cached_property
    def ignored(self) -> tuple[str, ...]:
        """The usual dimensions that no policy declares."""
        return tuple(name for name in PROFILE_FIELDS if name not in self.declared)

    @cached_property
    def attributes(self) -> type[EventAttributes]:
        """The type of profiles: it has the declared dimensions and the usual ones."""
        if not self.own:
            return EventAttributes
        made = msgspec.defstruct(
            EventAttributes.__name__,
            [(name, ProfileText, UNSET) for name in self.own],
            bases=(EventAttributes,),
            frozen=True,
            gc=False,
            forbid_unknown_fields=True,
        )
        return cast("type[EventAttributes]", made)

    def describe_undeclared(self, names: Iterable[str]) -> tuple[Taken, ...]:
        """Return how the members of a profile were taken that no policy declares.

        Senders choose these names: one that no dimension could have is not repeated, and of many the first
        ones in order are; the others are taken together.
        """
        undeclared = sorted({*names} - self.declared)
        named = [name for name in undeclared if NAME_PATTERN.fullmatch(name)][:MAX_NAMED]
        together = [Taken("profile", PASSED_OVER)] if len(named) < len(undeclared) else []
        return (*together, *(Taken(f"profile.{name}", PASSED_OVER) for name in named))


USUAL_SHAPE: Final = ProfileShape(frozenset(PROFILE_FIELDS))
"""Profiles under policies that declare the usual dimensions and no others."""
