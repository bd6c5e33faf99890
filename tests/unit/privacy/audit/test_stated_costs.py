"""Everything that a policy's guarantee states costs no less than the audit's own accountant finds."""

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from math import inf, sqrt
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pytest

from privacy.audit.audience_reference import AudienceReference
from privacy.audit.independent_accounting import IndependentAccounting, epsilon_of
from privacy.mechanism.accounting import Calibration, calibrate
from privacy.mechanism.guarantee import guarantee
from privacy.model.engagement import Kind
from privacy.policy.file import load_policy
from privacy.policy.policy import Policy

ROOT = Path(__file__).parents[4]
POLICIES = {
    "packaged": load_policy(),
    "user-month": load_policy(ROOT / "examples/user-month/policy.toml"),
}
KINDS = [Kind.LIKE, Kind.FAVORITE, Kind.FOLLOW]


@cache
def document_of(name: str) -> dict[str, Any]:
    """The guarantee of a policy."""
    return guarantee(POLICIES[name])


@cache
def calibration_of(name: str, kind: Kind) -> Calibration:
    """The mechanism of a kind."""
    return calibrate(POLICIES[name], kind)


def reference_of(name: str, kind: Kind) -> IndependentAccounting:
    """The audit's accounting of a kind."""
    coefficients = calibration_of(name, kind).factorisation.coefficients
    return IndependentAccounting(POLICIES[name], kind, coefficients)


def list_stated(name: str, kind: Kind) -> Iterator[tuple[str, int, Fraction, list[dict[str, Any]]]]:
    """Yields a label, a number of engagements, their cost by the audit's own code, and what is stated."""
    policy, reference = POLICIES[name], reference_of(name, kind)
    calibration, stated = calibration_of(name, kind), document_of(name)["kinds"][kind.label]
    noise = tuple(int(calibration.stream_scales[streams.start]) for streams in reference.streams)

    @cache
    def cost_of(flips: int) -> Fraction:
        return reference.rho_of_worst_history(noise, flips) + reference.audiences_rho

    worst = cost_of(policy.flip_cap)
    assert worst <= policy.budgets[kind].rho
    yield "engagement", 1, worst, stated["epsilon"]
    for row in stated["histories"]:
        yield f"{row['flips']} flips", 1, cost_of(row["flips"]), row["epsilon"]
    for table in ("account_day", "account_month"):
        for row in stated[table]:
            count = row["engagements"]
            yield f"{count} of {table}", count, count * worst, row["epsilon"]
            if kept := row.get("if_kept"):
                yield f"{count} of {table} that stay", count, count * cost_of(1), kept["epsilon"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.label)
@pytest.mark.parametrize("name", POLICIES)
def test_no_epsilon_is_stated_below_what_the_audits_accountant_finds(name: str, kind: Kind) -> None:
    """Of an engagement, of its histories, and of an account's days and months."""
    policy, least_scale = POLICIES[name], int(calibration_of(name, kind).stream_scales.min())
    stated = list(list_stated(name, kind))
    assert {"engagement", "1 flips", "4 flips", "1 of account_day", "100 of account_month"} <= {
        label for label, *_ in stated
    }
    for label, count, rho, pairs in stated:
        for pair in pairs:
            found = find_epsilon(policy, rho, count, pair["delta"], least_scale)
            assert found <= read_epsilon(pair), (label, pair)


@pytest.mark.parametrize("name", POLICIES)
def test_what_kinds_of_one_target_cost_together_is_not_stated_below_it(name: str) -> None:
    """A like and a favourite of one video: epsilon, and the right guesses of an attacker."""
    policy = POLICIES[name]
    for row in document_of(name)["unit"]["kinds_together"]:
        kinds = [kind for kind in KINDS if kind.label in row["kinds"]]
        rho = sum((policy.budgets[kind].rho for kind in kinds), Fraction(0))
        scales = [int(calibration_of(name, kind).stream_scales.min()) for kind in kinds]
        gate = len(kinds) * float(policy.gate_delta)
        assert NormalDist().cdf(sqrt(rho / 2)) + gate / 2 <= row["max_accuracy"]
        for pair in row["epsilon"]:
            found = find_epsilon(policy, rho, len(kinds), pair["delta"], min(scales))
            assert found <= read_epsilon(pair), (row["kinds"], pair)


@pytest.mark.parametrize("name", POLICIES)
def test_what_audiences_cost_is_not_stated_below_it(name: str) -> None:
    """Of each number by its noise, of each scope, and of all audiences of one engagement."""
    stated = document_of(name)["audiences"]
    references = AudienceReference.list_all([calibration_of(name, Kind.LIKE)])
    spent_by_all = Fraction(0)
    for row, reference in zip(stated["periods"], references, strict=True):
        spent = {
            number["name"]: Fraction(
                reference.sensitivity_squared(number["name"]), 2 * number["noise_scale"] ** 2
            )
            for number in row["statistics"]
        }
        assert set(spent) == set(reference.cells)
        assert all(spent[number["name"]] <= number["rho"] for number in row["statistics"])
        assert sum(spent.values()) <= row["rho"]
        scopes = stated["hashtags_per_video"] if row["scope"] == "hashtag" else 1
        spent_by_all += scopes * sum(spent.values())
    assert 0 < spent_by_all <= stated["rho"]
    assert stated["rho"] == document_of(name)["kinds"]["like"]["audiences_rho"]
    least = min(min(reference.scales.values()) for reference in references)
    assert least >= int(calibration_of(name, Kind.LIKE).stream_scales.min())


def find_epsilon(policy: Policy, rho: Fraction, engagements: int, delta: float, least_scale: int) -> float:
    """What the audit's accountant finds, at what the gate leaves of delta."""
    left = delta - engagements * float(policy.gate_delta)
    return epsilon_of(policy, rho, left, least_scale) if left > 0 else inf


def read_epsilon(pair: dict[str, Any]) -> float:
    """What is stated; infinity for null."""
    return inf if pair["epsilon"] is None else float(pair["epsilon"])
