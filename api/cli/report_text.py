"""Delivers an audit report as an HTML file, as JSON, or as text on the terminal."""

from pathlib import Path

from rich.table import Table
from rich.text import Text

from api.cli.console import echo, show, show_json
from api.http.command import ExitCode
from api.http.terminal import make_line
from privacy.audit.html_report import html_report
from privacy.audit.report_model import AuditReport, ComparisonPlot, Section


def deliver_report(report: AuditReport, *, as_json: bool, report_file: Path | None = None) -> ExitCode:
    """Writes the report where it is requested, and returns the exit code for its result."""
    if report_file:
        report_file.write_text(html_report(report), encoding="utf-8")
        echo(f"Report written to {make_line(str(report_file))}.")
    if as_json:
        show_json(report.document())
    else:
        _show(report)
    return ExitCode.OK if report.passed else ExitCode.CHECK_FAILED


def _show(report: AuditReport) -> None:
    """Prints every section with its findings, then the result."""
    show(Text(report.title), Text(report.claim), Text(""))
    for section in report.sections:
        show(Text(f"{_format_result(passed=section.passed)}  {section.title}"), _tabulate(section), Text(""))
        for plot in section.plots:
            if isinstance(plot, ComparisonPlot):
                show(_tabulate_comparisons(plot), Text(""))
    passed = sum(section.passed for section in report.sections)
    show(Text(f"{passed} of {len(report.sections)} sections passed in {report.seconds:.0f} s."))


def _tabulate(section: Section) -> Table:
    table = Table("", "checked", "required", "measured", pad_edge=False, show_edge=False)
    for finding in section.findings:
        table.add_row(_format_result(passed=finding.passed), finding.what, finding.required, finding.found)
    return table


def _tabulate_comparisons(plot: ComparisonPlot) -> Table:
    """Returns the rows of a plot as numbers, with each lower end as a share of its limit."""
    table = Table(plot.title, plot.limit_name, "at least", "measured", "at most", "at least / limit")
    for row in plot.rows:
        ends = (f"{value:.4f}" for value in (row.limit, row.low, row.value, row.high))
        table.add_row(row.label, *ends, f"{row.low / row.limit:.3f}" if row.limit else "")
    return table


def _format_result(*, passed: bool) -> str:
    return "passed" if passed else "FAILED"
