"""A seeded mistake: a change to running code that a privacy audit must notice."""

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
        name: what is wrong.
        apply: makes it; the patch undoes it.
        check: title of the check that must notice, up to the kind.
        sooner: whether `make test` tries it too.
    """

    name: str
    apply: Callable[[pytest.MonkeyPatch], None]
    check: str
    sooner: bool = False


def edited(script: Script, before: str, after: str) -> Script:
    """A script with one place changed; the place must be there once."""
    assert script.source.count(before) == 1, before
    return replace(script, source=script.source.replace(before, after))
