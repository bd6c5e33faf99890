"""Mistakes in the values calculated from the policy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from privacy.mechanism import accounting, costs, guarantee
from privacy.mechanism.accounting import Calibration
from privacy.mechanism.audience_guarantee import describe_audiences
from privacy.mechanism.conversion import epsilon_at
from privacy.mechanism.costs import Costs
from privacy.mechanism.factorisation import Factorisation
from privacy.mechanism.joint_sensitivity import history_costs, least_removals_scale
from privacy.mechanism.sensitivity import alternating_sensitivity_squared
from privacy.model.engagement import TargetType
from privacy.policy.audiences import Audiences
from privacy.policy.budget import Budget
from privacy.policy.policy import Policy
from tests.support.mutations.mutation import Mutation

if TYPE_CHECKING:
    import pytest

_right_flips = alternating_sensitivity_squared
_right_costs = history_costs
_right_epsilon = epsilon_at
_right_month = Costs.list_by_month
_right_removals = least_removals_scale
_right_margins = Calibration.margins
_right_scales = vars(Calibration)["stream_scales"].func


def _for_flips(flips_of: Callable[[int], int], patch: pytest.MonkeyPatch) -> None:
    """Makes the noise of totals and breakdowns fit another number of flips than w."""

    def scales(calibration: Calibration) -> Any:
        changed, flips = _right_scales(calibration).copy(), calibration.policy.flip_cap
        right, wrong = (_right_flips(calibration.factorisation, each) for each in (flips, flips_of(flips)))
        alternating = slice(0, calibration.policy.layout.removals.start)
        changed[alternating] = np.ceil(changed[alternating] * np.sqrt(wrong / right))
        return changed

    patch.setattr(Calibration, "stream_scales", property(scales))


def _one_removal(patch: pytest.MonkeyPatch) -> None:
    def costs(factorisation: Factorisation, flips: int) -> Any:
        return _right_costs(factorisation, flips - 1 if flips % 2 == 0 else flips)

    patch.setattr(accounting, "history_costs", costs)


def _without_audiences(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Budget, "measured", property(lambda budget: budget.rho - budget.reserve))


def _no_streams_of_audiences(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Audiences, "streams_touched", property(lambda _: 0))


def _in_full(patch: pytest.MonkeyPatch) -> None:
    def scales(calibration: Calibration) -> Any:
        changed = _right_scales(calibration).copy()
        for cells in calibration.policy.layout.breakdowns:
            changed[cells] = np.ceil(changed[cells] / np.sqrt(len(calibration.policy.layout.breakdowns)))
        return changed

    patch.setattr(Calibration, "stream_scales", property(scales))


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
    patch.setattr(costs, "epsilon_at", lambda *given: 0.9 * _right_epsilon(*given))


def _apart(patch: pytest.MonkeyPatch) -> None:
    """States for a like and a favourite of one video what one of them costs."""
    right = guarantee._describe_kinds_together

    def describe(policy: Policy, target_type: TargetType, costs: Costs) -> dict[str, Any]:
        (first, *_), document = policy.kinds_of(target_type), right(policy, target_type, costs)
        rho = policy.budgets[first].rho
        return document | {"rho": float(rho), "epsilon": costs.epsilon(rho, 1)}

    patch.setattr(guarantee, "_describe_kinds_together", describe)


def _month_of_kept_likes(patch: pytest.MonkeyPatch) -> None:
    """States for any month what it costs if everything stays."""

    def list_by_month(self: Costs, calibration: Calibration) -> list[dict[str, Any]]:
        return [row | row["if_kept"] for row in _right_month(self, calibration)]

    patch.setattr(Costs, "list_by_month", list_by_month)


def _audiences_half_stated(patch: pytest.MonkeyPatch) -> None:
    def describe(*given: Any) -> dict[str, Any] | None:
        document = describe_audiences(*given)
        return document and document | {"rho": document["rho"] / 2}

    patch.setattr(guarantee, "describe_audiences", describe)


def _removals_short(patch: pytest.MonkeyPatch) -> None:
    """Calibrates the removals jointly, with noise of nine tenths of what the worst history needs."""
    patch.setattr(accounting, "least_removals_scale", lambda *given: (_right_removals(*given) or 0) * 9 // 10)


def _half_of_the_histories(patch: pytest.MonkeyPatch) -> None:
    """Calibrates for the histories that are worst for the total alone."""

    def costs_of(factorisation: Factorisation, flips: int) -> Any:
        return _right_costs(factorisation, flips)[:1]

    patch.setattr(accounting, "history_costs", costs_of)


def _small_cost(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Budget, "spent", property(lambda _: "0.08"))


def _weak_encoder(patch: pytest.MonkeyPatch) -> None:
    def decoder(self: Factorisation) -> Any:
        return np.tril(np.ones((self.epochs, self.epochs))) / self.coefficients[0]

    patch.setattr(Factorisation, "decoder", property(decoder))


def _too_much_for_the_total(patch: pytest.MonkeyPatch) -> None:
    def scales(calibration: Calibration) -> Any:
        changed, total = _right_scales(calibration).copy(), calibration.policy.layout.total
        changed[total] = np.ceil(changed[total] / np.sqrt(6 / 5))
        return changed

    patch.setattr(Calibration, "stream_scales", property(scales))


ACCOUNTING = (
    Mutation(
        "Δ for one flip where w are allowed",
        partial(_for_flips, lambda _: 1),
        "parameters",
        in_quick_tests=True,
    ),
    Mutation("Δ for one flip less than w", partial(_for_flips, lambda flips: flips - 1), "parameters"),
    Mutation("the last removal left out of the worst history", _one_removal, "parameters"),
    Mutation("what audiences cost not kept for them", _without_audiences, "parameters"),
    Mutation("gate: δ not shared with audiences", _no_streams_of_audiences, "parameters"),
    Mutation("a budget given to each breakdown in full", _in_full, "parameters", in_quick_tests=True),
    Mutation("a fifth more for the total than declared", _too_much_for_the_total, "parameters"),
    Mutation("σ 10 % short", partial(_scaled, 0.9), "parameters"),
    Mutation("σ short by less than one", partial(_scaled, 0.99999), "parameters"),
    Mutation("gate: δ not shared by streams and epochs", _no_union, "parameters"),
    Mutation("gate: half the margin", _half_margin, "parameters"),
    Mutation("gate: margin one too small", _margin_one_off, "parameters"),
    Mutation("removals shown from k on, not from k·⌊w/2⌋", _k_for_removals, "parameters"),
    Mutation("ε stated 10 % too small", _small_epsilon, "parameters"),
    Mutation("a cost in the ledger that is too small", _small_cost, "parameters"),
    Mutation("a like and a favourite stated as one engagement", _apart, "parameters"),
    Mutation("any month stated as one in which everything stays", _month_of_kept_likes, "parameters"),
    Mutation("half of what audiences cost stated", _audiences_half_stated, "audiences"),
    Mutation("joint calibration with a tenth too little for removals", _removals_short, "parameters"),
    Mutation("joint calibration for one sort of history", _half_of_the_histories, "parameters"),
    Mutation("a decoder that is not A·C⁻¹", _weak_encoder, "parameters"),
)
