"""The third lock of the wall: what the public plane's image holds."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from privacy.audit.wall_code import PROJECT, load, module_of
from privacy.audit.wall_list import WallList
from privacy.store.header import StoreHeader
from privacy.store.users import LIMITER, PUBLIC
from tests.support.dockerfile import ROOT, copy_files, run_in
from tests.support.redis_server import Store

WALL: Final = WallList.read(PROJECT / "pyproject.toml")
DOCKERFILE: Final = ROOT / "docker" / "public.Dockerfile"
# Loads the program as the image starts it, makes the app as a worker does and asks it whether it lives.
PROGRAM: Final = """
from api.public.__main__ import command
from api.http.command import run_command
assert run_command(command, ["--help"], "public") == 0
from api.public.wsgi import create
assert create().test_client().get("/healthz").status_code == 200
"""


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A folder with exactly the files of this project that the image holds."""
    copy_files(DOCKERFILE, tmp_path)
    return tmp_path


@pytest.fixture
def environment(store: Store) -> dict[str, str]:
    """Return what the image is started with, with a gallery that is set up."""
    StoreHeader.create_or_verify(store.admin, os.urandom).of_gallery.put(store.admin)
    return store.settings.environment((PUBLIC, LIMITER))


def modules_in(image: Path) -> set[str]:
    """The modules of this project in an image."""
    return {module_of(path.relative_to(image)) for path in image.rglob("*.py")}


def test_the_image_holds_the_listed_packages(image: Path) -> None:
    """Every module in the image lies in a listed package, and every listed package is there."""
    modules = modules_in(image)
    assert WALL.outside(modules) == []
    assert modules >= WALL.packages


def test_a_foreign_file_would_show(image: Path) -> None:
    """One file of another package, and the check finds it."""
    (image / "privacy" / "vault").mkdir()
    (image / "privacy" / "vault" / "registers.py").touch()
    assert WALL.outside(modules_in(image)) == ["privacy.vault.registers"]


def test_the_plane_runs_on_what_is_copied(image: Path, environment: dict[str, str]) -> None:
    """The app starts with these files alone, and its code loads no private distribution."""
    loaded = run_in(image, PROGRAM, environment)
    assert loaded.files
    tolerated = {name.partition(".")[0] for name in load(WALL.distributions)}
    assert not loaded.packages & WALL.private_imports() - tolerated


def test_a_missing_file_would_show(image: Path, environment: dict[str, str]) -> None:
    """The run above does not find files of this checkout by some other way: one less, and it fails."""
    (image / "privacy" / "gallery" / "reader.py").unlink()
    with pytest.raises(subprocess.CalledProcessError):
        run_in(image, PROGRAM, environment)


def test_no_private_package_is_installed() -> None:
    """The image installs nothing that measures: only the private planes' part of the lock has that."""
    public, private = _installed(), _installed("private", "platform", "embedded")
    assert not WALL.private_distributions & public
    assert private >= WALL.private_distributions
    assert public >= {"flask", "httptools", "redis", "msgspec", "uvicorn", "uvloop"}


def _installed(*extras: str) -> set[str]:
    """Names of the packages that an image with these extras installs."""
    command = (sys.executable, "docker/lock_subset.py", "requirements.lock", "pyproject.toml", *extras)
    lock = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True).stdout
    return {
        line.partition("==")[0] for line in lock.splitlines() if "==" in line and not line.startswith(" ")
    }
