"""The zCDP budget of one engagement of one kind, split over its statistics. Exact numbers only."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import cached_property
from types import MappingProxyType

from privacy.errors import PolicyError


class Accounting(Enum):
    """How epsilon follows from rho, as spelled in the policy: `docs/proofs/gaussian-accounting.md`."""

    ZCDP = "zcdp"
    GAUSSIAN = "gaussian"


class CalibrationMethod(Enum):
    """How the noise follows from rho, as spelled in the policy: `docs/proofs/joint-sensitivity.md`."""

    SEPARATE = "separate"
    JOINT = "joint"


@dataclass(frozen=True)
class Budget:
    """The split of the rho of one engagement.

    Args:
        kind: label of the kind, for messages.
        rho: whole budget per engagement, over all statistics and epochs.
        total: share of the total.
        removals: share of the removals by reason; None if they get what the worst history of all statistics
            together leaves of rho.
        reserve: share kept for later cross-breakdowns.
        breakdowns: share of each dimension by which targets are broken down; cells of one breakdown compose
            in parallel.
        audiences: share of the audiences in which the engagement is counted.
    """

    kind: str
    rho: Fraction
    total: Fraction
    removals: Fraction | None
    reserve: Fraction
    breakdowns: Mapping[str, Fraction]
    audiences: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "breakdowns", MappingProxyType(dict(self.breakdowns)))
        where = f"budgets.{self.kind}"
        removals = {} if self.removals is None else {"removals": self.removals}
        measured = {"total": self.total, **removals} | {
            f"breakdowns.{name}": rho for name, rho in self.breakdowns.items()
        }
        for field, rho in measured.items():
            if rho <= 0:
                raise PolicyError(f"{where}.{field}: is {float(rho)}; a rho above 0")
        if self.reserve < 0:
            raise PolicyError(f"{where}.reserve: is {float(self.reserve)}; a rho of 0 or more")
        self._check_sum(sum(measured.values(), self.reserve + self.audiences))
        if self.rho > MAX_RHO:
            raise PolicyError(f"{where}.rho: is {float(self.rho)}; at most {MAX_RHO}, or it protects no one")

    def _check_sum(self, parts: Fraction) -> None:
        where = f"budgets.{self.kind}.rho: is {float(self.rho)}, its parts"
        if self.removals is None and parts >= self.rho:
            raise PolicyError(
                f"{where} without the removals add up to {float(parts)}; less, so that something is left for "
                "the removals"
            )
        if self.removals is not None and parts != self.rho:
            raise PolicyError(f"{where} add up to {float(parts)}; they must be equal")

    @property
    def measured(self) -> Fraction:
        """The cost of the target's statistics over the whole schedule: without audiences and reserve."""
        return self.rho - self.reserve - self.audiences

    @cached_property
    def spent(self) -> str:
        """The cost of the target's statistics over the whole schedule, as an exact decimal."""
        spent = self.measured
        return str(Decimal(spent.numerator) / Decimal(spent.denominator))


MAX_RHO = 2
"""An epsilon of about 12 at delta 1e-6; a larger one protects no one."""
