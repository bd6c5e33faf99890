"""The audiences that a policy declares: what is counted, over which periods, and what each number costs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import gcd
from types import MappingProxyType

from privacy.errors import PolicyError
from privacy.model.audience import Scope
from privacy.model.dimension import JointDimension, JointDomain
from privacy.model.timestamp import SECONDS_PER_DAY


@dataclass(frozen=True)
class AudiencePeriod:
    """The numbers of a scope that are measured once, when a period has ended.

    Args:
        scope: what the audience is an audience of.
        every_seconds: length of the period.
        total: rho of the number of accounts, for a change of 1; None if it is not measured.
        breakdowns: rho of each breakdown by a dimension or a joint dimension, for a change of √2 in l2: one
            engagement may move an account from one cell to another.
    """

    scope: Scope
    every_seconds: int
    total: Fraction | None
    breakdowns: Mapping[str, Fraction]

    def __post_init__(self) -> None:
        object.__setattr__(self, "breakdowns", MappingProxyType(dict(self.breakdowns)))
        where = f"audiences.{self.scope.value}"
        if not MIN_PERIOD_SECONDS <= self.every_seconds <= MAX_PERIOD_SECONDS:
            raise PolicyError(
                f"{where}.every_seconds: is {self.every_seconds!r}; a whole number of seconds from "
                f"{MIN_PERIOD_SECONDS} to {MAX_PERIOD_SECONDS}"
            )
        if self.total is None and not self.breakdowns:
            raise PolicyError(f"{where}: measures nothing; a total or a breakdown")
        for field, rho in self._parts.items():
            if rho <= 0:
                raise PolicyError(f"{where}.{field}: is {float(rho)}; a rho above 0")

    @property
    def _parts(self) -> dict[str, Fraction]:
        total = {} if self.total is None else {"total": self.total}
        return total | {f"breakdowns.{name}": rho for name, rho in self.breakdowns.items()}

    @cached_property
    def rho(self) -> Fraction:
        """Cost of one engagement in one scope: all numbers of the period together."""
        return sum(self._parts.values(), Fraction(0))

    @property
    def streams_touched(self) -> int:
        """Return how many streams of a scope an engagement can change: total, two cells of a breakdown."""
        return (self.total is not None) + 2 * len(self.breakdowns)


@dataclass(frozen=True)
class Audiences:
    """All audiences of a policy. They count likes of videos.

    Args:
        hashtags_per_video: how many hashtags of a video count, the first in canonical order.
        joint_dimensions: dimensions that are made of others.
        periods: at most one for each scope and length.
    """

    hashtags_per_video: int
    joint_dimensions: tuple[JointDimension, ...]
    periods: tuple[AudiencePeriod, ...]

    def __post_init__(self) -> None:
        if not 1 <= self.hashtags_per_video <= MAX_HASHTAGS_PER_VIDEO:
            raise PolicyError(
                f"audiences.hashtags_per_video: is {self.hashtags_per_video!r}; a whole number from 1 to "
                f"{MAX_HASHTAGS_PER_VIDEO}"
            )
        if not self.periods:
            raise PolicyError("audiences: have no period; at least one, or leave the table out")
        named = [(period.scope, period.every_seconds) for period in self.periods]
        for scope, every_seconds in named:
            if named.count((scope, every_seconds)) > 1:
                raise PolicyError(
                    f"audiences.{scope.value}: has two periods of {every_seconds} seconds; one of each length"
                )
        if self.slice_seconds < MIN_PERIOD_SECONDS:
            raise PolicyError(
                f"audiences.every_seconds: have {self.slice_seconds} as their greatest common divisor; at "
                f"least {MIN_PERIOD_SECONDS}, since all periods are closed in slices of that length"
            )

    @property
    def slice_seconds(self) -> int:
        """The greatest length of which all periods are made: what they count is settled slice by slice."""
        return gcd(*(period.every_seconds for period in self.periods))

    def check_dimensions(self, domain: JointDomain) -> None:
        """Check that breakdowns are by declared dimensions, and joint dimensions have names of their own.

        Raises:
            PolicyError: they are not.
        """
        names = {dimension.name for dimension in domain.dimensions}
        for joint in self.joint_dimensions:
            if joint.name in names:
                raise PolicyError(
                    f"audiences.joint_dimensions.{joint.name}: is the name of a declared dimension; another "
                    f"name than {', '.join(sorted(names))}"
                )
            names.add(joint.name)
        for period in self.periods:
            if unknown := sorted(set(period.breakdowns) - names):
                raise PolicyError(
                    f"audiences.{period.scope.value}.breakdowns: are for {unknown}; declared dimensions, "
                    f"{sorted(names)}"
                )

    @cached_property
    def dimension_names(self) -> set[str]:
        """Names of the dimensions by which audiences are broken down, alone or jointly."""
        parts = {joint.name: [part.name for part in joint.parts] for joint in self.joint_dimensions}
        used = (name for period in self.periods for name in period.breakdowns)
        return {part for name in used for part in parts.get(name, [name])}

    def scopes_per_engagement(self, scope: Scope) -> int:
        """Return in how many scopes of this type one engagement can be counted."""
        return self.hashtags_per_video if scope is Scope.HASHTAG else 1

    @cached_property
    def rho(self) -> Fraction:
        """Cost of one engagement: it is first counted in one period of each length.

        It touches at most one creator, one sound, the platform, and the hashtags that count.
        """
        costs = (self.scopes_per_engagement(period.scope) * period.rho for period in self.periods)
        return sum(costs, Fraction(0))

    @property
    def streams_touched(self) -> int:
        """Return how many streams one engagement can change, over all scopes."""
        return sum(
            self.scopes_per_engagement(period.scope) * period.streams_touched for period in self.periods
        )

    def compress(self, by: int) -> "Audiences":
        """Return the same audiences with periods that are shorter by the given factor.

        Raises:
            PolicyError: a period cannot be divided.
        """
        for period in self.periods:
            if period.every_seconds % by:
                raise PolicyError(
                    f"sandbox.compress_schedule_by: is {by}; a divisor of every audience's period, such as "
                    f"of {period.every_seconds}"
                )
        if self.slice_seconds < by * MIN_PERIOD_SECONDS:
            raise PolicyError(
                f"sandbox.compress_schedule_by: is {by}; at most {self.slice_seconds // MIN_PERIOD_SECONDS}, "
                f"so that {self.slice_seconds} seconds of audiences last {MIN_PERIOD_SECONDS} at least"
            )
        periods = (replace(period, every_seconds=period.every_seconds // by) for period in self.periods)
        return replace(self, periods=tuple(periods))


MAX_HASHTAGS_PER_VIDEO = 30
MIN_PERIOD_SECONDS = 60
"""Each period is released, even if nothing was counted: after a gap, one of these for each minute missed."""
MAX_PERIOD_SECONDS = 366 * SECONDS_PER_DAY
