"""The machine-readable guarantee: everything in it follows from the policy."""

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from privacy.errors import PolicyError
from privacy.mechanism.accounting import calibrate
from privacy.mechanism.conversion import epsilon_at
from privacy.mechanism.guarantee import guarantee
from privacy.model.engagement import Kind
from privacy.policy.budget import Accounting
from privacy.policy.file import load_policy
from privacy.policy.policy import AccountMonth
from tests.support.first_policy import FIRST_POLICY

POLICY = load_policy()


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The default policy's guarantee, as a reader gets it."""
    text = json.dumps(guarantee(POLICY), allow_nan=False)
    document: dict[str, Any] = json.loads(text)
    return document


def epsilons(rows: list[dict[str, float]]) -> list[float | None]:
    """The epsilons at both deltas, the smaller delta first."""
    assert [row["delta"] for row in rows] == [1e-9, 1e-6]
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
    """A rho of 0.1092 is epsilon 2.7154 at delta 1e-9 and 2.0931 at 1e-6, rounded up, gate included."""
    like = document["kinds"]["like"]
    assert (like["rho"], like["reserve_rho"], like["audiences_rho"]) == (0.1092, 0, 0.02102)
    assert epsilons(like["epsilon"]) == [2.7154, 2.0931]


def test_no_epsilon_is_larger_than_it_was(document: dict[str, Any]) -> None:
    """At both deltas, of each kind, and of all kinds of one target: less noise is not less privacy."""
    before = guarantee(FIRST_POLICY)
    for kind, details in document["kinds"].items():
        for now, then in zip(
            epsilons(details["epsilon"]), epsilons(before["kinds"][kind]["epsilon"]), strict=True
        ):
            assert now is not None
            assert then is not None
            assert now <= then
    pairs = zip(document["unit"]["kinds_together"], before["unit"]["kinds_together"], strict=True)
    for now_together, then_together in pairs:
        assert epsilons(now_together["epsilon"]) <= epsilons(then_together["epsilon"])
        assert now_together["max_accuracy"] <= then_together["max_accuracy"]


def test_each_figure_names_its_accountant(document: dict[str, Any]) -> None:
    """The stated epsilon is the policy's accountant's; the other one's stands beside it, and is larger."""
    like = document["kinds"]["like"]
    assert like["mechanism"]["accounting"] == "gaussian"
    assert {row["accountant"] for row in like["epsilon"]} == {"gaussian"}
    by = like["epsilon_by_accountant"]
    assert by["gaussian"] == like["epsilon"]
    assert {row["accountant"] for row in by["zcdp"]} == {"zcdp"}
    zcdp = [epsilon_at(0.1092, delta, 1e-10) for delta in (1e-9, 1e-6)]
    assert epsilons(by["zcdp"]) == pytest.approx(zcdp, abs=1e-4)
    first = guarantee(FIRST_POLICY)["kinds"]["like"]
    assert first["epsilon"] == first["epsilon_by_accountant"]["zcdp"]


def test_the_bars_of_the_default_policy(document: dict[str, Any]) -> None:
    """A total shows from 110 or less at every epoch, a cell from 230, a number of removals from 250."""
    for kind in document["kinds"].values():
        total, *cells, removals = (max(row["threshold_by_epoch"]) for row in kind["statistics"])
        assert total <= 110
        assert max(cells) <= 230
        assert removals <= 250


def test_an_older_policy_means_what_it_meant() -> None:
    """Scales, z, thresholds and epsilon of the first shipped policy, to the digit."""
    like = guarantee(FIRST_POLICY)["kinds"]["like"]
    total, *cells, removals = like["statistics"]
    assert [row["noise_scale"] for row in (total, *cells, removals)] == [44237, *[85663] * 6, 120248]
    assert like["mechanism"]["gate_z"] == 7.910952
    thresholds = [row["threshold_by_epoch"] for row in (total, cells[0], removals)]
    assert [(row[0], row[-1]) for row in thresholds] == [(106, 135), (186, 243), (274, 353)]
    assert epsilons(like["epsilon"]) == [2.7156, 2.142]
    assert like["attacker"]["max_accuracy"] == 0.6119
    assert (like["rho"], like["reserve_rho"], like["audiences_rho"]) == (0.1, 0.012, 0)


def test_the_table_by_history(document: dict[str, Any]) -> None:
    """A like that stays costs least; w flips cost what is stated of an engagement, and not more."""
    like = document["kinds"]["like"]
    assert [row["flips"] for row in like["histories"]] == [1, 2, 3, 4]
    costs = [row["rho"] for row in like["histories"]]
    assert costs == sorted(costs)
    assert costs[0] == pytest.approx(0.0702, abs=1e-4)
    assert 0.109 < costs[-1] <= 0.1092
    assert like["histories"][-1]["epsilon"] == like["epsilon"]
    first = [row["rho"] for row in guarantee(FIRST_POLICY)["kinds"]["like"]["histories"]]
    assert first == pytest.approx([0.0480, 0.0584, 0.0745, 0.0822], abs=1e-4)


def test_histories_end_at_the_flip_cap() -> None:
    """With w = 2 there is no third flip."""
    rows = guarantee(replace(POLICY, flip_cap=2))["kinds"]["like"]["histories"]
    assert [row["flips"] for row in rows] == [1, 2]


def test_the_account_month_table(document: dict[str, Any]) -> None:
    """Any engagements cost their number times rho, and likes that stay less; the gate uses up 1e-9 at ten."""
    like = document["kinds"]["like"]
    table = like["account_month"]
    assert [row["engagements"] for row in table] == [1, 10, 30, 100, 300, 1000]
    assert [row["rho"] for row in table] == pytest.approx([0.1092 * row["engagements"] for row in table])
    stay = like["histories"][0]
    assert table[0]["if_kept"] == {"rho": stay["rho"], "epsilon": stay["epsilon"]}
    for row in table:
        if_any, if_kept = epsilons(row["epsilon"])[1], epsilons(row["if_kept"]["epsilon"])[1]
        assert if_any is not None
        assert if_kept is not None
        assert if_kept < if_any
        assert (epsilons(row["epsilon"])[0] is None) == (row["engagements"] >= 10)


def test_a_monthly_cap_ends_the_table_and_is_held_to_its_promise() -> None:
    """The promise for an account's month is stated with what is kept; a policy that breaks it is refused."""
    capped = replace(POLICY, monthly_cap=20, account_month=AccountMonth(Fraction(12), Fraction(1, 10**6)))
    document = guarantee(capped)
    assert [row["engagements"] for row in document["kinds"]["like"]["account_month"]] == [1, 10, 20]
    month = document["account_month"]
    assert (month["monthly_cap"], month["promised_epsilon"], month["rho"]) == (20, 12, 20 * 0.1092)
    kept = epsilon_at(20 * 0.1092, 1e-6, 20 * 1e-10, Accounting.GAUSSIAN)
    assert month["epsilon"] == pytest.approx(kept, abs=1e-4)
    with pytest.raises(PolicyError, match=r"account_month\.epsilon: is 11, but 20 engagements cost 11\."):
        guarantee(replace(capped, account_month=AccountMonth(Fraction(11), Fraction(1, 10**6))))
    assert guarantee(POLICY)["account_month"] is None


def test_the_unit_is_one_relation_of_one_kind(document: dict[str, Any]) -> None:
    """A like and a favourite of one video by one account are two engagements: rho 0.2164, epsilon 3.93."""
    videos, creators = document["unit"]["kinds_together"]
    assert (videos["target_type"], videos["kinds"], videos["rho"]) == ("video", ["like", "favorite"], 0.2164)
    expected = [epsilon_at(0.2164, delta, 2e-10, Accounting.GAUSSIAN) for delta in (1e-9, 1e-6)]
    assert epsilons(videos["epsilon"]) == pytest.approx(expected, abs=1e-4)
    assert videos["max_accuracy"] == 0.6289
    assert (creators["kinds"], creators["rho"]) == (["follow"], 0.1092)
    assert creators["epsilon"] == document["kinds"]["follow"]["epsilon"]


def test_kinds_of_one_target_are_added_up() -> None:
    """Unequal budgets add up; a type of target that no kind counts is left out."""
    like, favorite = POLICY.budgets[Kind.LIKE], POLICY.budgets[Kind.FAVORITE]
    more = replace(favorite, rho=favorite.rho + Fraction(3, 10), total=favorite.total + Fraction(3, 10))
    policy = replace(POLICY, budgets={Kind.LIKE: like, Kind.FAVORITE: more})
    (together,) = guarantee(policy)["unit"]["kinds_together"]
    assert together["rho"] == 0.5164
    expected = epsilon_at(0.5164, 1e-6, 2 * float(POLICY.gate_delta), Accounting.GAUSSIAN)
    assert together["epsilon"][1]["epsilon"] == pytest.approx(expected, abs=1e-4)


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
    assert contribution["in_force"] == {"version": "later", "daily_cap": 500, "monthly_cap": None}
    for kind in document["kinds"].values():
        assert [row["engagements"] for row in kind["account_day"]] == [1, 10, 50, 500]
        assert kind["account_day"][-1]["rho"] == pytest.approx(500 * kind["rho"])
    own = {"version": POLICY.version, "daily_cap": 100, "monthly_cap": None}
    assert guarantee(POLICY)["contribution"]["in_force"] == own


def test_the_account_day_table(document: dict[str, Any]) -> None:
    """1, 10, 50 and M engagements a day cost that many times rho; one costs what an engagement costs."""
    like = document["kinds"]["like"]
    table = like["account_day"]
    assert [row["engagements"] for row in table] == [1, 10, 50, 100]
    assert [row["rho"] for row in table] == pytest.approx([0.1092, 1.092, 5.46, 10.92])
    assert table[0]["epsilon"] == like["epsilon"]
    at_one_in_a_million = [epsilons(row["epsilon"])[1] for row in table]
    expected = [
        epsilon_at(row["rho"], 1e-6, row["engagements"] * 1e-10, Accounting.GAUSSIAN) for row in table
    ]
    assert at_one_in_a_million == pytest.approx(expected, abs=2e-4)


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
    assert epsilons(rows[0]["epsilon"])[0] is None
    assert epsilons(rows[0]["epsilon"])[1] is not None
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


def test_budgets_of_the_statistics_add_up() -> None:
    """Where calibration is separate, the statistics' budgets and the reserve are rho."""
    like = guarantee(FIRST_POLICY)["kinds"]["like"]
    assert sum(row["rho"] for row in like["statistics"]) + like["reserve_rho"] == pytest.approx(like["rho"])


def test_another_policy_is_another_guarantee(document: dict[str, Any]) -> None:
    """Less budget is less epsilon, and a larger w is more noise: nothing is typed in."""
    more_flips = guarantee(replace(POLICY, flip_cap=6))["kinds"]["like"]
    default = document["kinds"]["like"]
    assert more_flips["epsilon"] == default["epsilon"]
    assert more_flips["statistics"][0]["noise_scale"] > default["statistics"][0]["noise_scale"]
    budget = FIRST_POLICY.budgets[Kind.LIKE]
    default = guarantee(FIRST_POLICY)["kinds"]["like"]
    half = replace(
        budget,
        rho=budget.rho / 2,
        total=budget.total / 2,
        removals=Fraction(5, 1000),
        reserve=budget.reserve / 2,
        breakdowns={name: rho / 2 for name, rho in budget.breakdowns.items()},
    )
    halved = guarantee(replace(FIRST_POLICY, budgets={Kind.LIKE: half}))["kinds"]["like"]
    assert halved["epsilon"][1]["epsilon"] < 1.5
    assert halved["statistics"][0]["noise_scale"] == pytest.approx(
        default["statistics"][0]["noise_scale"] * 2**0.5, rel=1e-4
    )
