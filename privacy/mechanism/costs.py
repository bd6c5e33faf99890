"""Describes what engagements cost, as parts of the guarantee: rho, and the epsilon that follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from privacy.errors import PolicyError
from privacy.mechanism.conversion import epsilon_at, inflate, max_attack_accuracy
from privacy.policy.budget import Accounting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from privacy.mechanism.accounting import Calibration
    from privacy.policy.policy import Policy

DELTAS: Final = (1e-9, 1e-6)
ENGAGEMENTS_PER_DAY: Final = (1, 10, 50)
ENGAGEMENTS_PER_MONTH: Final = (1, 10, 30, 100, 300, 1_000)
FLIPS: Final = (1, 2, 3, 4)
HISTORIES: Final = {
    1: "made once, and kept",
    2: "made, and taken back",
    3: "made, taken back, and made again",
    4: "made and taken back twice",
}


@dataclass(frozen=True)
class Costs:
    """Converts the cost of engagements under one policy.

    Args:
        policy: the policy.
        least_scale: the smallest noise scale of all its statistics.
    """

    policy: Policy
    least_scale: int

    def epsilon(self, rho: Fraction, engagements: int, by: Accounting | None = None) -> list[dict[str, Any]]:
        """Return epsilon at each delta, rounded up in its fourth digit; null where the gate uses up delta.

        Args:
            rho: of all engagements together.
            engagements: their number; the gate costs its delta for each.
            by: the accountant; that of the policy if it is absent.
        """
        accountant = by or self.policy.accounting
        cost = inflate(rho, self.least_scale, accountant)
        rows = []
        for delta in DELTAS:
            epsilon = epsilon_at(cost, delta, engagements * float(self.policy.gate_delta), accountant)
            stated = round(epsilon + 5e-5, 4) if isfinite(epsilon) else None
            rows.append({"delta": delta, "epsilon": stated, "accountant": accountant.value})
        return rows

    def max_accuracy(self, rho: Fraction, engagements: int) -> float:
        """Return how often the best attacker guesses right at even odds, at most."""
        accounting = self.policy.accounting
        cost = inflate(rho, self.least_scale, accounting)
        return max_attack_accuracy(cost, engagements * float(self.policy.gate_delta), accounting)

    def list_by_count(self, rho: Fraction, counts: Sequence[int]) -> list[dict[str, Any]]:
        """Return the cost of each number of engagements of one account."""
        return [
            {"engagements": count, "rho": float(count * rho), "epsilon": self.epsilon(count * rho, count)}
            for count in counts
        ]

    def list_by_month(self, calibration: Calibration) -> list[dict[str, Any]]:
        """Return the cost of an account's month, by number of engagements: of any, and of those that stay."""
        rho = self.policy.budgets[calibration.kind].rho
        cap = self.policy.monthly_cap
        counts = sorted({*ENGAGEMENTS_PER_MONTH, cap or 1})
        staying = calibration.rho_of(1)
        return [
            row | {"if_kept": {"rho": float(stay["rho"]), "epsilon": stay["epsilon"]}}
            for row, stay in zip(
                self.list_by_count(rho, counts), self.list_by_count(staying, counts), strict=True
            )
            if cap is None or row["engagements"] <= cap
        ]

    def list_by_history(self, calibration: Calibration) -> list[dict[str, Any]]:
        """Return the cost of one engagement by how often it changes the counts, at most."""
        return [
            {
                "flips": flips,
                "in_words": HISTORIES[flips],
                "rho": float(rho),
                "epsilon": self.epsilon(rho, 1),
            }
            for flips in FLIPS
            if flips <= self.policy.flip_cap
            for rho in (calibration.rho_of(flips),)
        ]

    def check_account_month(self, most: Fraction) -> dict[str, Any] | None:
        """Return what the policy promises for an account's month, and what it keeps.

        Args:
            most: the largest rho of one engagement of any kind.

        Raises:
            PolicyError: a month up to the cap costs more than is promised.
        """
        policy, promise = self.policy, self.policy.account_month
        if promise is None or policy.monthly_cap is None:
            return None
        cap = policy.monthly_cap
        cost = inflate(cap * most, self.least_scale, policy.accounting)
        gates = cap * policy.gate_delta
        if promise.delta <= gates:
            raise PolicyError(
                f"account_month.delta: is {float(promise.delta):g}, but the gates of {cap} engagements cost "
                f"{float(gates):g} of it; a larger delta, or a smaller monthly_cap or mechanism.gate_delta"
            )
        kept = epsilon_at(cost, float(promise.delta), float(gates), policy.accounting)
        if not kept <= promise.epsilon:
            raise PolicyError(
                f"account_month.epsilon: is {float(promise.epsilon):g}, but {cap} engagements cost "
                f"{kept:.4f} at delta {float(promise.delta):g}; a smaller rho or monthly_cap"
            )
        return {
            "monthly_cap": cap,
            "delta": float(promise.delta),
            "promised_epsilon": float(promise.epsilon),
            "rho": float(cap * most),
            "epsilon": round(kept + 5e-5, 4),
        }
