"""One part of an audit: jobs that may run anywhere, and what their results say together."""

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
        title: for the progress bar, and for the section of a check that broke off.
        jobs: independent of each other; what they return travels between processes.
        conclude: makes sections of the results, which come in the order of the jobs.
    """

    title: str
    jobs: tuple[Job, ...]
    conclude: Callable[[Sequence[Any]], Sequence[Section]]
