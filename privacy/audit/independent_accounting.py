"""Calculates noise, margins and ε from the policy and the encoder, independently of the release code.

The audit compares the results with those of `privacy.mechanism.accounting`. The formulas are those of the two
proofs in `docs/proofs/`, implemented a second time.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import log, log1p

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from privacy.audit.worst_history import norm_squared, worst_history
from privacy.model.engagement import Kind
from privacy.policy.policy import Policy

REASONS = 5


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
    def sensitivities_squared(self) -> tuple[int, ...]:
        """Squared sensitivity of each statistic: total, breakdowns, removals."""
        breakdowns = [self.sensitivity_squared] * len(self.policy.domain.dimensions)
        return (self.sensitivity_squared, *breakdowns, self.removals_sensitivity_squared)

    @property
    def budgets(self) -> tuple[Fraction, ...]:
        """Declared ρ of each statistic, in the same order."""
        budget = self.policy.budgets[self.kind]
        breakdowns = (budget.breakdowns[dimension.name] for dimension in self.policy.domain.dimensions)
        return (budget.total, *breakdowns, budget.removals)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the statistics, in the same order."""
        return ("total", *(dimension.name for dimension in self.policy.domain.dimensions), "removals")

    @property
    def streams(self) -> tuple[slice, ...]:
        """Indexes of the streams of each statistic."""
        slices, start = [slice(0, 1)], 1
        for dimension in self.policy.domain.dimensions:
            slices.append(slice(start, start + len(dimension.values) + 1))
            start = slices[-1].stop
        return (*slices, slice(start, start + REASONS))

    @property
    def z(self) -> float:
        """Number of deviations by which an estimate must exceed k."""
        most_removals = min(self.policy.flip_cap // 2, REASONS)
        touched = 1 + len(self.policy.domain.dimensions) + most_removals
        return float(norm.isf(float(self.policy.gate_delta / (touched * len(self.coefficients)))))

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


def epsilon_from_zcdp(rho: float, delta: float) -> float:
    """Returns the smallest known ε of ρ-zCDP at this δ (Canonne, Kamath & Steinke 2020, Proposition 12)."""

    def epsilon(log_order: float) -> float:
        order = 1 + np.exp(log_order)
        return float(rho * order + log1p(-1 / order) - (log(delta) + log(order)) / (order - 1))

    return max(0.0, float(minimize_scalar(epsilon, bounds=(-10, 12), method="bounded").fun))
