"""Renders an audit report as one self-contained HTML file."""

from collections.abc import Iterator
from html import escape
from importlib.resources import files

from privacy.audit.report_model import AuditReport, Section
from privacy.audit.svg_plots import svg


def html_report(report: AuditReport) -> str:
    """Returns the whole page."""
    style = files("privacy.audit").joinpath("report.css").read_text(encoding="utf-8")
    title = escape(f"Likewise privacy audit: {report.title}")
    body = "\n".join([*_head(report), *(_section(section) for section in report.sections)])
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src '
        "'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _head(report: AuditReport) -> Iterator[str]:
    failed = sum(not section.passed for section in report.sections)
    count = len(report.sections)
    summary = f"All {count} sections passed." if report.passed else f"{failed} of {count} sections failed."
    yield f"<header><h1>Likewise privacy audit: {escape(report.title)}</h1>"
    yield f"<p>{escape(report.claim)}</p>"
    yield f'<p class="summary {_class(report.passed)}">{summary}</p>'
    facts = [*report.facts, ("date", report.made_at), ("duration", f"{report.seconds:,.0f} seconds")]
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(fact)}</dd>" for name, fact in facts)
    yield f"<dl>{listed}</dl></header>"
    links = "".join(
        f'<li><a href="#{escape(section.key, quote=True)}">{escape(section.title)}</a> '
        f"{_badge(section.passed)}</li>"
        for section in report.sections
    )
    yield f'<nav aria-label="Sections"><ol>{links}</ol></nav>'


def _section(section: Section) -> str:
    rows = "".join(
        f"<tr><td>{escape(finding.what)}</td><td>{escape(finding.required)}</td>"
        f"<td>{escape(finding.found)}</td><td>{_badge(finding.passed)}</td></tr>"
        for finding in section.findings
    )
    plots = "".join(
        f"<figure>{svg(plot)}<figcaption>{escape(plot.title)}</figcaption></figure>" for plot in section.plots
    )
    return (
        f'<section id="{escape(section.key, quote=True)}">'
        f"<h2>{escape(section.title)} {_badge(section.passed)}</h2><dl>"
        f"<dt>Method</dt><dd>{escape(section.tried)}</dd>"
        f"<dt>Fails on</dt><dd>{escape(section.breaks)}</dd>"
        f"<dt>Confidence</dt><dd>{escape(section.confidence)}</dd></dl>{plots}"
        "<table><thead><tr><th>Checked</th><th>Required</th><th>Measured</th><th>Result</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></section>"
    )


def _badge(passed: bool) -> str:
    return f'<span class="verdict {_class(passed)}">{"passed" if passed else "FAILED"}</span>'


def _class(passed: bool) -> str:
    return "passed" if passed else "failed"
