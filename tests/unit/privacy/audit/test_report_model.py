"""A report has passed only if everything in it has."""

import pytest

from privacy.audit.report_model import AuditReport, Finding, HistogramPlot, Section


def report(*verdicts: tuple[bool, ...]) -> AuditReport:
    """Makes a report with these findings, section by section."""
    sections = tuple(
        Section(str(place), "", "", "", "", tuple(Finding("", "", "", passed) for passed in findings))
        for place, findings in enumerate(verdicts)
    )
    return AuditReport("white box", "", (("policy", "p"),), "", 1.0, sections)


@pytest.mark.parametrize(
    ("verdicts", "passed"),
    [(((True,), (True, True)), True), (((True,), (True, False)), False), (((),), False), ((), False)],
)
def test_one_finding_that_does_not_hold_fails_all(
    verdicts: tuple[tuple[bool, ...], ...], passed: bool
) -> None:
    """So does a section without findings, and a report without sections."""
    made = report(*verdicts)
    assert made.passed == passed
    assert made.document()["passed"] == passed


def test_the_document_has_the_result_of_each_section() -> None:
    """Machines need not calculate the results."""
    document = report((True,), (False,)).document()
    assert [section["passed"] for section in document["sections"]] == [True, False]
    assert document["facts"] == {"policy": "p"}


def test_a_histogram_is_complete() -> None:
    """Each bin has its middle, its share and its probability."""
    with pytest.raises(ValueError, match="equal lengths"):
        HistogramPlot("", "", (1.0,), (0.5, 0.5), (1.0,))
