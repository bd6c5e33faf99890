"""The parts of `make nightly`, and what was collected of them."""

import re
from typing import Final

import pytest

from tests.support.dockerfile import ROOT

COLLECTED: Final = pytest.StashKey[list[pytest.Item]]()
"""Every test that was collected, those that are deselected included."""

FIGURES: Final = "figures"
"""Names the property of a test that is shown at the end of a run, also of one in another process."""


def marked_parts() -> set[str]:
    """Return the parts that the Makefile runs by their mark."""
    listed = re.search(r"^NIGHTLY_MARKED := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert listed
    return set(listed[1].split())
