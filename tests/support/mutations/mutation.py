"""Defines a seeded mistake: a change to running code that a privacy audit must detect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from privacy.store.script import Script

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True)
class Mutation:
    """One mistake.

    Args:
        name: describes the mistake.
        apply: makes the mistake; the patch undoes it.
        check: start of the title of the check that must detect it.
        in_quick_tests: whether `make test` includes it.
    """

    name: str
    apply: Callable[[pytest.MonkeyPatch], None]
    check: str
    in_quick_tests: bool = False


def edited(script: Script, before: str, after: str) -> Script:
    """Returns a script with one passage changed; the passage must occur exactly once."""
    assert script.source.count(before) == 1, before
    return replace(script, source=script.source.replace(before, after))
