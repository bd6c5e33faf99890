"""Compares the σ, τ, ε and cost that the program uses and states with the audit's own calculation."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np

from privacy.audit.exact_gaussian import exact_epsilon
from privacy.audit.independent_accounting import IndependentAccounting, epsilon_from_zcdp
from privacy.audit.report_model import Finding, Section
from privacy.audit.target_histories import CountChange, TargetHistories, encode_log
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
    """Compares everything that follows from the policy for one kind."""
    policy, kind = calibration.policy, calibration.kind
    reference = IndependentAccounting(policy, kind, calibration.factorisation.coefficients)
    stated = guarantee(policy)["kinds"][kind.label]
    findings = (
        *_check_scales(calibration, reference),
        _check_factorisation(calibration, reference),
        _check_margins(calibration, reference),
        _check_stated_curves(calibration, reference, stated),
        _check_budget(calibration, reference),
        _check_epsilon(reference, stated),
        _check_ledger(calibration, entropy),
    )
    return Section(
        f"parameters-{kind.label}",
        f"Noise, margins, ε and cost are recalculated ({kind.label})",
        "Sensitivity, noise scale, deviation, margin, ε and ledger cost were calculated from the policy by "
        "the audit's own code, which shares nothing with the accountant, and compared with the values that "
        "the program uses and states.",
        "A noise scale that is too small by one, a budget spent twice, a margin below that of the proof, a "
        "stated ε below the true one, a ledger cost that is not the sum of the budgets spent.",
        "Certain: exact arithmetic, and doubles to nine digits. The worst history is the exact maximum for "
        "up to four flips in up to 200 epochs, and a lower bound of it beyond.",
        findings,
    )


def _check_scales(calibration: Calibration, reference: IndependentAccounting) -> Iterator[Finding]:
    used = calibration.stream_scales
    for name, streams, rho, sensitivity_squared in zip(
        reference.names, reference.streams, reference.budgets, reference.sensitivities_squared, strict=True
    ):
        scales = sorted({int(scale) for scale in used[streams]})
        spent = Fraction(sensitivity_squared, 2 * scales[0] ** 2) if scales[0] else Fraction(0)
        generous = Fraction(sensitivity_squared, 2 * (scales[0] - 1) ** 2) if scales[0] > 1 else rho + 1
        yield Finding(
            f"noise scale of {name}",
            f"the smallest integer with Δ²/2σ² ≤ ρ = {float(rho):g}, where Δ² = {sensitivity_squared}",
            f"σ = {', '.join(map(str, scales))}: Δ²/2σ² = {float(spent):.8g}",
            len(scales) == 1 and 0 < spent <= rho < generous,
        )


def _check_factorisation(calibration: Calibration, reference: IndependentAccounting) -> Finding:
    error = float(
        np.abs(calibration.factorisation.decoder - reference.decoder).max() / np.abs(reference.decoder).max()
    )
    same = np.array_equal(calibration.factorisation.encoder, reference.encoder)
    return Finding(
        "encoder C and decoder B",
        "C is the lower-triangular Toeplitz matrix of the stated integers, and B = A·C⁻¹ to nine digits",
        f"C {'is' if same else 'is not'}; B differs by {error:.1e} of its largest entry",
        same and error <= CLOSE,
    )


def _check_margins(calibration: Calibration, reference: IndependentAccounting) -> Finding:
    steps = np.arange(calibration.schedule.epochs)
    noise = tuple(int(calibration.stream_scales[streams.start]) for streams in reference.streams)
    used = calibration.min_counts + calibration.margins(steps)
    expected = reference.thresholds(noise)
    short = float((expected - used).max())
    least = np.array_equal(calibration.min_counts, reference.min_counts())
    return Finding(
        f"thresholds τ of {used.size:,} streams and epochs",
        f"τ = k_r + z·sd + ‖B‖₁ + d_r − 1, where z = {reference.z:.6f}, and k_r = k·d_r",
        f"k_r {'agrees' if least else 'differs'}; τ is too low by at most {max(short, 0.0):.1e}",
        least and float(np.abs(expected - used).max()) <= CLOSE * float(expected.max()),
    )


def _check_stated_curves(
    calibration: Calibration, reference: IndependentAccounting, stated: dict[str, Any]
) -> Finding:
    noise = tuple(int(calibration.stream_scales[streams.start]) for streams in reference.streams)
    deviations, thresholds = reference.deviations(noise), reference.thresholds(noise)
    wrong = [
        statistic["name"]
        for statistic, streams in zip(stated["statistics"], reference.streams, strict=True)
        if np.abs(np.array(statistic["sd_by_epoch"]) - deviations[:, streams.start]).max() > STATED_DIGITS
        or np.abs(np.array(statistic["threshold_by_epoch"]) - thresholds[:, streams.start]).max() > 1
    ]
    return Finding(
        "deviations and thresholds stated in the guarantee",
        "equal to the calculated ones, rounded",
        f"wrong for {', '.join(wrong)}" if wrong else f"equal for all {len(stated['statistics'])} statistics",
        not wrong,
    )


def _check_budget(calibration: Calibration, reference: IndependentAccounting) -> Finding:
    budget = calibration.policy.budgets[calibration.kind]
    spent = sum(
        Fraction(sensitivity_squared, 2 * int(calibration.stream_scales[streams.start]) ** 2)
        for streams, sensitivity_squared in zip(
            reference.streams, reference.sensitivities_squared, strict=True
        )
    )
    return Finding(
        "sum of ρ over all statistics",
        f"at most ρ − reserve = {float(budget.rho - budget.reserve):g}",
        f"{float(spent):.8g}",
        0 < spent <= budget.rho - budget.reserve,
    )


def _check_epsilon(reference: IndependentAccounting, stated: dict[str, Any]) -> Finding:
    gate, rho = float(reference.policy.gate_delta), float(reference.policy.budgets[reference.kind].rho)
    days = [(1, stated["epsilon"]), *((day["engagements"], day["epsilon"]) for day in stated["account_day"])]
    wrong = []
    for engagements, epsilons in days:
        for pair in epsilons:
            delta, epsilon = pair["delta"], pair["epsilon"]
            left = delta - engagements * gate
            if epsilon is None or left <= 0:
                wrong += [] if epsilon is None and left <= 0 else [f"{engagements} at δ = {delta:g}"]
                continue
            best = epsilon_from_zcdp(engagements * rho, left)
            sound = epsilon >= max(exact_epsilon(engagements * rho, left), best - EPSILON_TOLERANCE)
            if not sound or epsilon > best + EPSILON_TOLERANCE:
                wrong.append(f"{engagements} at δ = {delta:g}: {epsilon} instead of {best:.4f}")
    return Finding(
        "stated ε of an engagement and of the account-days",
        "the smallest known ε for this ρ, at both δ minus the gate's δ, and not below that of the exact "
        "Gaussian",
        f"wrong for {'; '.join(wrong)}" if wrong else f"correct for all {2 * len(days)}",
        not wrong,
    )


def _check_ledger(calibration: Calibration, entropy: EntropySource) -> Finding:
    policy = calibration.policy
    log = encode_log(policy, [CountChange({}, policy.k + 1)])
    (release,) = TargetHistories.create(calibration, 1).release([log], entropy)
    encoded, _ = LedgerHead(0, 0, "").append(release, calibration)
    entry = msgspec.json.decode(encoded, type=LedgerEntry)
    budget = policy.budgets[calibration.kind]
    cost = budget.total + budget.removals + sum(budget.breakdowns.values())
    return Finding(
        "cost stated in a ledger entry",
        f"ρ = {float(cost):g} under policy {policy.version}, with its digest",
        f"ρ = {entry.rho} under policy {entry.policy_version}",
        Fraction(entry.rho) == cost
        and (entry.policy_version, entry.policy_digest) == (policy.version, policy.digest),
    )
