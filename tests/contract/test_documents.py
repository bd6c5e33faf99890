"""The documents speak of files and tests that exist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

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
TOP_LEVEL: Final = ("api/", "privacy/", "tests/", "docs/", "docker/", "bench/", "examples/")


def _ids(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("document", DOCUMENTS, ids=_ids)
def test_links_lead_somewhere(document: Path) -> None:
    """A relative link of a document names a file beside it."""
    targets = [target for target in LINK.findall(document.read_text()) if "://" not in target]
    assert not [target for target in targets if not (document.parent / target).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=_ids)
def test_paths_name_files(document: Path) -> None:
    """A path in a document, counted from the project's root, names a file or folder."""
    paths = [path for path in PATH.findall(document.read_text()) if path.startswith(TOP_LEVEL)]
    assert not [path for path in paths if not (ROOT / path).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=_ids)
def test_tests_are_there(document: Path) -> None:
    """A test that a document names is a test of this project."""
    named = set(TEST.findall(document.read_text()))
    defined = set(re.findall(r"def (test_\w+)", _all_tests())) | {
        path.stem for path in (ROOT / "tests").rglob("test_*.py")
    }
    assert not named - defined


def _all_tests() -> str:
    return "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
