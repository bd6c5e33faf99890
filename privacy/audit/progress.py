"""How an audit tells how far it is."""

from __future__ import annotations

from typing import Protocol


class ProgressCallback(Protocol):
    """Told about work as it is done; the command line draws bars of it."""

    def __call__(self, section: str, done: int, total: int) -> None:
        """So many of `total` steps of a section are done."""


def silent(section: str, done: int, total: int) -> None:
    """Nobody looks."""
