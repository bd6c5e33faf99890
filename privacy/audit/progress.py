"""Progress reports of an audit."""

from __future__ import annotations

from typing import Protocol


class ProgressCallback(Protocol):
    """Receives progress; the command line draws bars from it."""

    def __call__(self, section: str, done: int, total: int) -> None:
        """Reports that `done` of `total` steps of a section are complete."""


def ignore_progress(section: str, done: int, total: int) -> None:
    """Discards progress reports."""
