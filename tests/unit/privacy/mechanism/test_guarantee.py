"""The machine-readable guarantee: everything in it follows from the policy."""

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from privacy.mechanism.accounting import calibrate
from privacy.mechanism.guarantee import guarantee
from privacy.model.engagement import Kind
from privacy.policy.file import load_policy

POLICY = load_policy()


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The default policy's guarantee, as a reader gets it."""
    text = json.dumps(guarantee(POLICY), allow_nan=False)
    document: dict[str, Any] = json.loads(text)
    return document


def epsilons(rows: list[dict[str, float]]) -> list[float | None]:
    """The epsilons at both deltas."""
    assert [row["delta"] for row in rows] == [1e-6, 1e-9]
    return [row["epsilon"] for row in rows]


def test_the_declared_values_are_there(document: dict[str, Any]) -> None:
    """Version, k, w, M, schedule and domains are the policy's."""
    assert (document["version"], document["policy_sha256"]) == (POLICY.version, POLICY.digest)
    assert document["anonymity"] == {"k": 20, "hard": True}
    assert document["contribution"] == {"flip_cap": 4, "daily_cap": 100}
    assert document["schedule"]["epochs"] == len(document["schedule"]["due_ages_seconds"]) == 87
    assert document["dimensions"]["gender"] == ["female", "male", "other", "undisclosed"]
    assert document["children"] == {"dropped_age_bands": ["under-13"]}
    assert document["intake"]["earliest_occurred_at"] == "2016-09-01T00:00:00Z"


def test_epsilon_per_engagement(document: dict[str, Any]) -> None:
    """A rho of 0.1 is epsilon 2.14 at delta 1e-6 and 2.72 at 1e-9, with the gate's delta, rounded up."""
    like = document["kinds"]["like"]
    assert (like["rho"], like["reserve_rho"]) == (0.1, 0.012)
    assert epsilons(like["epsilon"]) == pytest.approx([2.142, 2.7155], abs=2e-4)


def test_the_account_day_table(document: dict[str, Any]) -> None:
    """1, 10, 50 and M engagements a day cost that many times rho; one costs what an engagement costs."""
    like = document["kinds"]["like"]
    table = like["account_day"]
    assert [row["engagements"] for row in table] == [1, 10, 50, 100]
    assert [row["rho"] for row in table] == pytest.approx([0.1, 1, 5, 10])
    assert table[0]["epsilon"] == like["epsilon"]
    at_one_in_a_million = [epsilons(row["epsilon"])[0] for row in table]
    assert at_one_in_a_million == pytest.approx([2.142, 7.7663, 20.552, 32.222], abs=2e-3)


def test_the_account_day_table_follows_the_daily_cap() -> None:
    """The table ends with M, whatever it is."""
    engagements = {
        cap: [
            row["engagements"]
            for row in guarantee(replace(POLICY, daily_cap=cap))["kinds"]["like"]["account_day"]
        ]
        for cap in (1, 7, 50, 1000)
    }
    assert engagements == {1: [1], 7: [1, 7], 50: [1, 10, 50], 1000: [1, 10, 50, 1000]}


def test_a_gate_that_uses_up_delta_has_no_epsilon() -> None:
    """Where the gate's delta, taken M times, reaches delta, the epsilon is null and not a number."""
    rows = guarantee(replace(POLICY, gate_delta=Fraction(1, 10**8)))["kinds"]["like"]["account_day"]
    assert epsilons(rows[0]["epsilon"])[1] is None
    assert epsilons(rows[0]["epsilon"])[0] is not None
    assert epsilons(rows[-1]["epsilon"]) == [None, None]


def test_statistics_state_their_noise(document: dict[str, Any]) -> None:
    """Each statistic names rho, sensitivity, scale, and deviation and threshold of every epoch."""
    calibration = calibrate(POLICY, Kind.LIKE)
    steps = np.arange(87)
    rows = document["kinds"]["like"]["statistics"]
    layout = POLICY.layout
    streams = [layout.total, *(place.start for place in layout.breakdowns), layout.removals.start]
    for row, statistic, stream in zip(rows, calibration.statistics, streams, strict=True):
        assert row["name"] == statistic.name
        assert (row["noise_scale"], row["sensitivity_squared"]) == (
            statistic.scale,
            statistic.sensitivity_squared,
        )
        assert row["sd_by_epoch"] == pytest.approx(calibration.deviations(steps)[:, stream], abs=5e-4)
        accounts = POLICY.k * (POLICY.flip_cap // 2 if statistic.name == "removals" else 1)
        least = accounts + calibration.margins(steps)[:, stream]
        assert (np.array(row["threshold_by_epoch"]) - least < 1).all()
        assert (np.array(row["threshold_by_epoch"]) >= least).all()


def test_budgets_of_the_statistics_add_up(document: dict[str, Any]) -> None:
    """The budgets of the statistics and the reserve add up to rho."""
    like = document["kinds"]["like"]
    assert sum(row["rho"] for row in like["statistics"]) + like["reserve_rho"] == pytest.approx(like["rho"])


def test_another_policy_is_another_guarantee(document: dict[str, Any]) -> None:
    """Less budget is less epsilon, and a larger w is more noise: nothing is typed in."""
    more_flips = guarantee(replace(POLICY, flip_cap=6))["kinds"]["like"]
    default = document["kinds"]["like"]
    assert more_flips["epsilon"] == default["epsilon"]
    assert more_flips["statistics"][0]["noise_scale"] > default["statistics"][0]["noise_scale"]
    budget = POLICY.budgets[Kind.LIKE]
    half = replace(
        budget,
        rho=budget.rho / 2,
        total=budget.total / 2,
        removals=budget.removals / 2,
        reserve=budget.reserve / 2,
        breakdowns={name: rho / 2 for name, rho in budget.breakdowns.items()},
    )
    halved = guarantee(replace(POLICY, budgets={Kind.LIKE: half}))["kinds"]["like"]
    assert halved["epsilon"][0]["epsilon"] < 1.5
    assert halved["statistics"][0]["noise_scale"] == pytest.approx(
        default["statistics"][0]["noise_scale"] * 2**0.5, rel=1e-4
    )
