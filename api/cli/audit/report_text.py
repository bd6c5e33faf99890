"""An audit's report for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from api.cli.console import show

if TYPE_CHECKING:
    from privacy.audit.report_model import AuditReport, Section


def show_report(report: AuditReport) -> None:
    """Write every section with its findings, and the verdict at the end."""
    show(Text(report.title), Text(report.claim), Text(""))
    for section in report.sections:
        show(Text(f"{_verdict(passed=section.passed)}  {section.title}"), _findings(section), Text(""))
    held = sum(section.passed for section in report.sections)
    show(Text(f"{held} of {len(report.sections)} sections passed in {report.seconds:.0f} s."))


def _findings(section: Section) -> Table:
    table = Table("", "what", "required", "found", pad_edge=False, show_edge=False)
    for finding in section.findings:
        table.add_row(_verdict(passed=finding.passed), finding.what, finding.required, finding.found)
    return table


def _verdict(*, passed: bool) -> str:
    return "passed" if passed else "FAILED"
