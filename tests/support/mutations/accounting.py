"""Mistakes in the values calculated from the policy."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import partial
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from privacy.mechanism import accounting, guarantee
from privacy.mechanism.accounting import Calibration, Statistic
from privacy.mechanism.conversion import epsilon_at
from privacy.mechanism.factorisation import Factorisation
from privacy.mechanism.sensitivity import alternating_sensitivity_squared, monotone_sensitivity_squared
from privacy.policy.budget import Budget
from tests.support.mutations.mutation import Mutation

if TYPE_CHECKING:
    import pytest

_right_flips = alternating_sensitivity_squared
_right_removals = monotone_sensitivity_squared
_right_epsilon = epsilon_at
_right_margins = Calibration.margins
_right_scales = vars(Calibration)["stream_scales"].func


def _one_flip(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(accounting, "alternating_sensitivity_squared", lambda encoder, _: _right_flips(encoder, 1))


def _one_flip_less(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        accounting, "alternating_sensitivity_squared", lambda encoder, flips: _right_flips(encoder, flips - 1)
    )


def _one_removal(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(accounting, "monotone_sensitivity_squared", lambda encoder, _: _right_removals(encoder, 1))


def _in_full(patch: pytest.MonkeyPatch) -> None:
    def statistic(name: str, rho: Fraction, sensitivity_squared: int) -> Statistic:
        return Statistic(name, rho if name in {"total", "removals"} else 6 * rho, sensitivity_squared)

    patch.setattr(accounting, "Statistic", statistic)


def _scales_less(by: float, calibration: Calibration) -> Any:
    return np.floor(_right_scales(calibration) * by).astype(np.int64)


def _scaled(by: float, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Calibration, "stream_scales", property(partial(_scales_less, by)))


def _no_union(patch: pytest.MonkeyPatch) -> None:
    def z(self: Calibration) -> float:
        return -NormalDist().inv_cdf(float(self.policy.gate_delta))

    patch.setattr(Calibration, "z", property(z))


def _half_margin(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Calibration, "margins", lambda self, steps: _right_margins(self, steps) / 2)


def _margin_one_off(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Calibration, "margins", lambda self, steps: _right_margins(self, steps) - 1)


def _k_for_removals(patch: pytest.MonkeyPatch) -> None:
    def least(self: Calibration) -> Any:
        return np.full(self.policy.layout.count, self.policy.k, np.int64)

    patch.setattr(Calibration, "min_counts", property(least))


def _small_epsilon(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(guarantee, "epsilon_at", lambda *given: 0.9 * _right_epsilon(*given))


def _small_cost(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Budget, "spent", property(lambda _: "0.08"))


def _weak_encoder(patch: pytest.MonkeyPatch) -> None:
    def decoder(self: Factorisation) -> Any:
        return np.tril(np.ones((self.epochs, self.epochs))) / self.coefficients[0]

    patch.setattr(Factorisation, "decoder", property(decoder))


def _reserve_spent(patch: pytest.MonkeyPatch) -> None:
    def statistic(name: str, rho: Fraction, sensitivity_squared: int) -> Statistic:
        right = Statistic(name, rho, sensitivity_squared)
        return replace(right, rho=rho * Fraction(6, 5)) if name == "total" else right

    patch.setattr(accounting, "Statistic", statistic)


ACCOUNTING = (
    Mutation("Δ for one flip where w are allowed", _one_flip, "parameters", in_quick_tests=True),
    Mutation("Δ for one flip less than w", _one_flip_less, "parameters"),
    Mutation("Δ for one removal where ⌊w/2⌋ are possible", _one_removal, "parameters"),
    Mutation("a budget given to each breakdown in full", _in_full, "parameters", in_quick_tests=True),
    Mutation("a fifth more for the total than declared", _reserve_spent, "parameters"),
    Mutation("σ 10 % short", partial(_scaled, 0.9), "parameters"),
    Mutation("σ short by less than one", partial(_scaled, 0.99999), "parameters"),
    Mutation("gate: δ not shared by streams and epochs", _no_union, "parameters"),
    Mutation("gate: half the margin", _half_margin, "parameters"),
    Mutation("gate: margin one too small", _margin_one_off, "parameters"),
    Mutation("removals shown from k on, not from k·⌊w/2⌋", _k_for_removals, "parameters"),
    Mutation("ε stated 10 % too small", _small_epsilon, "parameters"),
    Mutation("a cost in the ledger that is too small", _small_cost, "parameters"),
    Mutation("a decoder that is not A·C⁻¹", _weak_encoder, "parameters"),
)
