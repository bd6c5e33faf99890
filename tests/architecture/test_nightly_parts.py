"""`make nightly` runs each nightly test in exactly one of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.dockerfile import ROOT
from tests.support.nightly import COLLECTED, marked_parts

if TYPE_CHECKING:
    import pytest


def test_every_nightly_test_is_in_one_part_that_exists(pytestconfig: pytest.Config) -> None:
    """Each collected nightly test has one mark, and its part is one that the Makefile runs."""
    parts = marked_parts()
    for item in pytestconfig.stash[COLLECTED]:
        marks = list(item.iter_markers("nightly"))
        if marks:
            assert [(mark.args, set(mark.kwargs)) for mark in marks] == [((), {"part"})], item.nodeid
            assert marks[0].kwargs["part"] in parts, item.nodeid


def test_every_part_has_a_test(pytestconfig: pytest.Config) -> None:
    """No part is empty; a run of some files only cannot tell."""
    collected = pytestconfig.stash[COLLECTED]
    used = {mark.kwargs.get("part") for item in collected for mark in item.iter_markers("nightly")}
    files = {file for file in (ROOT / "tests").rglob("test_*.py") if file.parent.name != "browser"}
    if files <= {item.path for item in collected}:
        assert used == marked_parts()
