"""Processes stay small: they load no library that they do not use."""

import os
import subprocess
import sys
from typing import Final

import pytest

from privacy.audit.wall_code import load
from tests.support.dockerfile import ROOT

FOREIGN: Final = {"diffprivlib", "flask", "joserfc", "marshmallow", "rich", "scipy", "sklearn", "uvicorn"}
RELAY_MIB: Final = 60
PROGRAM: Final = """
import re, api.cli.commands.relay
print(re.search(r"VmRSS:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
"""


def _foreign(module: str) -> set[str]:
    """Returns which of those libraries a module loads."""
    return FOREIGN & {name.partition(".")[0] for name in load([module])}


@pytest.mark.parametrize("command", ["relay", "maintain"])
def test_a_worker_loads_no_foreign_library(command: str) -> None:
    """No library of the mechanism, of HTTP or of tables is loaded."""
    assert _foreign(f"api.cli.commands.{command}") == set()


def test_a_plane_leaves_its_app_to_its_workers() -> None:
    """The process that starts and replaces the platform plane's workers serves nothing itself."""
    assert _foreign("api.platform.__main__") == {"uvicorn"}
    assert {"flask", "marshmallow"} <= _foreign("api.platform.wsgi")


def test_the_mechanism_is_seen_where_it_is_loaded() -> None:
    """The release worker shows that the tests above can fail."""
    assert {"diffprivlib", "joserfc", "scipy", "sklearn"} <= _foreign("api.cli.commands.release")


def test_the_relay_is_small() -> None:
    """With everything imported the relay is far below its bound of 60 MiB, once its modules are compiled."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(2):
        program = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(program, cwd=ROOT, env=kept, check=True, capture_output=True)
    assert int(done.stdout) < RELAY_MIB * 1024
