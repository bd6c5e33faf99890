"""The workers stay small: the relay and the maintenance worker load no library that they do not use."""

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


@pytest.mark.parametrize("command", ["relay", "maintain"])
def test_a_worker_loads_no_foreign_library(command: str) -> None:
    """No library of the mechanism, of HTTP or of tables is loaded; the release worker shows the check."""
    assert not FOREIGN & {name.partition(".")[0] for name in load([f"api.cli.commands.{command}"])}
    assert FOREIGN & {name.partition(".")[0] for name in load(["api.cli.commands.release"])}


def test_the_relay_is_small() -> None:
    """With everything imported the relay is far below its bound of 60 MiB."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, check=True, capture_output=True)
    assert int(done.stdout) < RELAY_MIB * 1024
