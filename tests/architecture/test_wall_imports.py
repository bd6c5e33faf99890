"""The second lock of the wall, at run time: what a worker of the public plane loads."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Final

PRIVATE: Final = (
    *("privacy.vault", "privacy.tally", "privacy.mechanism", "privacy.release", "privacy.policy.policy"),
    *("privacy.publishing.publisher", "api.runtime.api_key_writer"),
    *("privacy.embedded.server", "privacy.embedded.rooms"),
    *("api.platform", "api.cli", "numpy", "scipy", "sklearn", "diffprivlib"),
)
PROGRAM: Final = "import json, sys, api.public.wsgi; print(json.dumps(sorted(sys.modules)))"


def loaded_by(program: str) -> list[str]:
    """Names of the modules that a fresh Python has loaded at the end of a program that prints them."""
    output = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, timeout=60
    ).stdout
    names: list[str] = json.loads(output)
    return names


def private(names: list[str]) -> list[str]:
    """Those that the public plane must not load."""
    return [
        name
        for name in names
        if name.startswith(tuple(f"{package}." for package in PRIVATE)) or name in PRIVATE
    ]


def test_the_public_plane_loads_nothing_private() -> None:
    """A public worker loads no vault, tally, mechanism, release or policy, nor their libraries."""
    names = loaded_by(PROGRAM)
    assert "api.public.totals" in names
    assert private(names) == []


def test_the_check_sees_what_it_forbids() -> None:
    """The same check finds private modules in a process that does load them."""
    assert private(
        loaded_by(PROGRAM.replace("api.public.wsgi", "api.public.wsgi, privacy.publishing.publisher"))
    )
