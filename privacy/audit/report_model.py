"""What an audit says: sections of findings, each beside what would have been a break. Values only, no I/O.

White box and black box make the same sections, so one report shows both.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """The answer to one question of an audit.

    Args:
        what: what was looked at.
        required: what must hold, with its numbers.
        found: what was measured, with its interval where it is an estimate.
        passed: whether it holds.
    """

    what: str
    required: str
    found: str
    passed: bool


@dataclass(frozen=True)
class Comparison:
    """One row of a plot: a measured value with its interval, beside what theory allows.

    Args:
        label: of the row.
        low: lower end of the confidence interval.
        value: what was measured.
        high: upper end; `low` and `high` are `value` where it is exact.
        limit: the claim, or the ceiling.
    """

    label: str
    low: float
    value: float
    high: float
    limit: float


@dataclass(frozen=True)
class ComparisonPlot:
    """Measured values with their intervals, each beside its limit.

    Args:
        title: what is compared.
        unit: of all values.
        limit_name: what the limit is, such as "claimed" or "theoretical ceiling".
        rows: from top to bottom.
    """

    title: str
    unit: str
    limit_name: str
    rows: tuple[Comparison, ...]


@dataclass(frozen=True)
class HistogramPlot:
    """Observed frequencies of integers on their exact probabilities.

    Args:
        title: what was drawn.
        unit: of the values.
        values: middle of each bin, ascending and evenly spaced.
        observed: share of the draws in each bin.
        expected: exact probability of each bin.
    """

    title: str
    unit: str
    values: tuple[float, ...]
    observed: tuple[float, ...]
    expected: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.values) == len(self.observed) == len(self.expected):
            raise ValueError(f"{self.title}: values, observed and expected must be equally many")


Plot = ComparisonPlot | HistogramPlot


@dataclass(frozen=True)
class Section:
    """One attack or check, and how it ended.

    Args:
        key: short name for machines, such as `streams`.
        title: as a reader sees it.
        tried: what was done.
        breaks: what would count as a break.
        confidence: how sure the verdict is, and what chance there is of a false alarm.
        findings: what was measured; a section without any has not passed.
        plots: what shows it.
    """

    key: str
    title: str
    tried: str
    breaks: str
    confidence: str
    findings: tuple[Finding, ...]
    plots: tuple[Plot, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether all holds."""
        return bool(self.findings) and all(finding.passed for finding in self.findings)


@dataclass(frozen=True)
class AuditReport:
    """A whole audit.

    Args:
        title: what was audited, such as "White box".
        claim: the guarantee that it was measured against, in one sentence.
        facts: what a reader needs to repeat it: policy, digest, version, sizes, machine; by name.
        made_at: when it ended, RFC 3339.
        seconds: how long it took.
        sections: in reading order; a report without any has not passed.
    """

    title: str
    claim: str
    facts: tuple[tuple[str, str], ...]
    made_at: str
    seconds: float
    sections: tuple[Section, ...]

    @property
    def passed(self) -> bool:
        """Whether all sections passed."""
        return bool(self.sections) and all(section.passed for section in self.sections)

    def document(self) -> dict[str, Any]:
        """The same as a JSON document, with the verdicts worked out."""
        document = asdict(self) | {"passed": self.passed, "facts": dict(self.facts)}
        document["sections"] = [asdict(section) | {"passed": section.passed} for section in self.sections]
        return document
