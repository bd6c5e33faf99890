"""Defines one part of an audit: independent jobs, and a function that concludes from their results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from privacy.audit.report_model import Section

Job = Callable[[], Any]


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
