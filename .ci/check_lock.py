"""Is requirements.lock current with pyproject.toml? As far as can be said without a package index.

    python .ci/check_lock.py

Every requirement of the project must be pinned to a version that it allows, by hash, and nothing may be
pinned on the project's behalf that it does not require any more. Only a new run of `make lock` can tell
whether newer versions would be chosen.
"""

# ruff: noqa: INP001 - a program of its own, in a folder that is no package

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==([^ ;\\]+)")
ASKED_BY_US = re.compile(r"^    #(?: +via)? +likewise \(pyproject\.toml\)$", re.MULTILINE)
HASHED = re.compile(r"^    --hash=sha256:[0-9a-f]{64}", re.MULTILINE)


def required(pyproject: str) -> dict[str, Requirement]:
    """Every requirement of the project, extras among them, by name."""
    project = tomllib.loads(pyproject)["project"]
    lines = [
        *project["dependencies"],
        *(line for group in project["optional-dependencies"].values() for line in group),
    ]
    return {canonicalize_name(found.name): found for found in map(Requirement, lines)}


def pins(lock: str) -> dict[str, tuple[Version, str]]:
    """Version and text of every pin, by name."""
    blocks = re.split(r"\n(?=[A-Za-z0-9])", lock)
    found = ((PIN.match(block), block) for block in blocks)
    return {canonicalize_name(pin[1]): (Version(pin[2]), block) for pin, block in found if pin}


def faults(wanted: dict[str, Requirement], pinned: dict[str, tuple[Version, str]]) -> list[str]:
    """List every entry that is not current, one per line."""
    lines = [f"{name} is required and not pinned" for name in wanted.keys() - pinned.keys()]
    for name, (version, block) in pinned.items():
        if not HASHED.search(block):
            lines.append(f"{name} is pinned without a hash")
        if name in wanted and not wanted[name].specifier.contains(version, prereleases=True):
            lines.append(f"{name} is pinned to {version}; the project requires {wanted[name].specifier}")
        if ASKED_BY_US.search(block) and name not in wanted:
            lines.append(f"{name} is pinned for the project, which does not require it")
        if name in wanted and not ASKED_BY_US.search(block):
            lines.append(f"{name} is required by the project, and the lock does not know that")
    return sorted(lines)


def main() -> int:
    """Compare the files of this repository."""
    wanted = required((ROOT / "pyproject.toml").read_text())
    found = faults(wanted, pins((ROOT / "requirements.lock").read_text()))
    for fault in found:
        sys.stderr.write(f"requirements.lock: {fault}\n")
    if found:
        sys.stderr.write("requirements.lock is not current: run `make lock`\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
