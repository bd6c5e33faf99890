"""The documents of the project."""

from pathlib import Path
from typing import Final

from tests.support.dockerfile import ROOT

DOCUMENTS: Final = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "privacy" / "README.md"],
    key=str,
)
CURRENT_DOCUMENTS: Final = [
    document
    for document in DOCUMENTS
    if document.name != "CHANGELOG.md" and ROOT / "docs" / "decisions" not in document.parents
]
"""Without the changelog and the decisions, which keep the names of their time."""


def document_id(document: Path) -> str:
    """Return the name of a document in test ids."""
    return document.relative_to(ROOT).as_posix()
