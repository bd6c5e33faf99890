"""The report of a replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from api.replay.evaluation import ErrorSummary
from api.replay.in_process import InProcessSystem

_SHOWN_PROBLEMS = 10


@dataclass(frozen=True)
class ReplayReport:
    """The results of a replay.

    Args:
        videos: number of videos by verdict.
        events: number of events by verdict.
        problems: the most frequent problems, with the number of videos and events that had each.
        releases: number of releases made.
        summaries: errors of the published numbers; None if not requested.
    """

    videos: Mapping[str, int]
    events: Mapping[str, int]
    problems: Sequence[tuple[str, int]]
    releases: int
    summaries: Sequence[ErrorSummary] | None

    @classmethod
    def from_system(cls, system: InProcessSystem, summaries: Sequence[ErrorSummary] | None) -> ReplayReport:
        """Makes the report of a system that has replayed a history."""
        intake = system.intake
        problems = intake.problems.most_common(_SHOWN_PROBLEMS)
        return cls(dict(intake.videos), dict(intake.events), problems, system.timeline.releases, summaries)

    def document(self) -> dict[str, Any]:
        """Returns the report as a JSON document."""
        document: dict[str, Any] = {
            "videos": self.videos,
            "events": self.events,
            "problems": [{"problem": problem, "count": count} for problem, count in self.problems],
            "releases": self.releases,
        }
        if self.summaries is not None:
            document["evaluation"] = [asdict(comparison) for comparison in self.summaries]
        return document

    def tables(self) -> list[RenderableType]:
        """Returns the report as tables for a terminal."""
        tables: list[RenderableType] = [self._tabulate_outcomes()]
        if self.problems:
            tables.append(_tabulate_problems(self.problems))
        if self.summaries is not None:
            tables.append(_comparisons(self.summaries))
        return tables

    def _tabulate_outcomes(self) -> Table:
        title = f"{self.releases:,} releases"
        table = Table("verdict", "videos", "events", title=title, title_justify="left")
        for verdict in dict.fromkeys([*self.videos, *self.events]):
            counts = (self.videos.get(verdict), self.events.get(verdict))
            if any(counts):
                table.add_row(verdict, *("" if count is None else f"{count:,}" for count in counts))
        return table


def _tabulate_problems(problems: Sequence[tuple[str, int]]) -> Table:
    table = Table("count", "problem of invalid items")
    for problem, count in problems:
        table.add_row(f"{count:,}", problem)
    return table


def _comparisons(summaries: Sequence[ErrorSummary]) -> Table:
    table = Table(
        *("statistic", "exact count", "numbers", "withheld", "covered by ci95", "median error", "relative"),
        title="Published numbers of all releases compared with the exact counts (for the operator only)",
        title_justify="left",
    )
    for row in summaries:
        table.add_row(
            row.statistic,
            row.size,
            f"{row.numbers:,}",
            f"{row.withheld_share:.1%}",
            _format_or_blank(row.covered_share, ".1%"),
            _format_or_blank(row.median_absolute_error, ".0f"),
            _format_or_blank(row.median_relative_error, ".1%"),
            end_section=row.size == "all",
        )
    return table


def _format_or_blank(number: float | None, form: str) -> str:
    return "" if number is None else format(number, form)
