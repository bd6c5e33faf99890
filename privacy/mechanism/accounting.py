"""Computes everything that follows from a policy: noise scales, deviations, margins."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from privacy.errors import PolicyError
from privacy.mechanism.bernoulli_exp import MAX_SCALE
from privacy.mechanism.factorisation import Factorisation, load_factorisation
from privacy.mechanism.joint_sensitivity import (
    HistoryCost,
    ceil_sqrt,
    history_costs,
    least_removals_scale,
)
from privacy.mechanism.sensitivity import alternating_sensitivity_squared, monotone_sensitivity_squared
from privacy.model.engagement import Kind
from privacy.policy.budget import Budget
from privacy.policy.policy import Policy
from privacy.policy.schedule import Schedule

TOTAL = "total"
REMOVALS = "removals"


@dataclass(frozen=True)
class Statistic:
    """A statistic: streams that one engagement can change together, under one budget.

    Args:
        name: `total`, a dimension, or `removals`.
        rho: zCDP of one engagement over the whole schedule, if this statistic alone is published.
        sensitivity_squared: exact squared l2 sensitivity of the encoded streams, in the encoder's units.
    """

    name: str
    rho: Fraction
    sensitivity_squared: int

    def __post_init__(self) -> None:
        if self.scale > MAX_SCALE:
            raise PolicyError(
                f"budgets: {self.name} has rho {float(self.rho)}, which needs noise of scale "
                f"{self.scale}; the sampler is exact up to {MAX_SCALE}"
            )

    @cached_property
    def scale(self) -> int:
        """The smallest integer noise scale s with sensitivity² / (2 s²) ≤ rho, in the encoder's units."""
        return ceil_sqrt(self.sensitivity_squared / (2 * self.rho))


@dataclass(frozen=True)
class Calibration:
    """The mechanism of one kind under one policy.

    Args:
        policy: the declared policy.
        kind: the kind whose budget is spent.
        factorisation: the factorisation, truncated to the schedule of the kind's targets.
        statistics: the total, the breakdowns in the order of the policy's dimensions, the removals.
    """

    policy: Policy
    kind: Kind
    factorisation: Factorisation
    statistics: tuple[Statistic, ...]

    @property
    def schedule(self) -> Schedule:
        """The schedule of the kind's targets."""
        return self.policy.schedule_of(self.kind)

    @cached_property
    def stream_scales(self) -> NDArray[np.int64]:
        """Noise scale of each stream in the policy's layout, shape (streams,)."""
        layout = self.policy.layout
        scales = np.empty(layout.count, np.int64)
        positions = (slice(layout.total, layout.total + 1), *layout.breakdowns, layout.removals)
        for statistic, position in zip(self.statistics, positions, strict=True):
            scales[position] = statistic.scale
        return scales

    @cached_property
    def min_counts(self) -> NDArray[np.int64]:
        """Minimum exact count at which a stream certainly covers k accounts, shape (streams,).

        One account makes at most one like, but up to ⌊w/2⌋ removals.
        """
        least = np.full(self.policy.layout.count, self.policy.k, np.int64)
        least[self.policy.layout.removals] *= self.policy.flip_cap // 2
        return least

    @cached_property
    def z(self) -> float:
        """Standard deviations by which a number must clear k, before the correction of `margins`."""
        return gate_z(self.policy, self.kind)

    @cached_property
    def decoder_row_sums(self) -> NDArray[np.float64]:
        """‖B_t‖₁ of each step, shape (T,): how far discrete noise may exceed continuous noise."""
        sums: NDArray[np.float64] = np.abs(self.factorisation.decoder).sum(axis=1)
        return sums

    def deviations(self, steps: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the standard deviation of each estimate by step, shape (len(steps), streams)."""
        return self.factorisation.decoder_row_norms[steps][:, None] * self.stream_scales

    def margins(self, steps: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return how far an estimate must clear k, shape (len(steps), streams): `docs/proofs/gate.md`."""
        margins = self.z * self.deviations(steps) + self.decoder_row_sums[steps][:, None]
        # One engagement can make up to ⌊w/2⌋ removals at once; in every other stream it counts once.
        margins[:, self.policy.layout.removals] += self.policy.flip_cap // 2 - 1
        return margins

    @cached_property
    def alternating_weight(self) -> Fraction:
        """Sum of 1/(2 s²) over the total and one cell of each breakdown."""
        return sum((Fraction(1, 2 * each.scale**2) for each in self.statistics[:-1]), Fraction(0))

    def rho_of(self, flips: int) -> Fraction:
        """Return what an engagement of at most this number of flips costs: all statistics and audiences."""
        removals_weight = Fraction(1, 2 * self.statistics[-1].scale ** 2)
        costs = history_costs(self.factorisation, flips)
        most = max(cost.rho(self.alternating_weight, removals_weight) for cost in costs)
        return most + self.policy.budgets[self.kind].audiences


def gate_z(policy: Policy, kind: Kind) -> float:
    """Return z, by which the gate's delta is shared by all streams that one engagement touches, at all times.

    Those of audiences are measured once, those of its target at each epoch.
    """
    streams = policy.layout.count_touched_by_one_engagement(policy.flip_cap)
    audiences = policy.audiences.streams_touched if policy.audiences and kind is Kind.LIKE else 0
    return -NormalDist().inv_cdf(float(policy.gate_delta / (policy.epochs_of(kind) * streams + audiences)))


def calibrate(policy: Policy, kind: Kind) -> Calibration:
    """Compute the mechanism of one kind.

    Raises:
        PolicyError: the policy requires something that the mechanism cannot do exactly.
    """
    factorisation = load_factorisation(policy.factorisation, policy.epochs_of(kind))
    budget = policy.budgets[kind]
    flips = alternating_sensitivity_squared(factorisation, policy.flip_cap)
    removals = monotone_sensitivity_squared(factorisation, policy.flip_cap // 2)
    alternating = (
        Statistic(TOTAL, budget.total, flips),
        *(Statistic(d.name, budget.breakdowns[d.name], flips) for d in policy.series_dimensions),
    )
    rho = budget.removals or _rho_left(
        budget, history_costs(factorisation, policy.flip_cap), alternating, removals
    )
    return Calibration(policy, kind, factorisation, (*alternating, Statistic(REMOVALS, rho, removals)))


def _rho_left(
    budget: Budget, costs: Sequence[HistoryCost], alternating: Sequence[Statistic], removals: int
) -> Fraction:
    """Return the rho of removals with the least noise for which the worst history keeps the whole budget.

    Raises:
        PolicyError: it leaves no room.
    """
    weight = sum((Fraction(1, 2 * each.scale**2) for each in alternating), Fraction(0))
    scale = least_removals_scale(costs, weight, budget.measured)
    if scale is None:
        raise PolicyError(
            f"budgets.{budget.kind}.rho: is {float(budget.rho)}; more, so that the removals have a part of it"
        )
    return Fraction(removals, 2 * scale**2)
