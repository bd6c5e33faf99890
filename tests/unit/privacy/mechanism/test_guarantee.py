"""The machine-readable guarantee: everything in it follows from the policy."""

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from privacy.mechanism.accounting import calibrate
from privacy.mechanism.conversion import epsilon_at
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
    assert (document["anonymity"]["k"], document["anonymity"]["hard"]) == (20, True)
    contribution = document["contribution"]
    assert (contribution["flip_cap"], contribution["daily_cap"]) == (4, 100)
    assert document["schedule"]["epochs"] == len(document["schedule"]["due_ages_seconds"]) == 87
    assert document["dimensions"]["gender"] == ["female", "male", "other", "undisclosed"]
    assert document["children"] == {"dropped_age_bands": ["under-13"]}
    assert document["intake"]["earliest_occurred_at"] == "2016-09-01T00:00:00Z"


def test_epsilon_per_engagement(document: dict[str, Any]) -> None:
    """A rho of 0.1 is epsilon 2.14 at delta 1e-6 and 2.72 at 1e-9, with the gate's delta, rounded up."""
    like = document["kinds"]["like"]
    assert (like["rho"], like["reserve_rho"]) == (0.1, 0.012)
    assert epsilons(like["epsilon"]) == pytest.approx([2.142, 2.7155], abs=2e-4)


def test_the_unit_is_one_relation_of_one_kind(document: dict[str, Any]) -> None:
    """A like and a favourite of one video by one account are two engagements: rho 0.2, epsilon 3.13."""
    videos, creators = document["unit"]["kinds_together"]
    assert (videos["target_type"], videos["kinds"], videos["rho"]) == ("video", ["like", "favorite"], 0.2)
    expected = [epsilon_at(0.2, delta, 2e-12) for delta in (1e-6, 1e-9)]
    assert epsilons(videos["epsilon"]) == pytest.approx(expected, abs=1e-4)
    assert epsilons(videos["epsilon"])[0] == pytest.approx(3.13, abs=5e-3)
    assert videos["max_accuracy"] == pytest.approx((1 + 0.1**0.5) / 2, abs=1e-4)
    assert (creators["kinds"], creators["rho"]) == (["follow"], 0.1)
    assert creators["epsilon"] == document["kinds"]["follow"]["epsilon"]


def test_kinds_of_one_target_are_added_up() -> None:
    """Unequal budgets add up; a type of target that no kind counts is left out."""
    like, favorite = POLICY.budgets[Kind.LIKE], POLICY.budgets[Kind.FAVORITE]
    more = replace(favorite, rho=favorite.rho + Fraction(3, 10), total=favorite.total + Fraction(3, 10))
    policy = replace(POLICY, budgets={Kind.LIKE: like, Kind.FAVORITE: more})
    (together,) = guarantee(policy)["unit"]["kinds_together"]
    assert together["rho"] == 0.5
    expected = epsilon_at(0.5, 1e-6, 2 * float(POLICY.gate_delta))
    assert together["epsilon"][0]["epsilon"] == pytest.approx(expected, abs=1e-4)


def test_the_attacker_knows_everything_else_about_the_account_too(document: dict[str, Any]) -> None:
    """Both statements of it say so: that of the unit, and that of each kind in words."""
    assert "about this account" in document["unit"]["attacker_knows"]
    for kind in document["kinds"].values():
        assert (
            "knows everything else, about everyone else and about you, too," in kind["attacker"]["in_words"]
        )


def test_k_is_claimed_for_measured_numbers_only(document: dict[str, Any]) -> None:
    """Totals, cells and removals pass the gate; what is derived from them is named, and is not claimed."""
    anonymity = document["anonymity"]
    assert anonymity["measured"] == ["total", "cells", "removals"]
    assert {"other", "change", "gained"} <= set(anonymity["derived"])
    assert not {*anonymity["measured"]} & {*anonymity["derived"]}
    assert "may be about fewer" in anonymity["in_words"]


def test_m_in_force_bounds_an_account_under_an_older_version() -> None:
    """An older version states its own M, the one in force, and the cost of a day with that one."""
    later = replace(POLICY, version="later", daily_cap=500)
    document = guarantee(POLICY, later)
    contribution = document["contribution"]
    assert (document["version"], contribution["daily_cap"]) == (POLICY.version, 100)
    assert contribution["in_force"] == {"version": "later", "daily_cap": 500}
    for kind in document["kinds"].values():
        assert [row["engagements"] for row in kind["account_day"]] == [1, 10, 50, 500]
        assert kind["account_day"][-1]["rho"] == 50
    assert guarantee(POLICY)["contribution"]["in_force"] == {"version": POLICY.version, "daily_cap": 100}


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
