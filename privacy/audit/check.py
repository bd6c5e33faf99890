"""One part of an audit: independent jobs, a function that concludes from their results, progress reports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from privacy.audit.report_model import Section

Job = Callable[[], Any]


class ProgressCallback(Protocol):
    """Receives progress; the command line draws bars from it."""

    def __call__(self, section: str, done: int, total: int) -> None:
        """Reports that `done` of `total` steps of a section are complete."""


def ignore_progress(section: str, done: int, total: int) -> None:
    """Discards progress reports."""


@dataclass(frozen=True)
class Check:
    """One part of an audit.

    Args:
        title: for the progress bar, and for the section of a check that could not be completed.
        jobs: independent of each other; their results must be picklable.
        conclude: makes sections from the results, which come in the order of the jobs.
    """

    title: str
    jobs: tuple[Job, ...]
    conclude: Callable[[Sequence[Any]], Sequence[Section]]
