"""Calculates noise, thresholds and cost of audiences from the policy, independently of the release code.

The formulas are those of `docs/proofs/audiences.md`, implemented a second time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import isqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from privacy.audit.independent_accounting import IndependentAccounting
from privacy.mechanism.accounting import Calibration
from privacy.model.audience import Scope
from privacy.model.engagement import Kind
from privacy.policy.audiences import AudiencePeriod
from privacy.policy.policy import Policy

UNIT: Final = 4096
"""The noise's steps are as fine as this part of an account."""
SECONDS_PER_DAY: Final = 86_400
FIRST_MONDAY_SECONDS: Final = 345_600


@dataclass(frozen=True)
class AudienceReference:
    """Everything that follows from a policy for audiences of one scope and length of period.

    Args:
        policy: the declared policy.
        period: what is measured.
        z: deviations by which an estimate must exceed k.
    """

    policy: Policy
    period: AudiencePeriod
    z: float

    @classmethod
    def list_all(cls, calibrations: Sequence[Calibration]) -> list["AudienceReference"]:
        """Returns one for each period that the policy of the mechanisms declares, if likes are among them."""
        policy = calibrations[0].policy
        likes = [calibration for calibration in calibrations if calibration.kind is Kind.LIKE]
        if policy.audiences is None or not likes:
            return []
        accounting = IndependentAccounting(policy, Kind.LIKE, likes[0].factorisation.coefficients)
        return [cls(policy, period, accounting.z) for period in policy.audiences.periods]

    @property
    def kind(self) -> str:
        """Name of these audiences in releases."""
        every = self.period.every_seconds
        length = f"pt{every}s" if every % SECONDS_PER_DAY else f"p{every // SECONDS_PER_DAY}d"
        return f"{self.period.scope.value}-{length}-{self.policy.version}"

    @cached_property
    def cells(self) -> dict[str, tuple[str, ...]]:
        """Cells of each statistic in the policy's order; the total has one without a name."""
        declared = {each.name: (*each.values, "undisclosed") for each in self.policy.domain.dimensions}
        joint = {
            each.name: tuple(
                "/".join(cells) for cells in product(*(declared[part.name] for part in each.parts))
            )
            for each in (self.policy.audiences.joint_dimensions if self.policy.audiences else ())
        }
        total = {"total": ("",)} if self.period.total else {}
        wanted = {name: cells for name, cells in (declared | joint).items() if name in self.period.breakdowns}
        return total | wanted

    @property
    def places(self) -> dict[str, slice]:
        """Positions of the streams of each statistic."""
        places, start = {}, 0
        for name, cells in self.cells.items():
            places[name] = slice(start, start + len(cells))
            start += len(cells)
        return places

    @property
    def scopes(self) -> int:
        """In how many scopes of this type one engagement can be counted."""
        audiences = self.policy.audiences
        return audiences.hashtags_per_video if audiences and self.period.scope is Scope.HASHTAG else 1

    def rho(self, name: str) -> Fraction:
        """Returns the declared ρ of a statistic."""
        return self.period.breakdowns[name] if name != "total" else self.period.total or Fraction(0)

    def sensitivity_squared(self, name: str) -> int:
        """Returns 1 for a total, 2 for a breakdown, in which an account may move; in steps of the noise."""
        return UNIT * UNIT * (1 if name == "total" else 2)

    @cached_property
    def scales(self) -> dict[str, int]:
        """The smallest noise scale of each statistic with Δ²/2σ² ≤ ρ."""
        found = {}
        for name in self.cells:
            least = Fraction(self.sensitivity_squared(name)) / (2 * self.rho(name))
            root = isqrt(least.__floor__())
            found[name] = next(scale for scale in range(root, root + 3) if scale * scale >= least)
        return found

    @cached_property
    def deviations(self) -> NDArray[np.float64]:
        """The standard deviation of each number, shape (streams,)."""
        widths = [len(cells) for cells in self.cells.values()]
        return np.repeat(np.array([*self.scales.values()], np.float64) / UNIT, widths)

    @property
    def thresholds(self) -> NDArray[np.float64]:
        """The smallest estimate that is shown, shape (streams,)."""
        return self.policy.k + self.z * self.deviations + 1 / UNIT

    def bounds_ms(self, number: int) -> tuple[int, int]:
        """Returns begin and end of a period."""
        every = self.period.every_seconds
        return tuple(1000 * (FIRST_MONDAY_SECONDS + at * every) for at in (number, number + 1))  # type: ignore[return-value] # two

    def streams_of(self, cell: dict[str, str]) -> list[int]:
        """Returns the streams of an account with these values; what is not named is undisclosed."""
        parts = {
            each.name: [part.name for part in each.parts]
            for each in (self.policy.audiences.joint_dimensions if self.policy.audiences else ())
        }
        streams = []
        for name, place in self.places.items():
            values = [cell.get(part, "undisclosed") for part in parts.get(name, [name])]
            label = "" if name == "total" else "/".join(values)
            streams.append(place.start + self.cells[name].index(label))
        return streams
