"""The documents speak of files and tests that exist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from privacy.mechanism.guarantee import guarantee
from privacy.policy_file import load_policy
from tests.support.dockerfile import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS: Final = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "privacy" / "README.md"],
    key=str,
)
LINK: Final = re.compile(r"\[[^]]*\]\(([^)#]+)[^)]*\)")
PATH: Final = re.compile(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:md|toml|lock|yaml))`")
TEST: Final = re.compile(r"`(test_\w+)`")


def _ids(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("document", DOCUMENTS, ids=_ids)
def test_links_lead_somewhere(document: Path) -> None:
    """A relative link of a document names a file beside it."""
    targets = [target for target in LINK.findall(document.read_text()) if "://" not in target]
    assert not [target for target in targets if not (document.parent / target).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=_ids)
def test_paths_name_files(document: Path) -> None:
    """A path into a folder of the project, or of the document's own, names what is there."""
    bases = (ROOT, document.parent)
    for path in PATH.findall(document.read_text()):
        if any((base / path.split("/")[0]).is_dir() for base in bases):
            assert any((base / path).exists() for base in bases), path


@pytest.mark.parametrize("document", DOCUMENTS, ids=_ids)
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


def _all_tests() -> str:
    return "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
