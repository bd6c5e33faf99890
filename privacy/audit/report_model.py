"""The report of an audit: sections of findings. Values only, no I/O.

The white-box and black-box audits make the same kind of sections, so one report format serves both.
"""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Args:
        what: the property that was checked.
        required: the requirement, with its numbers.
        found: the measured result, with its interval if it is an estimate.
        passed: whether the requirement is met.
    """

    what: str
    required: str
    found: str
    passed: bool


@dataclass(frozen=True)
class Comparison:
    """One row of a plot: a measured value with its interval, next to its limit.

    Args:
        label: of the row.
        low: lower end of the confidence interval.
        value: the measured value.
        high: upper end; equal to `low` and `value` if the value is exact.
        limit: the claim, or the theoretical ceiling.
    """

    label: str
    low: float
    value: float
    high: float
    limit: float


@dataclass(frozen=True)
class ComparisonPlot:
    """Measured values with their intervals, each next to its limit.

    Args:
        title: of the plot.
        unit: of all values.
        limit_name: kind of limit, such as "claimed" or "theoretical ceiling".
        rows: from top to bottom.
    """

    title: str
    unit: str
    limit_name: str
    rows: tuple[Comparison, ...]


@dataclass(frozen=True)
class HistogramPlot:
    """Observed frequencies of integers next to their exact probabilities.

    Args:
        title: of the plot.
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
            raise ValueError(f"{self.title}: values, observed and expected must have equal lengths")


Plot = ComparisonPlot | HistogramPlot


@dataclass(frozen=True)
class Section:
    """One attack or check, and its result.

    Args:
        key: short name for machines, such as `streams`.
        title: for readers.
        tried: the method.
        breaks: observations that would fail the section.
        confidence: certainty of the result, and the probability of a false alarm.
        findings: the results; a section without findings has not passed.
        plots: illustrate the findings.
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
        """True if all findings passed."""
        return bool(self.findings) and all(finding.passed for finding in self.findings)


@dataclass(frozen=True)
class AuditReport:
    """A whole audit.

    Args:
        title: kind of audit, such as "White box".
        claim: the guarantee that was audited, in one sentence.
        facts: names and values that a reader needs to repeat the audit, such as policy, version and machine.
        made_at: end of the audit, RFC 3339.
        seconds: duration.
        sections: in reading order; a report without sections has not passed.
    """

    title: str
    claim: str
    facts: tuple[tuple[str, str], ...]
    made_at: str
    seconds: float
    sections: tuple[Section, ...]

    @property
    def passed(self) -> bool:
        """True if all sections passed."""
        return bool(self.sections) and all(section.passed for section in self.sections)

    def document(self) -> dict[str, Any]:
        """Returns the report as a JSON document, with the results of all sections."""
        document = asdict(self) | {"passed": self.passed, "facts": dict(self.facts)}
        document["sections"] = [asdict(section) | {"passed": section.passed} for section in self.sections]
        return document
