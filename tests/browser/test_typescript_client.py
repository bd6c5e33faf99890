"""A TypeScript program with types that are generated from openapi.yaml compiles, and reads the plane."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.dockerfile import ROOT
from tests.support.gallery import publish_every_state
from tests.support.public_plane import PublicPlane, public_plane
from tests.support.redis_server import Store

FOLDER: Final = ROOT / "clients" / "typescript"
FILES: Final = ("package.json", "package-lock.json", "tsconfig.json", "read.ts")
SECONDS: Final = 240
NPM: Final = shutil.which("npm") or "npm"
COMMANDS: Final = ("ci --no-audit --no-fund", "run generate", "run build", "start")


@pytest.fixture
def plane(store: Store) -> Iterator[PublicPlane]:
    """A running public plane."""
    publish_every_state(store)
    with public_plane(store) as running:
        yield running


def test_a_program_with_generated_types_reads_the_plane(plane: PublicPlane, tmp_path: Path) -> None:
    """`npm ci`, the types, the compiler without complaint, and a query."""
    folder = tmp_path / "clients" / "typescript"
    folder.mkdir(parents=True)
    for name in FILES:
        shutil.copy(FOLDER / name, folder)
    shutil.copy(ROOT / "openapi.yaml", tmp_path)
    given = os.environ | {"LIKEWISE_URL": plane.url, "LIKEWISE_KEY": plane.token}
    output = ""
    for command in COMMANDS:
        done = subprocess.run(
            [NPM, *command.split(), "--silent"],
            cwd=folder,
            env=given,
            check=False,
            capture_output=True,
            timeout=SECONDS,
        )
        output = done.stdout.decode()
        assert done.returncode == 0, output + done.stderr.decode()
    lines = output.splitlines()
    assert "shown 1284" in lines
    assert "few below_threshold" in lines
    assert lines[-1] == "2 videos by their ids"
