"""Computes the machine-readable guarantee: a policy's declarations and everything that follows from them."""

from dataclasses import replace
from fractions import Fraction
from itertools import chain
from typing import Any

import msgspec
import numpy as np

from privacy.mechanism.accounting import Calibration, calibrate
from privacy.mechanism.audience_accounting import calibrate_audiences
from privacy.mechanism.audience_guarantee import describe_audiences
from privacy.mechanism.costs import ENGAGEMENTS_PER_DAY, Costs
from privacy.model.engagement import TargetType
from privacy.model.timestamp import format_timestamp
from privacy.policy.budget import Accounting
from privacy.policy.policy import IntakePolicy, Policy
from privacy.policy.schedule import Schedule

DOCUMENTS = {
    "claim": "/docs/compliance/claim.md",
    "threat_model": "/docs/compliance/threat-model.md",
    "known_limits": "/docs/compliance/known-limits.md",
    "nist_sp_800_226": "/docs/compliance/nist-sp-800-226.md",
    "registry_entry": "/docs/compliance/registry-entry.yaml",
    "impact_assessment": "/docs/compliance/impact-assessment.md",
    "record_of_processing": "/docs/compliance/record-of-processing.md",
    "audit": "/docs/compliance/audit.md",
    "black_box": "/docs/compliance/black-box.md",
    "wp216": "/docs/compliance/wp216.md",
    "ledger": "/docs/compliance/ledger.md",
    "wall": "/docs/compliance/wall.md",
    "after_erasure": "/docs/compliance/after-erasure.md",
}
"""Paths of the documents for reviewers on the public plane."""
MEASURED = ("total", "cells", "removals")
"""Numbers that pass the gate themselves: k holds for each of them with certainty."""
DERIVED = ("other", "change", "change_per_day", "gained", "days[].lost", "share_bps")
"""Members of responses that are computed from measured numbers: k does not hold for them."""


def guarantee(policy: Policy, in_force: Policy | None = None) -> dict[str, Any]:
    """Compute the guarantee, as the JSON document that the public plane serves.

    Args:
        policy: the version to describe.
        in_force: the version in force, whose caps bound every account; the described version if it is absent.

    Raises:
        PolicyError: the policy requires something that the mechanism cannot do.
    """
    in_force = in_force or policy
    terms = policy.sandbox_terms
    calibrations = {kind: calibrate(policy, kind) for kind in policy.budgets}
    audiences = calibrate_audiences(policy)
    statistics = [calibration.statistics for calibration in calibrations.values()]
    statistics += [calibration.statistics for calibration in audiences]
    capped = _apply_monthly_cap(policy, in_force)
    costs = Costs(capped, min(statistic.scale for statistic in chain(*statistics)))
    return {
        "version": policy.version,
        "policy_sha256": policy.digest,
        "unit": _describe_unit(policy, costs),
        "anonymity": _describe_anonymity(policy.k),
        "contribution": _describe_contribution(policy, in_force),
        "account_month": costs.check_account_month(max(budget.rho for budget in policy.budgets.values())),
        "kinds": {
            kind.label: _describe_kind(calibration, costs, in_force.daily_cap)
            for kind, calibration in calibrations.items()
        },
        "audiences": describe_audiences(policy, audiences),
        "schedule": _describe_schedule(policy.schedule),
        "creator_schedule": _describe_schedule(policy.creator_schedule),
        "release": {"public_delay_seconds": policy.public_delay_seconds},
        "dimensions": {dimension.name: list(dimension.cells) for dimension in policy.series_dimensions},
        "children": {"dropped_age_bands": sorted(policy.dropped_age_bands)},
        "documents": dict(DOCUMENTS),
        "intake": _describe_intake(policy.intake),
        "integrity": msgspec.structs.asdict(policy.integrity),
        "retention": msgspec.structs.asdict(policy.retention),
        "sandbox": policy.sandbox
        and terms
        and {
            "version": policy.sandbox.version,
            "compress_schedule_by": terms.compress_schedule_by,
            "public_delay_seconds": terms.public_delay_seconds,
        },
    }


def _apply_monthly_cap(policy: Policy, in_force: Policy) -> Policy:
    """Return a version under the monthly cap in force; a larger one, or none, does not keep its promise."""
    own, applied = policy.monthly_cap, in_force.monthly_cap
    is_kept = own is not None and applied is not None and applied <= own
    return replace(policy, monthly_cap=applied, account_month=policy.account_month if is_kept else None)


def _describe_unit(policy: Policy, costs: Costs) -> dict[str, Any]:
    return {
        "neighbours": "inputs that differ in everything about one engagement",
        "engagement": "one account's whole relation of one kind to one target, for the target's whole "
        "life, over all statistics and all epochs together, present or absent. Relations of two kinds to one "
        "target are two engagements",
        "attacker_knows": "everything else: about every other account, and about this account, too",
        "kinds_together": [
            _describe_kinds_together(policy, target_type, costs)
            for target_type in TargetType
            if policy.kinds_of(target_type)
        ],
    }


def _describe_kinds_together(policy: Policy, target_type: TargetType, costs: Costs) -> dict[str, Any]:
    """Describe what all relations of one account to one target cost together: their series share no draw."""
    kinds = policy.kinds_of(target_type)
    rho = sum((policy.budgets[kind].rho for kind in kinds), Fraction(0))
    return {
        "target_type": target_type.value,
        "kinds": [kind.label for kind in kinds],
        "rho": float(rho),
        "epsilon": costs.epsilon(rho, len(kinds)),
        "max_accuracy": costs.max_accuracy(rho, len(kinds)),
    }


def _describe_anonymity(k: int) -> dict[str, Any]:
    return {
        "k": k,
        "hard": True,
        "measured": list(MEASURED),
        "derived": list(DERIVED),
        "in_words": f"No total, no cell of a breakdown and no number of removals since the start is shown "
        f"unless at least {k} accounts are behind it: that is certain. Derived numbers, and differences that "
        "a reader computes, may be about fewer: nothing but the noise protects them.",
    }


def _describe_contribution(policy: Policy, in_force: Policy) -> dict[str, Any]:
    return {
        "flip_cap": policy.flip_cap,
        "daily_cap": policy.daily_cap,
        "monthly_cap": policy.monthly_cap,
        "in_force": {
            "version": in_force.version,
            "daily_cap": in_force.daily_cap,
            "monthly_cap": in_force.monthly_cap,
        },
        "in_words": "flip_cap holds for every target of this version, whatever is in force later: the "
        "smallest flip_cap of all versions applies. daily_cap bounds accounts, not targets: on one UTC day, "
        "an account's engagements of all kinds, with targets of all versions, are admitted up to the "
        "largest daily_cap in force on that day. n of them cost n times rho. monthly_cap does the same for a "
        "UTC month. Leaving out one engagement of an account at a cap lets at most one other in, as long as "
        "the platform sends nothing again that was over a cap: together they cost 2 times rho. What is "
        "counted later than it was admitted, since its account or it was kept out, is not decided again.",
    }


def _describe_intake(intake: IntakePolicy) -> dict[str, Any]:
    late_seconds = intake.late_registration_seconds
    return {
        "earliest_occurred_at": format_timestamp(intake.earliest_occurred_at_ms),
        "future_tolerance_seconds": intake.future_tolerance_seconds,
        **({} if late_seconds is None else {"late_registration_seconds": late_seconds}),
    }


def _describe_schedule(schedule: Schedule) -> dict[str, Any]:
    return {
        "epochs": schedule.epochs,
        "phases": [
            {"every_seconds": phase.every_seconds, "until_seconds": phase.until_seconds}
            for phase in schedule.phases
        ],
        "due_ages_seconds": list(schedule.due_ages_seconds),
    }


def _describe_kind(calibration: Calibration, costs: Costs, daily_cap: int) -> dict[str, Any]:
    policy = calibration.policy
    budget = policy.budgets[calibration.kind]
    counts = [count for count in sorted({*ENGAGEMENTS_PER_DAY, daily_cap}) if count <= daily_cap]
    return {
        "target_type": calibration.kind.target_type.value,
        "rho": float(budget.rho),
        "reserve_rho": float(budget.reserve),
        "audiences_rho": float(budget.audiences),
        "epsilon": costs.epsilon(budget.rho, 1),
        "epsilon_by_accountant": {by.value: costs.epsilon(budget.rho, 1, by) for by in Accounting},
        "histories": costs.list_by_history(calibration),
        "account_day": costs.list_by_count(budget.rho, counts),
        "account_month": costs.list_by_month(calibration),
        "attacker": _describe_attacker(costs.max_accuracy(budget.rho, 1)),
        "mechanism": {
            "noise": "discrete Gaussian, exact, drawn once per measurement",
            "factorisation": calibration.factorisation.name,
            "encoder_coefficients": list(calibration.factorisation.coefficients),
            "gate_delta": float(policy.gate_delta),
            "gate_z": round(calibration.z, 6),
            "accounting": policy.accounting.value,
            "calibration": policy.calibration.value,
        },
        "statistics": [
            _describe_statistic(calibration, index) for index in range(len(calibration.statistics))
        ],
    }


def _describe_attacker(accuracy: float) -> dict[str, Any]:
    return {
        "prior": 0.5,
        "max_accuracy": accuracy,
        "in_words": "An attacker who knows everything else, about everyone else and about you, too, "
        "considers it as likely as not that you did this, and reads every number that is ever published, "
        f"guesses right at most {100 * accuracy:.2f} times in 100; a coin toss is right 50 times in 100.",
    }


def _describe_statistic(calibration: Calibration, index: int) -> dict[str, Any]:
    statistic = calibration.statistics[index]
    layout = calibration.policy.layout
    stream = (layout.total, *(cells.start for cells in layout.breakdowns), layout.removals.start)[index]
    steps = np.arange(calibration.schedule.epochs)
    deviations = calibration.deviations(steps)[:, stream]
    thresholds = calibration.min_counts[stream] + calibration.margins(steps)[:, stream]
    return {
        "name": statistic.name,
        "rho": float(statistic.rho),
        "sensitivity_squared": statistic.sensitivity_squared,
        "noise_scale": statistic.scale,
        "sd_by_epoch": np.round(deviations, 3).tolist(),
        "threshold_by_epoch": np.ceil(thresholds).astype(int).tolist(),
    }
