"""The docs page in a real browser: it shows the operations, works with a key, and calls no other host."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from api.public.operations import operations
from tests.support.gallery import publish_every_state
from tests.support.public_plane import PublicPlane, public_plane, serving
from tests.support.redis_server import Store

CHROMIUM: Final = Path("/usr/bin/chromium")


@pytest.fixture
def plane(store: Store) -> Iterator[PublicPlane]:
    """A running public plane."""
    publish_every_state(store)
    with public_plane(store) as running:
        yield running


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a browser that has just started."""
    executable = str(CHROMIUM) if CHROMIUM.exists() else None  # else the one that playwright installed
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


@pytest.mark.parametrize("prefix", ["", "/likes-api"])
def test_the_docs_page(plane: PublicPlane, page: Page, prefix: str) -> None:
    """The page lists every operation, lets a reader send one with a key, and calls no other host.

    It does so behind a proxy that serves the plane under a path of its own, too.
    """
    with serving(DispatcherMiddleware(NotFound(), {prefix: plane.app})) as url:
        read_the_docs(f"{url}{prefix}", plane.token, page)


def read_the_docs(url: str, token: str, page: Page) -> None:
    """Opens the page, and sends a request from it."""
    hosts: set[str] = set()
    complaints: list[str] = []
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{url}/docs")
    expect(page.locator(".opblock")).to_have_count(len(operations()))

    page.locator("button.authorize").click()
    page.locator(".auth-container input").fill(token)
    page.locator(".auth-btn-wrapper button.authorize").click()
    page.locator(".auth-btn-wrapper button.btn-done").click()
    block = page.locator("#operations-public-get_likes")
    block.locator("button.opblock-summary-control").click()
    block.locator("button.try-out__btn").click()
    block.locator("input[placeholder=video_id]").fill("shown")
    block.locator("button.execute").click()
    expect(block.locator(".live-responses-table")).to_contain_text('"value": 1284')

    assert hosts - {""} == {urlsplit(url).netloc}  # data URLs have no host
    assert complaints == []
