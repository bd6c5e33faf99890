"""The numbers of the guarantee that documents state are those that the packaged policy gives."""

import re
from itertools import chain
from math import ceil, floor, hypot
from pathlib import Path
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import pytest
import yaml

from privacy.mechanism.accounting import calibrate
from privacy.mechanism.conversion import max_attack_accuracy
from privacy.mechanism.guarantee import guarantee
from privacy.model.engagement import Kind
from privacy.model.timestamp import SECONDS_PER_DAY, SECONDS_PER_HOUR
from privacy.policy.budget import Accounting
from privacy.policy.file import load_policy
from tests.support.dockerfile import ROOT
from tests.support.documents import CURRENT_DOCUMENTS, document_id

NORMAL: Final = NormalDist()
AGES_SECONDS: Final = {"1 hour": SECONDS_PER_HOUR} | {
    name: days * SECONDS_PER_DAY for name, days in {"1 day": 1, "30 days": 30, "1 year": 365}.items()
}
FAVOURITES: Final = (
    "Of favourites, these are {}, {} and {} in the first hour, and {}, {} and {} after a year."
)
FOLLOWERS: Final = (
    "Of followers, these are {}, {} and {} a day after `counted_from`, and {}, {} and {} after three years."
)
CREATORS: Final = (
    "from {} on in its first hour, and from {} on when it is a year old. The likes from one age band or "
    "region need {} to {}, and the likes lost for one reason {} to {}."
)
LIMITS: Final = (
    "from {} on in the first hour and from {} on after a year, a cell from {} and {}, removals for one "
    "reason from {} and {}."
)
ACCOUNT_WEEK: Final = ("claim.md", "known-limits.md", "nist-sp-800-226.md", "registry-entry.yaml")
"""Pages for reviewers that state the unit."""
GUESSES: Final = re.compile(r"\bin 100\b")
NIST: Final = (
    "from an estimate of {} on in the first hour, and of {} on after a year; a total from {} and {}."
)
CELLS: Final = re.compile(r"^\| (?:total|`\w+`) \| ([\d,]+) \| (\S+) \| (.*?) ?\| (\d+) \|$", re.MULTILINE)
"""A row of the example of subtraction: exact number, value, interval, threshold."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The guarantee of the packaged policy."""
    return guarantee(load_policy())


def read(path: str) -> str:
    """Return a document with single spaces, since a line may break anywhere."""
    return " ".join((ROOT / path).read_text(encoding="utf-8").split())


def numbers(text: str) -> list[float]:
    """Return the numbers in a text."""
    return [float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


def thresholds(kind: dict[str, Any], epoch: int) -> list[int]:
    """Return the smallest total, cell and number of removals that are shown at an epoch."""
    total, *cells, removals = (statistic["threshold_by_epoch"][epoch] for statistic in kind["statistics"])
    (cell,) = set(cells)
    return [total, cell, removals]


def format_cell(value: float | None) -> str:
    """Return a number as a table shows it, to four digits; where there is no epsilon, that."""
    return "none" if value is None else f"{round(value, 4):g}" if abs(value) < 100 else f"{round(value, 4)}"


def rows_of(text: str, heading: str) -> list[list[str]]:
    """Return the rows of the table in which a column of the head has this text."""
    lines = text[text.index(heading) :].splitlines()[2:]
    table = lines[: next(number for number, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_the_stated_guarantee_follows_from_the_policy(document: dict[str, Any]) -> None:
    """The tables of `privacy/README.md`, by history, day and month, are those that the policy gives."""
    text, like = (ROOT / "privacy" / "README.md").read_text(), document["kinds"]["like"]
    assert rows_of(text, "| a like that is") == [
        [row["in_words"], format_cell(row["rho"]), *(format_cell(pair["epsilon"]) for pair in row["epsilon"])]
        for row in like["histories"]
    ]
    m = document["contribution"]["daily_cap"]
    assert rows_of(text, "| engagements admitted on one day") == [
        [
            f"{day['engagements']}{' (M)' if day['engagements'] == m else ''}",
            format_cell(day["rho"]),
            *(format_cell(pair["epsilon"]) for pair in day["epsilon"]),
        ]
        for day in like["account_day"]
    ]
    assert rows_of(text, "| engagements admitted in a month") == [
        [
            str(month["engagements"]),
            *(
                format_cell(value)
                for cost in (month, month["if_kept"])
                for value in (cost["rho"], cost["epsilon"][1]["epsilon"])
            ),
        ]
        for month in like["account_month"]
    ]


def test_an_account_in_an_audience_costs_what_is_stated(document: dict[str, Any]) -> None:
    """All likes of one account in one scope and period cost what one of them costs there."""
    text = read("privacy/README.md")
    week, block = (
        next(
            period["rho"]
            for period in document["audiences"]["periods"]
            if (period["scope"], period["every_seconds"]) == ("creator", days * SECONDS_PER_DAY)
        )
        for days in (7, 28)
    )
    assert f"ρ = {week} in a week of a creator, ρ = {block} in a block of four weeks" in text


@pytest.mark.parametrize(
    "page",
    ["README.md", *(f"docs/compliance/{page}" for page in ACCOUNT_WEEK)],
)
def test_what_states_the_unit_states_an_account_in_an_audience(document: dict[str, Any], page: str) -> None:
    """All likes of one account in one scope and period cost together what one does, as the policy says."""
    week = next(
        period["rho"]
        for period in document["audiences"]["periods"]
        if (period["scope"], period["every_seconds"]) == ("creator", 7 * SECONDS_PER_DAY)
    )
    text = read(page)
    assert re.search(
        rf"all (?:its )?likes (?:of one account|of that scope)[^.]*together[^.]*(ρ =|rho) {week}\b", text
    )


def test_the_month_of_an_account_is_the_policys(document: dict[str, Any]) -> None:
    """`claim.md` and `known-limits.md` state rows of the table of `privacy/README.md`, and the cap of it."""
    month = {
        row["engagements"]: row["epsilon"][1]["epsilon"] for row in document["kinds"]["like"]["account_month"]
    }
    claim, limits = read("docs/compliance/claim.md"), read("docs/compliance/known-limits.md")
    assert f"| account-month, 300 engagements | ε = {month[300]} at δ = 10⁻⁶" in claim
    assert f"300 engagements ε = {month[300]} at δ = 10⁻⁶, 1,000 of them {month[1_000]}" in limits
    for text in (claim, limits):
        assert "`monthly_cap`" in text


@pytest.mark.parametrize("path", CURRENT_DOCUMENTS, ids=document_id)
def test_right_guesses_are_those_that_the_policy_allows(document: dict[str, Any], path: Path) -> None:
    """A figure of two digits in a sentence or cell about guesses in 100 is a bound of the packaged policy."""
    like, unit = document["kinds"]["like"], document["unit"]
    gate_delta = like["mechanism"]["gate_delta"]
    bounds = [together["max_accuracy"] for together in unit["kinds_together"]]
    bounds += [kind["attacker"]["max_accuracy"] for kind in document["kinds"].values()]
    bounds += [
        max_attack_accuracy(like["rho"] * count, count * gate_delta, Accounting.GAUSSIAN) for count in (2, 10)
    ]
    stated = {f"{100 * bound:.2f}" for bound in bounds}
    text = " ".join(path.read_text(encoding="utf-8").split())
    for sentence in filter(GUESSES.search, re.split(r"\. |\|", text)):
        assert set(re.findall(r"(?<![\d.])\d\d\.\d\d(?!\d)", sentence)) <= stated, sentence


def test_the_readme_states_the_policys_numbers(document: dict[str, Any]) -> None:
    """The guarantee in `README.md` is the policy's, digit by digit."""
    like, text = document["kinds"]["like"], read("README.md")
    epsilons = [f"ε = {pair['epsilon']} at δ" for pair in like["epsilon"]]
    for stated in (f"ρ = {like['rho']}", *epsilons, f"k = {document['anonymity']['k']}"):
        assert stated in text


def test_the_claim_states_the_policys_numbers(document: dict[str, Any]) -> None:
    """The one sentence, its table and the tables of limits are the policy's, digit by digit."""
    kinds = document["kinds"]
    claim, limits, wp216 = (read(f"docs/compliance/{name}.md") for name in ("claim", "known-limits", "wp216"))
    for kind in (kinds["like"], kinds["follow"]):
        first, second = (pair["epsilon"] for pair in kind["epsilon"])
        assert f"ε = {first} at δ = 10⁻⁹ and ε = {second} at δ = 10⁻⁶ (ρ = {kind['rho']})" in claim
        assert f"| {first}; {second} |" in claim
        as_zcdp = [str(pair["epsilon"]) for pair in kind["epsilon_by_accountant"]["zcdp"]]
        assert f"as zCDP the same ρ is {'; '.join(as_zcdp)} |" in claim
        assert f"at most {100 * kind['attacker']['max_accuracy']:.2f} times in 100" in claim
        for day in kind["account_day"]:
            assert f"| {day['engagements']} | {day['epsilon'][1]['epsilon']} |" in limits
    like, favorite = kinds["like"], kinds["favorite"]
    assert f"| {like['audiences_rho']} | `privacy/policy/policy.toml` |" in claim
    for name, cost in (
        ("a like that is made once, and kept", like["histories"][0]),
        ("a favourite", favorite),
    ):
        epsilon = cost["epsilon"][0]["epsilon"]
        assert f"| {name} | ρ = {format_cell(cost['rho'])}; ε = {epsilon} at δ = 10⁻⁹ |" in claim
    gate_delta = like["mechanism"]["gate_delta"]
    for engagements in (1, 2, 10):
        right = max_attack_accuracy(like["rho"] * engagements, engagements * gate_delta, Accounting.GAUSSIAN)
        assert f"| {engagements} | {100 * right:.2f} in 100 |" in wp216
    delay_seconds = document["release"]["public_delay_seconds"]
    assert f"| public delay | {delay_seconds} s " in claim
    assert f"({delay_seconds} s under the default policy)" in limits
    assert f"about fewer than {document['anonymity']['k']} accounts" in claim
    assert f"| {document['contribution']['flip_cap']} counted flips" in claim
    assert f"| {document['contribution']['daily_cap']} engagements" in claim
    delay_seconds = document["release"]["public_delay_seconds"]
    assert f"| {delay_seconds} s from the end of an epoch" in claim
    assert f"a fixed time after their epochs ({delay_seconds} s under the default policy)" in limits


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "privacy/README.md",
        "docs/compliance/claim.md",
        "docs/compliance/known-limits.md",
        "docs/compliance/nist-sp-800-226.md",
        "docs/compliance/registry-entry.yaml",
    ],
)
def test_a_like_and_a_favourite_are_two_engagements(document: dict[str, Any], page: str) -> None:
    """Each page that states the unit says what one relation of each kind to one video cost together."""
    videos = document["unit"]["kinds_together"][0]
    text = read(page)
    assert re.search(r"of one kind\b|account × kind × target", text)
    assert "a like and a favourite of one video" in text.lower()
    assert re.search(rf"(ρ =|rho) {videos['rho']}\b", text)
    assert re.search(rf"(ε =|epsilon) {videos['epsilon'][0]['epsilon']}\b", text)


def test_the_registry_entry_states_the_policys_numbers(document: dict[str, Any]) -> None:
    """rho, epsilon, delta, k and the bounds of the registry entry are the policy's."""
    entry = yaml.safe_load((ROOT / "docs" / "compliance" / "registry-entry.yaml").read_text())
    loss, like = entry["privacy_loss"], document["kinds"]["like"]
    assert loss["privacy_parameters"] == {
        "rho": like["rho"],
        "epsilon": like["epsilon"][0]["epsilon"],
        "delta": like["epsilon"][0]["delta"],
        "gate_delta": like["mechanism"]["gate_delta"],
    }
    assert loss["k_anonymity"] == document["anonymity"]["k"]
    targets, _, audiences = entry["description"].partition(". And audiences")
    periods = document["audiences"]["periods"]
    of_audiences = {name.replace("_", " ") for period in periods for name in period["dimensions"]}
    of_targets = {name.replace("_", " ") for name in document["dimensions"]}
    joint = {name.replace("_", " ") for name in document["audiences"]["joint_dimensions"]}
    assert all(name in targets for name in of_targets)
    assert not any(name in targets for name in of_audiences - of_targets)
    assert all(name in audiences for name in of_audiences - joint)
    assert all(period["scope"] in audiences for period in periods)
    epochs = document["schedule"]["epochs"], document["creator_schedule"]["epochs"]
    assert (
        "all {} epochs of a video and {} of a creator".format(*epochs) in entry["accounting"]["composition"]
    )
    bounds = document["contribution"]["flip_cap"], document["contribution"]["daily_cap"]
    stated = "at most {} counted flips an engagement, at most {} new engagements an account and UTC day"
    assert entry["implementation"]["pre_processing"] == stated.format(*bounds)


def test_thresholds_are_the_policys(document: dict[str, Any]) -> None:
    """The table of `docs/reading.md`, and every other page that says from which number on it is shown."""
    kinds = document["kinds"]
    ages, text = document["schedule"]["due_ages_seconds"], (ROOT / "docs" / "reading.md").read_text()
    rows = re.findall(r"^\| (1 hour|1 day|30 days|1 year) \| (.*) \|$", text, re.MULTILINE)
    stated = {age: numbers(row) for age, row in rows}
    assert stated == {age: thresholds(kinds["like"], ages.index(end)) for age, end in AGES_SECONDS.items()}
    first, last = thresholds(kinds["like"], 0), thresholds(kinds["like"], -1)
    pairs = list(chain(*zip(first, last, strict=True)))
    for page, sentence, values in (
        (
            "docs/reading.md",
            FAVOURITES,
            thresholds(kinds["favorite"], 0) + thresholds(kinds["favorite"], -1),
        ),
        ("docs/reading.md", FOLLOWERS, thresholds(kinds["follow"], 0) + thresholds(kinds["follow"], -1)),
        ("docs/why-did-my-likes-drop.md", CREATORS, pairs),
        ("docs/compliance/known-limits.md", LIMITS, pairs),
        ("docs/compliance/nist-sp-800-226.md", NIST, [*pairs[2:4], *pairs[:2]]),
    ):
        assert sentence.format(*values) in read(page)


def test_the_example_of_subtraction_is_one_of_the_mechanism(document: dict[str, Any]) -> None:
    """Intervals, thresholds, the noise of the difference and the guess are those of a video of two days."""
    calibration = calibrate(load_policy(), Kind.LIKE)
    epoch = document["schedule"]["due_ages_seconds"].index(2 * SECONDS_PER_DAY)
    total_deviation, cell_deviation = calibration.deviations(np.array([epoch]))[0, :2]
    text = (ROOT / "docs" / "reading.md").read_text()
    section = text[text.index("## Subtracting cells") : text.index("## Operations")]
    rows = CELLS.findall(section)
    assert len(rows) == 1 + len(document["dimensions"]["gender"])
    assert numbers(rows[0][0])[0] == sum(numbers(row[0])[0] for row in rows[1:])
    total, cell, _ = thresholds(document["kinds"]["like"], epoch)
    shown = []
    for row, least in zip(rows, (total, *[cell] * 4), strict=True):
        exact, value, interval, threshold = row
        assert int(threshold) == least
        if value == "withheld":
            assert numbers(exact)[0] < document["anonymity"]["k"]
            continue
        shown += numbers(value)
        assert shown[-1] >= least
        half = NORMAL.inv_cdf(0.975) * (cell_deviation if len(shown) > 1 else total_deviation)
        low, high = numbers(interval)
        assert (low, high) == (floor(shown[-1] - half), ceil(shown[-1] + half))
        assert low <= numbers(exact)[0] <= high
    rest = shown[0] - sum(shown[1:])
    deviation = hypot(total_deviation, *[cell_deviation] * len(shown[1:]))
    z, k = calibration.z, document["anonymity"]["k"]
    flat = " ".join(section.split())
    half = ceil(NORMAL.inv_cdf(0.975) * deviation)
    assert f"= {rest:g}**" in flat
    assert f"a standard deviation of {deviation:.1f}, so {rest:g} ± {half}." in flat
    assert f"hardly more than {rest + half:g}" in flat
    assert f"from {ceil(k + z * deviation)} on, which is {k} + {z:.2f} × {deviation:.2f} rounded up" in flat
    assert f"guess right {100 * NORMAL.cdf(1 / (2 * deviation)):.1f} times in 100" in flat
    told = read("docs/why-did-my-likes-drop.md")
    assert f"these {rest:g} are {rest:g} ± {half}" in told
    assert "{:,.0f} people liked your video, {:.0f} of them women and {:.0f}".format(*shown) in told


def test_the_example_of_a_ban_is_one_of_the_mechanism(document: dict[str, Any]) -> None:
    """`known-limits.md` says how well a ban shows in the totals of 300 videos of two days that are known."""
    calibration = calibrate(load_policy(), Kind.LIKE)
    epoch = document["schedule"]["due_ages_seconds"].index(2 * SECONDS_PER_DAY)
    decoder = calibration.factorisation.decoder
    change = np.linalg.norm(decoder[epoch] - decoder[calibration.schedule.day_before(epoch)])
    noise = float(change) * calibration.statistics[0].scale * 300**0.5
    right = 100 * NORMAL.cdf(300 / (2 * noise))
    text = read("docs/compliance/known-limits.md")
    assert "300 videos of two days" in text
    assert (
        f"its noise is {noise:.0f}, and from the totals alone they guess right {right:.1f} times in 100"
        in text
    )


def test_other_cells_of_a_known_engagement_cost_less_than_the_engagement(document: dict[str, Any]) -> None:
    """Two cells of each breakdown differ: twice the budgets, as `wp216.md` says."""
    like = document["kinds"]["like"]
    twice = 2 * sum(row["rho"] for row in like["statistics"][1:-1])
    assert twice < like["rho"]
    assert twice + like["audiences_rho"] < like["rho"]
    told = f"which is ρ = {twice:.4f}, and in audiences no more than the {like['audiences_rho']} that"
    assert told in read("docs/compliance/wp216.md")
