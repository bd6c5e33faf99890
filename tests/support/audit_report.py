"""A small audit report with one section of each kind."""

from privacy.audit.report_model import (
    AuditReport,
    Comparison,
    ComparisonPlot,
    Finding,
    HistogramPlot,
    Section,
)

COMPARISONS = ComparisonPlot(
    "ε of single streams",
    "ε",
    "claimed",
    (Comparison("total", 1.9, 2.0, 2.1, 2.05), Comparison("age & gender", 0.0, 0.0, 0.4, 1.0)),
)
HISTOGRAM = HistogramPlot("Noise", "units", (-1.0, 0.0, 1.0), (0.2, 0.6, 0.2), (0.25, 0.5, 0.25))


def sample_report(quoted: str = "bound 1.9") -> AuditReport:
    """A report in which one finding of three has not passed.

    Args:
        quoted: measured result of the first finding.
    """
    sound = Section(
        "streams",
        "Lower bounds",
        "Two datasets were measured.",
        "A bound above ε < 3.",
        "99.8 %",
        (Finding("total", "bound ≤ 2.05", quoted, passed=True),),
        (COMPARISONS, HISTOGRAM),
    )
    broken = Section(
        "reads",
        "Reading & averaging",
        "Everything was read.",
        "Two answers.",
        "Certain.",
        (
            Finding("path", "one body", "one body", passed=True),
            Finding("other", "one", "two bodies", passed=False),
        ),
    )
    return AuditReport(
        "white box", "The claim.", (("policy", "2026"),), "2026-01-01T00:00:00Z", 61.0, (sound, broken)
    )
