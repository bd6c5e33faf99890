"""Calculates noise, margins and ε from the policy and the encoder, independently of the release code.

The audit compares the results with those of `privacy.mechanism.accounting`. The formulas are those of the two
proofs in `docs/proofs/`, implemented a second time.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import isqrt, log, log1p

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from privacy.audit.exact_gaussian import exact_epsilon
from privacy.audit.joint_history import list_extremes, most_rho, removals_scale
from privacy.audit.worst_history import norm_squared, worst_history
from privacy.model.dimension import Dimension
from privacy.model.engagement import Kind
from privacy.policy.policy import Policy

REASONS = 5
ROUNDING = 4
"""Scale of the rounding that makes discrete noise of continuous noise in the proof of Gaussian accounting."""


@dataclass(frozen=True)
class IndependentAccounting:
    """Everything that follows from a policy for one kind.

    Args:
        policy: the declared policy.
        kind: the kind of engagement.
        coefficients: first column of the encoder C, truncated to the kind's schedule.
    """

    policy: Policy
    kind: Kind
    coefficients: tuple[int, ...]

    @cached_property
    def encoder(self) -> NDArray[np.int64]:
        """C, shape (T, T)."""
        epochs = len(self.coefficients)
        lag = np.subtract.outer(np.arange(epochs), np.arange(epochs))
        return np.where(lag >= 0, np.array(self.coefficients, np.int64)[np.abs(lag)], 0)

    @cached_property
    def decoder(self) -> NDArray[np.float64]:
        """B = A·C⁻¹, row by row by forward substitution, shape (T, T)."""
        column: list[float] = []
        for epoch in range(len(self.coefficients)):
            inner = sum(self.coefficients[epoch - early] * value for early, value in enumerate(column))
            column.append((1 - inner) / self.coefficients[0])
        lag = np.subtract.outer(np.arange(len(column)), np.arange(len(column)))
        return np.where(lag >= 0, np.array(column)[np.abs(lag)], 0.0)

    @cached_property
    def worst_history(self) -> tuple[int, ...]:
        """Epochs of one engagement's flips that change the encoded total most."""
        return worst_history(self.coefficients, self.policy.flip_cap)

    @property
    def sensitivity_squared(self) -> int:
        """Squared sensitivity of the total and of a breakdown: ‖C_t1 − C_t2 + …‖² of the worst history."""
        return norm_squared(self.coefficients, self.worst_history)

    @property
    def removals_sensitivity_squared(self) -> int:
        """Squared sensitivity of the removals: all ⌊w/2⌋ of them in the first epoch."""
        most = self.policy.flip_cap // 2
        return most * most * sum(coefficient * coefficient for coefficient in self.coefficients)

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The dimensions by which a target's counts are broken down."""
        breakdowns = self.policy.budgets[self.kind].breakdowns
        return tuple(each for each in self.policy.domain.dimensions if each.name in breakdowns)

    @property
    def sensitivities_squared(self) -> tuple[int, ...]:
        """Squared sensitivity of each statistic: total, breakdowns, removals."""
        breakdowns = [self.sensitivity_squared] * len(self.dimensions)
        return (self.sensitivity_squared, *breakdowns, self.removals_sensitivity_squared)

    @property
    def alternating_budgets(self) -> tuple[Fraction, ...]:
        """Declared ρ of the total and of the breakdowns."""
        budget = self.policy.budgets[self.kind]
        return (budget.total, *(budget.breakdowns[dimension.name] for dimension in self.dimensions))

    @cached_property
    def budgets(self) -> tuple[Fraction, ...]:
        """ρ of each statistic, in the same order; of removals, the declared one or what is left for them."""
        declared = self.policy.budgets[self.kind].removals
        if declared is None:
            scale = removals_scale(self.extremes, self.alternating_weight, self.measured_rho)
            declared = Fraction(self.removals_sensitivity_squared, 2 * scale * scale)
        return (*self.alternating_budgets, declared)

    @property
    def measured_rho(self) -> Fraction:
        """ρ for all statistics of a target together."""
        budget = self.policy.budgets[self.kind]
        return budget.rho - budget.reserve - self.audiences_rho

    @cached_property
    def extremes(self) -> list[tuple[int, int]]:
        """Histories that cost most, as ‖C·u‖² of the flips and ‖C·v‖² of the removals."""
        return list_extremes(self.coefficients, self.policy.flip_cap)

    @cached_property
    def alternating_weight(self) -> Fraction:
        """Sum of 1/2σ² over the total and the breakdowns, with the smallest σ that keep their budgets."""
        weight = Fraction(0)
        for rho in self.alternating_budgets:
            scale = isqrt((self.sensitivity_squared / (2 * rho)).__floor__())
            while 2 * scale * scale * rho < self.sensitivity_squared:
                scale += 1
            weight += Fraction(1, 2 * scale * scale)
        return weight

    def rho_of_worst_history(self, noise: tuple[int, ...], flips: int | None = None) -> Fraction:
        """Returns the ρ of the worst history over all statistics of a target together.

        Args:
            noise: their noise scales.
            flips: how many at most; w if it is absent.
        """
        *alternating, removals = (Fraction(1, 2 * scale * scale) for scale in noise)
        extremes = self.extremes if flips is None else list_extremes(self.coefficients, flips)
        return most_rho(extremes, sum(alternating, Fraction(0)), removals)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the statistics, in the same order."""
        return ("total", *(dimension.name for dimension in self.dimensions), "removals")

    @property
    def streams(self) -> tuple[slice, ...]:
        """Indexes of the streams of each statistic."""
        slices, start = [slice(0, 1)], 1
        for dimension in self.dimensions:
            slices.append(slice(start, start + len(dimension.values) + 1))
            start = slices[-1].stop
        return (*slices, slice(start, start + REASONS))

    @property
    def z(self) -> float:
        """Number of deviations by which an estimate must exceed k."""
        most_removals = min(self.policy.flip_cap // 2, REASONS)
        touched = 1 + len(self.dimensions) + most_removals
        trials = touched * len(self.coefficients) + self.audience_streams
        return float(norm.isf(float(self.policy.gate_delta / trials)))

    @property
    def _audience_terms(self) -> tuple[tuple[int, int, Fraction], ...]:
        """For each period: scopes of an engagement, streams of a scope that it touches, ρ of a scope."""
        audiences = self.policy.audiences
        if audiences is None or self.kind is not Kind.LIKE:
            return ()
        return tuple(
            (
                audiences.hashtags_per_video if period.scope.value == "hashtag" else 1,
                (1 if period.total else 0) + 2 * len(period.breakdowns),
                sum(period.breakdowns.values(), period.total or Fraction(0)),
            )
            for period in audiences.periods
        )

    @property
    def audiences_rho(self) -> Fraction:
        """ρ of all audiences in which an engagement counts."""
        return sum((scopes * rho for scopes, _, rho in self._audience_terms), Fraction(0))

    @property
    def audience_streams(self) -> int:
        """Streams of audiences that an engagement can touch: totals, and two cells of each breakdown."""
        return sum(scopes * streams for scopes, streams, _ in self._audience_terms)

    def scales(self, noise: tuple[int, ...]) -> NDArray[np.int64]:
        """Returns the noise scale of each stream, given that of each statistic."""
        scales = np.empty(self.streams[-1].stop, np.int64)
        for stream_slice, scale in zip(self.streams, noise, strict=True):
            scales[stream_slice] = scale
        return scales

    def min_counts(self) -> NDArray[np.int64]:
        """Returns the smallest exact count at which each stream is certainly about k accounts."""
        least = np.full(self.streams[-1].stop, self.policy.k, np.int64)
        least[self.streams[-1]] = self.policy.k * (self.policy.flip_cap // 2)
        return least

    def deviations(self, noise: tuple[int, ...]) -> NDArray[np.float64]:
        """Returns the standard deviation of each stream's estimate after each step, shape (T, streams)."""
        norms: NDArray[np.float64] = np.sqrt((self.decoder**2).sum(axis=1))[:, None]
        return norms * self.scales(noise)

    def thresholds(self, noise: tuple[int, ...]) -> NDArray[np.float64]:
        """Returns the threshold τ of each stream after each step, shape (T, streams)."""
        at_once = np.ones(self.streams[-1].stop)
        at_once[self.streams[-1]] = self.policy.flip_cap // 2
        discreteness = np.abs(self.decoder).sum(axis=1)[:, None]
        margin = self.z * self.deviations(noise) + discreteness + at_once - 1
        thresholds: NDArray[np.float64] = margin + self.min_counts()
        return thresholds


def epsilon_of(policy: Policy, rho: Fraction, delta: float, least_scale: int) -> float:
    """Returns the smallest known ε of measurements that cost ρ, at what the gate leaves of δ.

    Args:
        policy: which accountant it names.
        rho: of all engagements together.
        delta: without the gate's.
        least_scale: the smallest noise scale in use.
    """
    if policy.accounting.value == "zcdp":
        return epsilon_from_zcdp(float(rho), delta)
    continuous = least_scale * least_scale - ROUNDING * ROUNDING
    return exact_epsilon(float(rho * least_scale * least_scale / continuous), delta)


def epsilon_from_zcdp(rho: float, delta: float) -> float:
    """Returns the smallest known ε of ρ-zCDP at this δ (Canonne, Kamath & Steinke 2020, Proposition 12)."""

    def epsilon(log_order: float) -> float:
        order = 1 + np.exp(log_order)
        return float(rho * order + log1p(-1 / order) - (log(delta) + log(order)) / (order - 1))

    return max(0.0, float(minimize_scalar(epsilon, bounds=(-10, 12), method="bounded").fun))
