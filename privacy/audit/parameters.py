"""σ, τ, ε and cost: what the program uses and states, against what the audit works out from the policy."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np

from privacy.audit.exact_gaussian import epsilon_claimed
from privacy.audit.independent_accounting import Recomputed, epsilon_of_zcdp
from privacy.audit.report_model import Finding, Section
from privacy.audit.target_histories import CountChange, TargetHistories, log_of
from privacy.mechanism.accounting import Calibration
from privacy.mechanism.entropy import EntropySource
from privacy.mechanism.guarantee import guarantee
from privacy.model.documents import LedgerEntry
from privacy.release.ledger import LedgerHead

CLOSE = 1e-9
STATED_DIGITS = 1e-3
"""Deviations are stated to three digits."""
EPSILON_TOLERANCE = 2e-4
"""ε is stated to four digits, rounded up."""


def parameter_section(calibration: Calibration, entropy: EntropySource) -> Section:
    """Compare everything that follows from the policy for one kind."""
    policy, kind = calibration.policy, calibration.kind
    own = Recomputed(policy, kind, calibration.factorisation.coefficients)
    stated = guarantee(policy)["kinds"][kind.label]
    findings = (
        *_scales(calibration, own),
        _factorises(calibration, own),
        _margins(calibration, own),
        _stated_curves(calibration, own, stated),
        _budget(calibration, own),
        _epsilon(own, stated),
        _ledger(calibration, entropy),
    )
    return Section(
        f"parameters-{kind.label}",
        f"Noise, margins, ε and cost worked out again ({kind.label})",
        "Sensitivity, noise scale, deviation, margin, ε and ledger cost were worked out from the policy by "
        "code of the audit's own, which shares nothing with the accountant, and compared with what the "
        "program uses and states.",
        "A noise scale that is too small by one, a budget spent twice, a margin below the proof's, a "
        "stated ε below the true one, a cost in the ledger that is not the sum of what was spent.",
        "Certain: exact arithmetic, and doubles to nine digits. The worst history is the maximum for up to "
        "four flips of up to 200 epochs, and the largest that was found beyond.",
        findings,
    )


def _scales(calibration: Calibration, own: Recomputed) -> Iterator[Finding]:
    used = calibration.stream_scales
    for name, place, rho, sensitivity_squared in zip(
        own.names, own.streams, own.budgets, own.sensitivities_squared, strict=True
    ):
        scales = sorted({int(scale) for scale in used[place]})
        spent = Fraction(sensitivity_squared, 2 * scales[0] ** 2) if scales[0] else Fraction(0)
        generous = Fraction(sensitivity_squared, 2 * (scales[0] - 1) ** 2) if scales[0] > 1 else rho + 1
        yield Finding(
            f"noise scale of {name}",
            f"the smallest integer with Δ²/2σ² ≤ ρ = {float(rho):g}, where Δ² = {sensitivity_squared}",
            f"σ = {', '.join(map(str, scales))}: Δ²/2σ² = {float(spent):.8g}",
            len(scales) == 1 and 0 < spent <= rho < generous,
        )


def _factorises(calibration: Calibration, own: Recomputed) -> Finding:
    error = float(np.abs(calibration.factorisation.decoder - own.decoder).max() / np.abs(own.decoder).max())
    same = np.array_equal(calibration.factorisation.encoder, own.encoder)
    return Finding(
        "encoder C and decoder B",
        "C is lower-triangular Toeplitz of the stated integers, and B = A·C⁻¹ to nine digits",
        f"C {'is' if same else 'is not'}; B differs by {error:.1e} of its largest entry",
        same and error <= CLOSE,
    )


def _margins(calibration: Calibration, own: Recomputed) -> Finding:
    steps = np.arange(calibration.schedule.epochs)
    noise = tuple(int(calibration.stream_scales[place.start]) for place in own.streams)
    used = calibration.min_counts + calibration.margins(steps)
    theirs = own.thresholds(noise)
    short = float((theirs - used).max())
    least = np.array_equal(calibration.min_counts, own.min_counts())
    return Finding(
        f"thresholds τ of {used.size:,} streams and epochs",
        f"τ = k_r + z·sd + ‖B‖₁ + d_r − 1, where z = {own.z:.6f}, and k_r = k·d_r",
        f"k_r {'agree' if least else 'differ'}; the largest τ that is too low is too low by "
        f"{max(short, 0.0):.1e}",
        least and float(np.abs(theirs - used).max()) <= CLOSE * float(theirs.max()),
    )


def _stated_curves(calibration: Calibration, own: Recomputed, stated: dict[str, Any]) -> Finding:
    noise = tuple(int(calibration.stream_scales[place.start]) for place in own.streams)
    deviations, thresholds = own.deviations(noise), own.thresholds(noise)
    wrong = [
        statistic["name"]
        for statistic, place in zip(stated["statistics"], own.streams, strict=True)
        if np.abs(np.array(statistic["sd_by_epoch"]) - deviations[:, place.start]).max() > STATED_DIGITS
        or np.abs(np.array(statistic["threshold_by_epoch"]) - thresholds[:, place.start]).max() > 1
    ]
    return Finding(
        "deviations and thresholds that the guarantee states",
        "those worked out, rounded",
        f"wrong for {', '.join(wrong)}" if wrong else f"right for all {len(stated['statistics'])} statistics",
        not wrong,
    )


def _budget(calibration: Calibration, own: Recomputed) -> Finding:
    budget = calibration.policy.budgets[calibration.kind]
    spent = sum(
        Fraction(sensitivity_squared, 2 * int(calibration.stream_scales[place.start]) ** 2)
        for place, sensitivity_squared in zip(own.streams, own.sensitivities_squared, strict=True)
    )
    return Finding(
        "ρ of all statistics together",
        f"at most ρ − reserve = {float(budget.rho - budget.reserve):g}",
        f"{float(spent):.8g}",
        0 < spent <= budget.rho - budget.reserve,
    )


def _epsilon(own: Recomputed, stated: dict[str, Any]) -> Finding:
    gate, rho = float(own.policy.gate_delta), float(own.policy.budgets[own.kind].rho)
    days = [(1, stated["epsilon"]), *((day["engagements"], day["epsilon"]) for day in stated["account_day"])]
    wrong = []
    for engagements, epsilons in days:
        for pair in epsilons:
            delta, epsilon = pair["delta"], pair["epsilon"]
            left = delta - engagements * gate
            if epsilon is None or left <= 0:
                wrong += [] if epsilon is None and left <= 0 else [f"{engagements} at δ = {delta:g}"]
                continue
            best = epsilon_of_zcdp(engagements * rho, left)
            sound = epsilon >= max(epsilon_claimed(engagements * rho, left), best - EPSILON_TOLERANCE)
            if not sound or epsilon > best + EPSILON_TOLERANCE:
                wrong.append(f"{engagements} at δ = {delta:g}: {epsilon} where {best:.4f} is right")
    return Finding(
        "ε of an engagement and of the account-days, as stated",
        "the smallest ε known for the ρ, at both δ less the gate's, and no less than that of the exact "
        "Gaussian",
        f"wrong for {'; '.join(wrong)}" if wrong else f"right for all {2 * len(days)}",
        not wrong,
    )


def _ledger(calibration: Calibration, entropy: EntropySource) -> Finding:
    policy = calibration.policy
    log = log_of(policy, [CountChange({}, policy.k + 1)])
    (release,) = TargetHistories.fresh(calibration, 1).release([log], entropy)
    encoded, _ = LedgerHead(0, 0, "").append(release, calibration)
    entry = msgspec.json.decode(encoded, type=LedgerEntry)
    budget = policy.budgets[calibration.kind]
    cost = budget.total + budget.removals + sum(budget.breakdowns.values())
    return Finding(
        "cost that a ledger entry states",
        f"ρ = {float(cost):g} under policy {policy.version}, its digest beside it",
        f"ρ = {entry.rho} under policy {entry.policy_version}",
        Fraction(entry.rho) == cost
        and (entry.policy_version, entry.policy_digest) == (policy.version, policy.digest),
    )
