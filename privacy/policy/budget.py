"""The zCDP budget of one engagement of one kind, split over its statistics. Exact numbers only."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from types import MappingProxyType

from privacy.errors import PolicyError


@dataclass(frozen=True)
class Budget:
    """The split of the rho of one engagement.

    Args:
        kind: label of the kind, for messages.
        rho: whole budget per engagement, over all statistics and epochs.
        total: share of the total.
        removals: share of the removals by reason.
        reserve: share kept for later cross-breakdowns.
        breakdowns: share of each declared dimension; cells of one breakdown compose in parallel.
    """

    kind: str
    rho: Fraction
    total: Fraction
    removals: Fraction
    reserve: Fraction
    breakdowns: Mapping[str, Fraction]

    def __post_init__(self) -> None:
        object.__setattr__(self, "breakdowns", MappingProxyType(dict(self.breakdowns)))
        where = f"budgets.{self.kind}"
        measured = {"total": self.total, "removals": self.removals} | {
            f"breakdowns.{name}": rho for name, rho in self.breakdowns.items()
        }
        for field, rho in measured.items():
            if rho <= 0:
                raise PolicyError(f"{where}.{field}: is {float(rho)}; a rho above 0")
        if self.reserve < 0:
            raise PolicyError(f"{where}.reserve: is {float(self.reserve)}; a rho of 0 or more")
        spent = sum(measured.values(), self.reserve)
        if spent != self.rho:
            raise PolicyError(
                f"{where}.rho: is {float(self.rho)}, its parts add up to {float(spent)}; they must be equal"
            )
        if self.rho > MAX_RHO:
            raise PolicyError(f"{where}.rho: is {float(self.rho)}; at most {MAX_RHO}, or it protects no one")

    @cached_property
    def spent(self) -> str:
        """The cost of the whole schedule without the reserve, as an exact decimal."""
        spent = self.rho - self.reserve
        return str(Decimal(spent.numerator) / Decimal(spent.denominator))


MAX_RHO = 2
"""An epsilon of about 12 at delta 1e-6; a larger one protects no one."""
