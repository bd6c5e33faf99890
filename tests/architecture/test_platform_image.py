"""What the platform plane's image holds: enough to ingest events, nothing to measure, sign or read with."""

import tomllib
from pathlib import Path
from typing import Final

import pytest

from privacy.audit.wall_code import module_of
from tests.support.dockerfile import ROOT, copy_files, run_in

DOCKERFILE: Final = ROOT / "docker" / "platform.Dockerfile"
CONTRACTS: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
FORBIDDEN: Final = frozenset(
    name
    for contract in CONTRACTS
    if contract["id"] == "intake-draws-nothing"
    for name in contract["forbidden_modules"]
)
# The store is asked only by `create`; what is packaged next to the code (scripts, the policy) is read here.
PROGRAM: Final = """
import api.platform.wsgi  # in its workers
from api.platform.__main__ import command
from api.http.command import run_command
assert run_command(command, ["--help"], "platform") == 0
import api.platform.wsgi
from privacy.policy.file import load_policy
assert load_policy().version
"""


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A folder with exactly the files of this project that the image holds."""
    copy_files(DOCKERFILE, tmp_path)
    return tmp_path


def packages(paths: set[Path]) -> set[str]:
    """The packages of this project that modules lie in, or their modules where there is no package."""
    return {".".join(module_of(path).split(".")[:2]) for path in paths}


def test_it_ingests_events_and_measures_nothing(image: Path) -> None:
    """The plane loads from these files alone, needs every package, and none that its contract forbids."""
    loaded = run_in(image, PROGRAM, {})
    copied = packages({path.relative_to(image) for path in image.rglob("*.py")})
    assert copied == packages(set(loaded.files))
    assert not FORBIDDEN & copied
    assert not FORBIDDEN & loaded.packages
    assert {"privacy.mechanism", "privacy.gallery", "diffprivlib"} <= FORBIDDEN


def test_a_package_too_many_would_show(image: Path) -> None:
    """A package that the plane does not load is found."""
    (image / "privacy" / "mechanism").mkdir()
    (image / "privacy" / "mechanism" / "gate.py").touch()
    copied = packages({path.relative_to(image) for path in image.rglob("*.py")})
    assert copied - packages(set(run_in(image, PROGRAM, {}).files)) == FORBIDDEN & copied
