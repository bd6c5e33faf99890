"""The documents speak of files and tests that exist."""

import re
from pathlib import Path
from typing import Final

import pytest

from api.web.docs import COMPLIANCE
from privacy.mechanism.guarantee import DOCUMENTS as DOCUMENTS_OF_THE_GUARANTEE
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


def test_the_guarantee_names_documents_that_are_served() -> None:
    """Each document that `GET /v1/privacy` names is a file of the folder that the public plane serves."""
    for path in DOCUMENTS_OF_THE_GUARANTEE.values():
        assert (COMPLIANCE / path.removeprefix("/docs/compliance/")).is_file()


def test_the_guarantee_names_every_page_for_reviewers() -> None:
    """`GET /v1/privacy` lists the pages of the table in docs/compliance/README.md, and no others."""
    rows = re.findall(r"^\| \[[^]]+\]\(([^)]+)\) \|", (COMPLIANCE / "README.md").read_text(), re.MULTILINE)
    assert sorted(DOCUMENTS_OF_THE_GUARANTEE.values()) == sorted(f"/docs/compliance/{name}" for name in rows)


def _all_tests() -> str:
    return "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
