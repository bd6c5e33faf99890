"""The audit's report in a real browser: it is complete, sends no request, fits a phone, and prints."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from privacy.audit.html_report import html_report
from tests.support.audit_report import sample_report

CHROMIUM: Final = Path("/usr/bin/chromium")


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a browser that has just started."""
    executable = str(CHROMIUM) if CHROMIUM.exists() else None  # else the one that playwright installed
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


def test_the_audit_report(page: Page, tmp_path: Path) -> None:
    """Every section is seen with its verdict and plots, no other address is asked, and it prints to PDF."""
    file = tmp_path / "audit.html"
    file.write_text(html_report(sample_report()), encoding="utf-8")
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(file.as_uri())

    expect(page.locator("section")).to_have_count(len(sample_report().sections))
    expect(page.locator("section#streams svg")).to_have_count(2)
    expect(page.locator("section#reads h2")).to_contain_text("FAILED")
    expect(page.locator(".summary")).to_have_text("1 of 2 sections failed.")
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.pdf(format="A4").startswith(b"%PDF")

    assert asked == [file.as_uri()]
    assert complaints == []
