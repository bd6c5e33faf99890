"""Compares the σ, τ, ε and cost that the program uses and states with the audit's own calculation."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import sqrt
from typing import Any

import msgspec
import numpy as np
from scipy.special import ndtr

from privacy.audit.exact_gaussian import exact_epsilon
from privacy.audit.independent_accounting import IndependentAccounting, epsilon_of
from privacy.audit.joint_history import is_exhaustive
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
    document = guarantee(policy)
    stated = document["kinds"][kind.label]
    findings = (
        *_check_scales(calibration, reference),
        _check_factorisation(calibration, reference),
        _check_margins(calibration, reference),
        _check_stated_curves(calibration, reference, stated),
        _check_budget(calibration, reference),
        _check_epsilon(calibration, reference, stated),
        _check_kinds_together(calibration, document["unit"]["kinds_together"]),
        *check_account_month(calibration, document["account_month"]),
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
    rows = list(
        zip(
            reference.names,
            reference.streams,
            reference.budgets,
            reference.sensitivities_squared,
            strict=True,
        )
    )
    joint = calibration.policy.budgets[calibration.kind].removals is None
    for name, streams, rho, sensitivity_squared in rows[:-1] if joint else rows:
        scales = sorted({int(scale) for scale in used[streams]})
        spent = Fraction(sensitivity_squared, 2 * scales[0] ** 2) if scales[0] else Fraction(0)
        generous = Fraction(sensitivity_squared, 2 * (scales[0] - 1) ** 2) if scales[0] > 1 else rho + 1
        yield Finding(
            f"noise scale of {name}",
            f"the smallest integer with Δ²/2σ² ≤ ρ = {float(rho):g}, where Δ² = {sensitivity_squared}",
            f"σ = {', '.join(map(str, scales))}: Δ²/2σ² = {float(spent):.8g}",
            len(scales) == 1 and 0 < spent <= rho < generous,
        )
    if joint:
        yield _check_joint_scale(calibration, reference)


def _check_joint_scale(calibration: Calibration, reference: IndependentAccounting) -> Finding:
    rho, flips = reference.measured_rho, calibration.policy.flip_cap
    scales = sorted({int(scale) for scale in calibration.stream_scales[reference.streams[-1]]})
    noise = _list_noise(calibration, reference)
    least = max(scales[0], 2)
    spent = reference.rho_of_worst_history((*noise[:-1], max(scales[0], 1)))
    generous = reference.rho_of_worst_history((*noise[:-1], least - 1))
    smallest = rho < generous or not is_exhaustive(reference.coefficients, flips)
    return Finding(
        "noise scale of removals",
        f"the smallest integer with which no history costs more than ρ = {float(rho):g} over all statistics",
        f"σ = {', '.join(map(str, scales))}: the worst history costs {float(spent):.8g}",
        len(scales) == 1 and scales[0] > 0 and 0 < spent <= rho and smallest,
    )


def _list_noise(calibration: Calibration, reference: IndependentAccounting) -> tuple[int, ...]:
    """Returns the noise scale of each statistic."""
    return tuple(int(calibration.stream_scales[streams.start]) for streams in reference.streams)


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
    noise = _list_noise(calibration, reference)
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
    noise = _list_noise(calibration, reference)
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
    noise = _list_noise(calibration, reference)
    budget = calibration.policy.budgets[calibration.kind]
    if budget.removals is None:
        spent = reference.rho_of_worst_history(noise)
    else:
        spent = sum(
            (
                Fraction(sensitivity_squared, 2 * scale * scale)
                for scale, sensitivity_squared in zip(noise, reference.sensitivities_squared, strict=True)
            ),
            Fraction(0),
        )
    return Finding(
        "ρ of all statistics together",
        f"at most ρ without reserve and audiences = {float(reference.measured_rho):g}",
        f"{float(spent):.8g}",
        0 < spent <= reference.measured_rho,
    )


def _check_epsilon(
    calibration: Calibration, reference: IndependentAccounting, stated: dict[str, Any]
) -> Finding:
    rows = list(_list_costs(calibration, reference, stated))
    wrong = []
    for label, engagements, rho, costs in rows:
        if abs(costs["rho"] - float(rho)) > CLOSE * float(rho):
            wrong.append(f"{label}: ρ = {costs['rho']} instead of {float(rho):g}")
        wrong += _list_wrong_epsilons(calibration, label, rho, engagements, costs["epsilon"])
    return Finding(
        "stated ρ and ε of an engagement, of its histories, and of an account's days and months",
        "the smallest known ε for this ρ, at both δ minus the gate's δ, and not below that of the exact "
        "Gaussian",
        f"wrong for {'; '.join(wrong)}" if wrong else f"correct for all {len(rows)} rows",
        not wrong,
    )


def _check_kinds_together(calibration: Calibration, rows: Sequence[dict[str, Any]]) -> Finding:
    policy, kind = calibration.policy, calibration.kind
    (row,) = (row for row in rows if kind.label in row["kinds"])
    rhos = [policy.budgets[each].rho for each in policy.kinds_of(kind.target_type)]
    rho, kinds = sum(rhos, Fraction(0)), len(rhos)
    wrong = list(_list_wrong_epsilons(calibration, "together", rho, kinds, row["epsilon"]))
    if abs(row["rho"] - float(rho)) > CLOSE * float(rho):
        wrong.append(f"ρ = {row['rho']} instead of {float(rho):g}")
    most_right = float(ndtr(sqrt(rho / 2))) + kinds * float(policy.gate_delta) / 2
    if row["max_accuracy"] < most_right:
        wrong.append(f"right guesses: {row['max_accuracy']} instead of {most_right:.4f}")
    return Finding(
        "stated ρ, ε and right guesses of all relations of one account to one target",
        f"those of {kinds} engagements; guesses not below those that the exact Gaussian allows",
        f"wrong: {'; '.join(wrong)}" if wrong else f"correct: ρ = {row['rho']}",
        not wrong,
    )


def check_account_month(calibration: Calibration, stated: dict[str, Any] | None) -> Iterator[Finding]:
    """Checks what the policy promises for an account's month of this kind; nothing if it promises nothing."""
    policy, cap = calibration.policy, calibration.policy.monthly_cap
    promise = policy.account_month
    if promise is None or cap is None:
        return
    rho, delta = cap * policy.budgets[calibration.kind].rho, float(promise.delta)
    best = epsilon_of(
        policy, rho, delta - cap * float(policy.gate_delta), int(calibration.stream_scales.min())
    )
    shown = stated["epsilon"] if stated else 0.0
    yield Finding(
        "an account's month",
        f"{cap} engagements cost at most the stated ε at δ = {delta:g}, which is at most the promised one",
        f"{best:.4f}; {shown} is stated, {float(promise.epsilon):g} is promised",
        best <= shown + EPSILON_TOLERANCE and shown <= promise.epsilon,
    )


def _list_costs(
    calibration: Calibration, reference: IndependentAccounting, stated: dict[str, Any]
) -> Iterator[tuple[str, int, Fraction, dict[str, Any]]]:
    """Yields a label, the number of engagements, their ρ, and what is stated of them."""
    noise = _list_noise(calibration, reference)
    rho = calibration.policy.budgets[calibration.kind].rho

    def cost_of(flips: int) -> Fraction:
        return reference.rho_of_worst_history(noise, flips) + reference.audiences_rho

    yield "an engagement", 1, rho, stated
    for history in stated["histories"]:
        yield f"{history['flips']} flips", 1, cost_of(history["flips"]), history
    for name in ("account_day", "account_month"):
        for row in stated[name]:
            count = row["engagements"]
            yield f"{count} in {name}", count, count * rho, row
            if kept := row.get("if_kept"):
                yield f"{count} that stay", count, count * cost_of(1), kept


def _list_wrong_epsilons(
    calibration: Calibration, label: str, rho: Fraction, engagements: int, pairs: list[dict[str, Any]]
) -> Iterator[str]:
    policy, least_scale = calibration.policy, int(calibration.stream_scales.min())
    for pair in pairs:
        delta, epsilon = pair["delta"], pair["epsilon"]
        left = delta - engagements * float(policy.gate_delta)
        if epsilon is None or left <= 0:
            if epsilon is not None or left > 0:
                yield f"{label} at δ = {delta:g}"
            continue
        best = epsilon_of(policy, rho, left, least_scale)
        sound = epsilon >= max(exact_epsilon(float(rho), left), best - EPSILON_TOLERANCE)
        if not sound or epsilon > best + EPSILON_TOLERANCE:
            yield f"{label} at δ = {delta:g}: {epsilon} instead of {best:.4f}"


def _check_ledger(calibration: Calibration, entropy: EntropySource) -> Finding:
    policy = calibration.policy
    log = encode_log(policy, [CountChange({}, policy.k + 1)])
    (release,) = TargetHistories.create(calibration, 1).release([log], entropy)
    encoded, _ = LedgerHead(0, 0, "").append(release, calibration)
    entry = msgspec.json.decode(encoded, type=LedgerEntry)
    cost = IndependentAccounting(
        policy, calibration.kind, calibration.factorisation.coefficients
    ).measured_rho
    return Finding(
        "cost stated in a ledger entry",
        f"ρ = {float(cost):g} under policy {policy.version}, with its digest",
        f"ρ = {entry.rho} under policy {entry.policy_version}",
        Fraction(entry.rho) == cost
        and (entry.policy_version, entry.policy_digest) == (policy.version, policy.digest),
    )
