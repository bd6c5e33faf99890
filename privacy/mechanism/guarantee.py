"""Computes the machine-readable guarantee: a policy's declarations and everything that follows from them."""

from typing import Any

import msgspec
import numpy as np

from privacy.mechanism.accounting import Calibration, calibrate
from privacy.mechanism.conversion import epsilon_at, max_attack_accuracy
from privacy.model.engagement import Kind
from privacy.model.timestamp import format_timestamp
from privacy.policy.policy import Policy
from privacy.policy.schedule import Schedule

DELTAS = (1e-6, 1e-9)
ENGAGEMENTS_PER_DAY = (1, 10, 50)
DOCUMENTS = {
    "claim": "/docs/compliance/claim.md",
    "threat_model": "/docs/compliance/threat-model.md",
    "known_limits": "/docs/compliance/known-limits.md",
    "nist_sp_800_226": "/docs/compliance/nist-sp-800-226.md",
    "registry_entry": "/docs/compliance/registry-entry.yaml",
    "impact_assessment": "/docs/compliance/impact-assessment.md",
    "record_of_processing": "/docs/compliance/record-of-processing.md",
    "audit": "/docs/compliance/audit.md",
    "wp216": "/docs/compliance/wp216.md",
    "ledger": "/docs/compliance/ledger.md",
    "wall": "/docs/compliance/wall.md",
    "after_erasure": "/docs/compliance/after-erasure.md",
}
"""Paths of the documents for reviewers on the public plane."""


def guarantee(policy: Policy) -> dict[str, Any]:
    """Compute the guarantee, as the JSON document that the public plane serves.

    Raises:
        PolicyError: the policy requires something that the mechanism cannot do.
    """
    return {
        "version": policy.version,
        "policy_sha256": policy.digest,
        "unit": {
            "neighbours": "inputs that differ in everything about one engagement",
            "engagement": "one account's whole relation of one kind to one target, for the target's whole "
            "life, over all statistics and all epochs together, present or absent",
        },
        "anonymity": {"k": policy.k, "hard": True},
        "contribution": {"flip_cap": policy.flip_cap, "daily_cap": policy.daily_cap},
        "kinds": {kind.label: _describe_kind(policy, kind) for kind in policy.budgets},
        "schedule": _describe_schedule(policy.schedule),
        "creator_schedule": _describe_schedule(policy.creator_schedule),
        "dimensions": {dimension.name: list(dimension.cells) for dimension in policy.domain.dimensions},
        "children": {"dropped_age_bands": sorted(policy.dropped_age_bands)},
        "documents": dict(DOCUMENTS),
        "intake": {
            "earliest_occurred_at": format_timestamp(policy.intake.earliest_occurred_at_ms),
            "future_tolerance_seconds": policy.intake.future_tolerance_seconds,
        },
        "integrity": msgspec.structs.asdict(policy.integrity),
        "retention": msgspec.structs.asdict(policy.retention),
        "sandbox": policy.sandbox
        and {
            "version": policy.sandbox.version,
            "compress_schedule_by": policy.compress_schedule_by,
        },
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


def _describe_kind(policy: Policy, kind: Kind) -> dict[str, Any]:
    calibration = calibrate(policy, kind)
    budget = policy.budgets[kind]
    return {
        "target_type": kind.target_type.value,
        "rho": float(budget.rho),
        "reserve_rho": float(budget.reserve),
        "epsilon": [_describe_epsilon(policy, kind, 1, delta) for delta in DELTAS],
        "account_day": [
            {
                "engagements": engagements,
                "rho": float(engagements * budget.rho),
                "epsilon": [_describe_epsilon(policy, kind, engagements, delta) for delta in DELTAS],
            }
            for engagements in sorted({*ENGAGEMENTS_PER_DAY, policy.daily_cap})
            if engagements <= policy.daily_cap
        ],
        "attacker": _describe_attacker(float(budget.rho), float(policy.gate_delta)),
        "mechanism": {
            "noise": "discrete Gaussian, exact, drawn once per measurement",
            "factorisation": calibration.factorisation.name,
            "encoder_coefficients": list(calibration.factorisation.coefficients),
            "gate_delta": float(policy.gate_delta),
            "gate_z": round(calibration.z, 6),
        },
        "statistics": [
            _describe_statistic(calibration, index) for index in range(len(calibration.statistics))
        ],
    }


def _describe_attacker(rho: float, gate_delta: float) -> dict[str, Any]:
    accuracy = max_attack_accuracy(rho, gate_delta)
    return {
        "prior": 0.5,
        "max_accuracy": accuracy,
        "in_words": "An attacker who knows everything about everyone else, considers it as likely as not "
        "that an account did this, and reads everything ever published about the target guesses right at "
        f"most {100 * accuracy:.2f} times in 100; a coin toss is right 50 times in 100.",
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


def _describe_epsilon(policy: Policy, kind: Kind, engagements: int, delta: float) -> dict[str, float | None]:
    """Return epsilon for an account's engagements with N targets; null if the gate uses up delta."""
    epsilon = epsilon_at(
        engagements * float(policy.budgets[kind].rho), delta, engagements * float(policy.gate_delta)
    )
    return {"delta": delta, "epsilon": round(epsilon + 5e-5, 4) if np.isfinite(epsilon) else None}
