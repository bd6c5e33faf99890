"""The example policy that protects an account's month: what it promises, keeps and costs."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from privacy.audit.parameters import check_account_month
from privacy.errors import PolicyError
from privacy.mechanism.accounting import calibrate
from privacy.mechanism.guarantee import guarantee
from privacy.model.engagement import Kind
from privacy.policy.file import load_policy
from privacy.policy.policy import AccountMonth

ROOT = Path(__file__).parents[4]
POLICY = load_policy(ROOT / "examples/user-month/policy.toml")
TEN = AccountMonth(Fraction(10), Fraction(1, 10**9))


@pytest.fixture(scope="module")
def stated() -> dict[str, Any]:
    """The guarantee of the example."""
    return guarantee(POLICY)


def test_a_month_of_the_example_costs_no_more_than_ten(stated: dict[str, Any]) -> None:
    """A hundred engagements of an account, of whichever kind costs most, at the smaller of the two deltas."""
    month = stated["account_month"]
    assert (POLICY.monthly_cap, POLICY.account_month) == (100, TEN)
    assert (month["monthly_cap"], month["delta"], month["promised_epsilon"]) == (100, 1e-9, 10.0)
    assert 9.9 < month["epsilon"] <= 10
    for kind in stated["kinds"].values():
        full = kind["account_month"][-1]
        assert full["engagements"] == 100
        assert all(cost["epsilon"] <= month["epsilon"] for cost in full["epsilon"])


def test_a_month_whose_gates_use_up_delta_is_told_so() -> None:
    """No rho helps then: the message names delta, and the caps and gates that it is for."""
    small = replace(TEN, delta=Fraction(1, 10**10))
    with pytest.raises(
        PolicyError,
        match=r"account_month\.delta: is 1e-10, but the gates of 100 .* cost 1e-10 of it; a larger delta",
    ):
        guarantee(replace(POLICY, account_month=small))


@pytest.mark.parametrize(
    "changes",
    [{"monthly_cap": 102}, {"account_month": replace(TEN, epsilon=Fraction(99, 10))}],
    ids=["a larger cap", "a smaller promise"],
)
def test_a_month_that_costs_more_than_promised_is_refused(changes: dict[str, Any]) -> None:
    """The message names both, and the way on."""
    with pytest.raises(
        PolicyError, match=r"account_month\.epsilon: is .* cost .*; a smaller rho or monthly_cap"
    ):
        guarantee(replace(POLICY, **changes))


@pytest.mark.parametrize(("cap", "is_kept"), [(None, False), (101, False), (100, True), (30, True)])
def test_a_promise_holds_under_the_cap_in_force(cap: int | None, is_kept: bool) -> None:
    """Targets keep their version, accounts have the caps in force: with a larger one nothing is promised."""
    later = replace(POLICY, version="later", monthly_cap=cap, account_month=None)
    document = guarantee(POLICY, later)
    caps = document["contribution"]
    assert (caps["monthly_cap"], caps["in_force"]["monthly_cap"]) == (100, cap)
    assert (document["account_month"] is not None) == is_kept
    assert document["kinds"]["like"]["account_month"][-1]["engagements"] == (cap or 1_000)


@pytest.mark.parametrize("kind", POLICY.budgets, ids=lambda kind: kind.label)
def test_the_audit_finds_the_month_by_its_own_accountant(kind: Kind, stated: dict[str, Any]) -> None:
    """What is stated passes; less, or more than is promised, does not."""
    calibration, month = calibrate(POLICY, kind), stated["account_month"]
    (found,) = check_account_month(calibration, month)
    assert found.passed
    (broken,) = check_account_month(calibration, month | {"epsilon": 10.001})
    assert not broken.passed
    if kind is Kind.LIKE:
        (short,) = check_account_month(calibration, month | {"epsilon": month["epsilon"] - 0.001})
        assert not short.passed
    assert not list(check_account_month(calibrate(load_policy(), kind), None))


def test_the_page_says_what_a_month_costs(stated: dict[str, Any]) -> None:
    """The table of thresholds in docs/platform.md is that of both policies."""
    page = (ROOT / "docs/platform.md").read_text()
    packaged = guarantee(load_policy())
    for words, name in (
        ("total", "total"),
        ("cell of a breakdown", "region"),
        ("removals for one reason", "removals"),
    ):
        cells = " | ".join(f"{first}, {last}" for first, last in (ends(packaged, name), ends(stated, name)))
        assert f"| {words} | {cells} |\n" in page


def ends(document: dict[str, Any], name: str) -> tuple[int, int]:
    """Return the thresholds of likes at the first and at the last epoch."""
    (thresholds,) = (
        statistic["threshold_by_epoch"]
        for statistic in document["kinds"]["like"]["statistics"]
        if statistic["name"] == name
    )
    return thresholds[0], thresholds[-1]
