"""What a replay says when it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table

from api.replay.evaluation import ErrorSummary
from api.replay.in_process import InProcessSystem

if TYPE_CHECKING:
    from rich.console import RenderableType

_SHOWN_PROBLEMS = 10


@dataclass(frozen=True)
class ReplayReport:
    """What a replay did.

    Args:
        videos: how many met each verdict.
        events: likewise.
        problems: the most frequent ones, and how many videos and events had each.
        releases: how many were written.
        comparisons: of the published numbers with the exact ones; None where nobody asked for them.
    """

    videos: Mapping[str, int]
    events: Mapping[str, int]
    problems: Sequence[tuple[str, int]]
    releases: int
    comparisons: Sequence[ErrorSummary] | None

    @classmethod
    def of(cls, machine: InProcessSystem, comparisons: Sequence[ErrorSummary] | None) -> ReplayReport:
        """Report on the machine that was used."""
        intake = machine.intake
        problems = intake.problems.most_common(_SHOWN_PROBLEMS)
        return cls(dict(intake.videos), dict(intake.events), problems, machine.timeline.releases, comparisons)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        document: dict[str, Any] = {
            "videos": self.videos,
            "events": self.events,
            "problems": [{"problem": problem, "count": count} for problem, count in self.problems],
            "releases": self.releases,
        }
        if self.comparisons is not None:
            document["evaluation"] = [asdict(comparison) for comparison in self.comparisons]
        return document

    def tables(self) -> list[RenderableType]:
        """For people."""
        tables: list[RenderableType] = [self._verdicts()]
        if self.problems:
            tables.append(_problems(self.problems))
        if self.comparisons is not None:
            tables.append(_comparisons(self.comparisons))
        return tables

    def _verdicts(self) -> Table:
        title = f"{self.releases:,} releases"
        table = Table("verdict", "videos", "events", title=title, title_justify="left")
        for verdict in dict.fromkeys([*self.videos, *self.events]):
            counts = (self.videos.get(verdict), self.events.get(verdict))
            if any(counts):
                table.add_row(verdict, *("" if count is None else f"{count:,}" for count in counts))
        return table


def _problems(problems: Sequence[tuple[str, int]]) -> Table:
    table = Table("times", "what is wrong with what is invalid")
    for problem, count in problems:
        table.add_row(f"{count:,}", problem)
    return table


def _comparisons(comparisons: Sequence[ErrorSummary]) -> Table:
    table = Table(
        *("statistic", "exact count", "numbers", "withheld", "covered by ci95", "median error", "relative"),
        title="Published numbers of all releases beside the exact ones (for the operator only)",
        title_justify="left",
    )
    for row in comparisons:
        table.add_row(
            row.statistic,
            row.size,
            f"{row.numbers:,}",
            f"{row.withheld_share:.1%}",
            _or_nothing(row.covered_share, ".1%"),
            _or_nothing(row.median_absolute_error, ".0f"),
            _or_nothing(row.median_relative_error, ".1%"),
            end_section=row.size == "all",
        )
    return table


def _or_nothing(number: float | None, form: str) -> str:
    return "" if number is None else format(number, form)
