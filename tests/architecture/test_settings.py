"""Environment variables are named, read and defaulted in one file."""

import ast
from pathlib import Path
from typing import Final

import pytest

from privacy.store.settings import PREFIX
from tests.support.dockerfile import ROOT

TABLE: Final = ROOT / "privacy" / "store" / "settings.py"
SOURCES: Final = sorted(path for package in ("api", "privacy") for path in (ROOT / package).rglob("*.py"))


def named_variables(source: str) -> list[str]:
    """Literals of a source that name a variable, and reads of single variables from `os.environ`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and PREFIX in node.value:
            found.append(node.value)
        asked = node.value if isinstance(node, ast.Subscript | ast.Attribute) else None
        if isinstance(asked, ast.Attribute) and asked.attr == "environ":
            found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_other_file_names_a_variable(path: Path) -> None:
    """A name in a second place could get a second default: the table is the only one."""
    assert path == TABLE or named_variables(path.read_text()) == []


def test_the_check_sees_what_it_forbids() -> None:
    """It finds a literal name, a subscript and a `get`; passing the whole environment on is allowed."""
    bad = 'import os\na = "set LIKEWISE_POLICY"\nb = os.environ["X"]\nc = os.environ.get("Y")\n'
    assert len(named_variables(bad)) == 3
    assert named_variables("import os\nf(os.environ)\ng(os.environ | {})\n") == []
