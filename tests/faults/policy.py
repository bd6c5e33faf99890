"""The shipped policy with a quick schedule: whatever else it says is in force."""

import re
from pathlib import Path
from typing import Final

from privacy.policy.file import DEFAULT_POLICY_PATH

EPOCH_SECONDS: Final = 1
_QUICK_EPOCHS: Final = 16
_PUBLIC_DELAY_SECONDS: Final = 2
_SCHEDULES: Final = f"""\
[[schedule]]
every_seconds = {EPOCH_SECONDS}
until_seconds = {_QUICK_EPOCHS * EPOCH_SECONDS}

[[schedule]]
every_seconds = 2592000
until_seconds = 31536000

[[creator_schedule]]
every_seconds = {EPOCH_SECONDS}
until_seconds = {_QUICK_EPOCHS * EPOCH_SECONDS}

[[creator_schedule]]
every_seconds = 15552000
until_seconds = 94608000

"""
"""Some quick epochs; no target is sealed while a test runs."""


def write_policy(folder: Path) -> Path:
    """Writes the policy to a folder, and returns its path."""
    text = DEFAULT_POLICY_PATH.read_text()
    # The sandbox divides the schedule, and this one cannot be divided.
    text = _drop_tables(text, "schedule", "creator_schedule", "sandbox")
    text = re.sub(r'^version = ".*"$', 'version = "faults"', text, count=1, flags=re.MULTILINE)
    delay = f"public_delay_seconds = {_PUBLIC_DELAY_SECONDS}"
    text = re.sub(r"^public_delay_seconds = \d+", delay, text, flags=re.MULTILINE)
    path = folder / "policy.toml"
    path.write_text(text + _SCHEDULES)
    return path


def _drop_tables(text: str, *names: str) -> str:
    """Drops tables of a TOML text by their names, each up to the next table."""
    kept = []
    for table in re.split(r"^(?=\[)", text, flags=re.MULTILINE):
        header = re.match(r"\[+([a-z_.]+)\]", table)
        if not (header and header[1] in names):
            kept.append(table)
    return "".join(kept)
