"""The documents speak of files and tests that exist."""

import re
from pathlib import Path
from typing import Final

import pytest
import yaml

from api.web.docs import COMPLIANCE
from privacy.mechanism.conversion import max_attack_accuracy
from privacy.mechanism.guarantee import DOCUMENTS as DOCUMENTS_OF_THE_GUARANTEE
from privacy.mechanism.guarantee import guarantee
from privacy.policy.file import load_policy
from tests.support.dockerfile import ROOT
from tests.support.documents import CURRENT_DOCUMENTS, DOCUMENTS, document_id

LINK: Final = re.compile(r"\[[^]]*\]\(([^)#]+)[^)]*\)")
PATH: Final = re.compile(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:md|toml|lock|yaml))`")
TEST: Final = re.compile(r"`(test_\w+)`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=document_id)
def test_links_lead_somewhere(document: Path) -> None:
    """A relative link of a document leads to an existing file."""
    targets = [target for target in LINK.findall(document.read_text()) if "://" not in target]
    assert not [target for target in targets if not (document.parent / target).exists()]


@pytest.mark.parametrize("document", CURRENT_DOCUMENTS, ids=document_id)
def test_paths_name_files(document: Path) -> None:
    """A path into a folder of the project, or of the document's own, names what is there."""
    bases = (ROOT, document.parent)
    for path in PATH.findall(document.read_text()):
        if any((base / path.split("/")[0]).is_dir() for base in bases):
            assert any((base / path).exists() for base in bases), path


@pytest.mark.parametrize("document", DOCUMENTS, ids=document_id)
def test_tests_are_there(document: Path) -> None:
    """A test that a document names is a test of this project."""
    named = set(TEST.findall(document.read_text()))
    defined = set(re.findall(r"def (test_\w+)", _all_tests())) | {
        path.stem for path in (ROOT / "tests").rglob("test_*.py")
    }
    assert not named - defined


def test_the_stated_guarantee_follows_from_the_policy() -> None:
    """The table of one account's day in `privacy/README.md` is the one that the policy gives."""
    text = (ROOT / "privacy" / "README.md").read_text()
    stated = re.findall(r"^\| (\d+)(?: \(M\))? \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", text, re.MULTILINE)
    days = guarantee(load_policy())["kinds"]["like"]["account_day"]
    assert [tuple(map(float, row)) for row in stated] == [
        (day["engagements"], day["rho"], *(pair["epsilon"] for pair in day["epsilon"])) for day in days
    ]


def test_the_readme_states_the_policys_numbers() -> None:
    """The guarantee in `README.md` is the policy's, digit by digit."""
    policy = guarantee(load_policy())
    like = policy["kinds"]["like"]
    epsilons = [f"ε = {pair['epsilon']} at δ" for pair in like["epsilon"]]
    text = (ROOT / "README.md").read_text()
    for stated in (f"ρ = {like['rho']}", *epsilons, f"k = {policy['anonymity']['k']}"):
        assert stated in text


def test_the_claim_states_the_policys_numbers() -> None:
    """The one sentence, its table and the tables of limits are the policy's, digit by digit."""
    policy = guarantee(load_policy())
    kinds = policy["kinds"].values()
    claim, limits, wp216 = (
        (ROOT / "docs" / "compliance" / name).read_text()
        for name in ("claim.md", "known-limits.md", "wp216.md")
    )
    for kind in kinds:
        first, second = (pair["epsilon"] for pair in kind["epsilon"])
        assert f"ε = {first} at\nδ = 10⁻⁶ (ρ = {kind['rho']} zCDP)" in claim
        assert f"| {first}; {second} |" in claim
        assert f"at most {100 * kind['attacker']['max_accuracy']:.2f} times in 100" in claim
        for day in kind["account_day"]:
            assert f"| {day['engagements']} | {day['epsilon'][0]['epsilon']} |" in limits
    gate_delta = next(iter(kinds))["mechanism"]["gate_delta"]
    for engagements in (1, 10):
        right = 100 * max_attack_accuracy(0.1 * engagements, engagements * gate_delta)
        assert f"| {engagements} | {right:.2f} in 100 |" in wp216
    assert f"about fewer than {policy['anonymity']['k']} accounts" in claim
    assert f"| {policy['contribution']['flip_cap']} counted flips" in claim
    assert f"| {policy['contribution']['daily_cap']} engagements" in claim


def test_the_registry_entry_states_the_policys_numbers() -> None:
    """rho, epsilon, delta, k and the bounds of the registry entry are the policy's."""
    entry = yaml.safe_load((ROOT / "docs" / "compliance" / "registry-entry.yaml").read_text())
    policy = guarantee(load_policy())
    loss, like = entry["privacy_loss"], policy["kinds"]["like"]
    assert loss["privacy_parameters"] == {
        "rho": like["rho"],
        "epsilon": like["epsilon"][0]["epsilon"],
        "delta": like["epsilon"][0]["delta"],
        "gate_delta": like["mechanism"]["gate_delta"],
    }
    assert loss["k_anonymity"] == policy["anonymity"]["k"]
    epochs = policy["schedule"]["epochs"], policy["creator_schedule"]["epochs"]
    assert (
        "all {} epochs of a video and {} of a creator".format(*epochs) in entry["accounting"]["composition"]
    )
    bounds = policy["contribution"]["flip_cap"], policy["contribution"]["daily_cap"]
    stated = "at most {} counted flips an engagement, at most {} new engagements an account and UTC day"
    assert entry["implementation"]["pre_processing"] == stated.format(*bounds)


def test_the_guarantee_names_documents_that_are_served() -> None:
    """Each document that `GET /v1/privacy` names is a file of the folder that the public plane serves."""
    for path in DOCUMENTS_OF_THE_GUARANTEE.values():
        assert (COMPLIANCE / path.removeprefix("/docs/compliance/")).is_file()


def _all_tests() -> str:
    return "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
