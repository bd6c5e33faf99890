"""The HTML report is complete, escaped and self-contained."""

import re
from xml.etree import ElementTree as ET

from privacy.audit.html_report import html_report
from privacy.audit.svg_plots import svg
from tests.support.audit_report import COMPARISONS, HISTOGRAM, sample_report


def test_everything_is_there() -> None:
    """Each section has its method, its criterion, its measurements and its confidence."""
    page = html_report(sample_report())
    for section in sample_report().sections:
        for text in (section.title, section.tried, section.breaks, section.confidence):
            assert text.replace("&", "&amp;").replace("<", "&lt;") in page
        assert all(finding.found in page for finding in section.findings)
    assert page.count("<svg") == 2
    assert page.count("FAILED") == 3  # the finding, its section, the table of contents


def test_text_is_never_markup() -> None:
    """Text quoted in a finding cannot become markup."""
    assert "<script" not in html_report(sample_report('<script src="https://example.org/x.js"></script>'))


def test_no_other_host_is_named() -> None:
    """The page refers to nothing outside itself; the SVG namespace is a name, and is not fetched."""
    page = html_report(sample_report()).replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|url\(|@import|<link|<script|<img", page)


def test_plots_are_well_formed() -> None:
    """Each plot is XML with one mark per value and an accessible description."""
    comparisons, histogram = (ET.fromstring(svg(plot)) for plot in (COMPARISONS, HISTOGRAM))  # noqa: S314 - our own text
    space = "{http://www.w3.org/2000/svg}"
    assert len(comparisons.findall(f"{space}circle")) == len(COMPARISONS.rows)
    assert len(histogram.findall(f"{space}rect")) == len(HISTOGRAM.values)
    assert all(plot.get("aria-label") for plot in (comparisons, histogram))
