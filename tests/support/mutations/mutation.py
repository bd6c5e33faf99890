"""Defines a seeded mistake: a change to running code that a privacy audit must detect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
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
        policy: file of the audited policy; the packaged one if it is absent.
    """

    name: str
    apply: Callable[[pytest.MonkeyPatch], None]
    check: str
    in_quick_tests: bool = False
    policy: Path | None = None


def edited(script: Script, before: str, after: str) -> Script:
    """Returns a script with one passage changed; the passage must occur exactly once."""
    assert script.source.count(before) == 1, before
    return replace(script, source=script.source.replace(before, after))
