"""The pages for people in a real browser: they show the API's numbers, to everybody."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from api.http.caller import ReaderLimits
from privacy.mechanism.guarantee import guarantee
from privacy.model.documents import BreakdownFigures
from privacy.policy.file import load_policy
from privacy.publishing.publisher import Publisher
from tests.support.gallery import CELLS, LEDGER_SHARDS, publish, release, target
from tests.support.public_plane import PublicPlane, new_key, public_plane
from tests.support.redis_server import Store

CHROMIUM: Final = Path("/usr/bin/chromium")
MAX_PAGE_BYTES: Final = 300_000
MARKUP: Final = "<img src=x onerror=alert(1)> & friends"
PAGES: Final = (
    "/",
    "/creators/big",
    "/creators/small",
    "/videos/shown",
    "/videos/few",
    "/explore",
    "/privacy",
)
PHONE: Final[ViewportSize] = {"width": 390, "height": 800}
DESK: Final[ViewportSize] = {"width": 1280, "height": 900}


def publish_world(store: Store) -> None:
    """A creator with ten million likes, and one whose every number is withheld."""
    device = {"android": (6_000_000, 5_999_900, 6_000_100), "ios": (4_000_000, 3_999_900, 4_000_100)}
    cells = {name: BreakdownFigures(cells=dict.fromkeys(names), other=None) for name, names in CELLS.items()}
    cells["device"] = BreakdownFigures(cells=dict.fromkeys(CELLS["device"]) | device, other=None)
    shown = [
        release(
            "shown",
            epoch,
            None if epoch < 3 else (400_000 * epoch, 400_000 * epoch - 25, 400_000 * epoch + 25),
            breakdowns=cells,
        )
        for epoch in range(26)
    ]
    publish(
        store,
        [
            target("big", target_type="creator", creator_id=None, title="A large creator"),
            target("small", target_type="creator", creator_id=None, title=MARKUP),
            target("shown", creator_id="big", title=MARKUP),
            target("few", creator_id="small", title="Ten likes"),
        ],
        [
            *shown,
            *(release("few", epoch, None) for epoch in range(26)),
            *(
                release("big", epoch, (1_000 + epoch, 976, 1_024 + epoch), kind="follow")
                for epoch in range(9)
            ),
            release("small", 0, None, kind="follow"),
        ],
    )
    Publisher(store.publisher).publish_guarantee(*packaged_guarantee(), LEDGER_SHARDS)


@cache
def packaged_guarantee() -> tuple[str, dict[str, Any]]:
    """The version of the packaged policy, and what it states."""
    policy = load_policy()
    return policy.version, guarantee(policy)


@pytest.fixture
def plane(store: Store) -> Iterator[PublicPlane]:
    """A running public plane with this world."""
    publish_world(store)
    with public_plane(store) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser."""
    executable = str(CHROMIUM) if CHROMIUM.exists() else None  # else the one that playwright installed
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield running
        running.close()


@dataclass
class Visit:
    """A tab that is signed in, and what it noticed.

    Args:
        page: the tab.
        url: of the plane.
        complaints: errors of scripts, of the console, and of the policy for contents.
        hosts: whom it asked.
        files: sizes of the pages and their files, by address.
    """

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    files: dict[str, int] = field(default_factory=dict)

    def open(self, path: str, **media: Any) -> Page:
        """Opens a page, and waits until it has its numbers."""
        if media:
            self.page.emulate_media(**media)
        self.page.goto(self.url + path)
        expect(self.page.locator("main:not([aria-busy])")).to_be_visible()
        expect(self.page.locator("h1, .problem, .card").first).to_be_visible()
        return self.page


@pytest.fixture
def visit(plane: PublicPlane, browser: Browser) -> Iterator[Visit]:
    """A tab in which a key was typed."""
    context = browser.new_context(viewport=DESK)
    page = context.new_page()
    found = Visit(page, plane.url)
    page.on("request", lambda request: found.hosts.add(urlsplit(request.url).netloc))
    page.on("response", lambda response: _note_size(found, response))
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on("console", lambda said: found.complaints.append(said.text) if said.type == "error" else None)
    page.goto(f"{plane.url}/")
    page.locator("#credential").fill(plane.token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Whose numbers?")).to_be_visible()
    yield found
    context.close()
    assert found.complaints == []
    assert found.hosts - {""} == {urlsplit(plane.url).netloc}


def _note_size(visit: Visit, response: Any) -> None:
    path = urlsplit(response.url).path
    if not path.startswith("/v1/"):
        visit.files[path] = int(response.headers.get("content-length", 0))


@pytest.mark.parametrize("path", PAGES)
def test_everybody_can_use_a_page(visit: Visit, path: str) -> None:
    """No rule of axe is broken, light or dark, on a desk or a phone; nothing is wider than the screen."""
    for scheme, size in (("light", DESK), ("dark", PHONE)):
        visit.page.set_viewport_size(size)
        page = visit.open(path, color_scheme=scheme)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shell = sum(size for name, size in visit.files.items() if not name.startswith("/videos/"))
    assert 0 < shell <= MAX_PAGE_BYTES


def test_the_page_of_a_video(visit: Visit, plane: PublicPlane) -> None:
    """The number is that of the API; its chart has a table; foreign text is text."""
    page = visit.open("/videos/shown")
    total = plane.number("/v1/videos/shown/likes")
    expect(page.locator("h1")).to_have_text(MARKUP)
    expect(page.locator(".figure .value").first).to_have_text(f"{total['value']:,} ± 25")
    expect(page.locator(".chart canvas")).to_have_count(1)
    page.get_by_text("All numbers as a table").click()
    expect(page.locator("table.plain tbody tr:visible").first).to_contain_text("too few to show")
    expect(page.get_by_text("6,000,000 ± 100").first).to_be_visible()
    expect(page.locator(".bars .none")).not_to_have_count(0)


def test_a_page_without_numbers_says_so(visit: Visit) -> None:
    """What is withheld is hatched and explained, and never a zero."""
    page = visit.open("/videos/few")
    expect(page.get_by_text("That is not zero.").first).to_be_visible()
    assert "0 ±" not in page.locator("main").inner_text()
    page = visit.open("/creators/small")
    expect(page.locator("h1")).to_have_text(MARKUP)
    expect(page.locator(".withheld").first).to_be_visible()


def test_the_page_of_a_creator(visit: Visit) -> None:
    """It has the followers, the sum of the likes, and a link to each video."""
    page = visit.open("/creators/big")
    expect(page.locator("h1")).to_have_text("A large creator")
    expect(page.locator(".figure .value").nth(0)).to_have_text("1,008 ± 28")
    expect(page.locator(".figure .label").nth(1)).to_have_text("likes of 1 of 1 videos")
    page.get_by_role("link", name=MARKUP).click()
    expect(page.locator("h1")).to_have_text(MARKUP)
    assert page.url.endswith("/videos/shown")


def test_an_export_is_a_file(visit: Visit) -> None:
    """The button saves the CSV of the API."""
    page = visit.open("/creators/big")
    with page.expect_download() as started:
        page.get_by_role("button", name="Export the videos").click()
    rows = [*csv.DictReader(Path(started.value.path()).read_text().splitlines())]
    assert [(row["video_id"], row["likes_value"]) for row in rows] == [("shown", "10000000")]


def test_a_question_by_clicking(visit: Visit) -> None:
    """The answer is shown with the request to copy."""
    page = visit.open("/explore")
    page.locator("#ids").fill("shown, few")
    page.locator("#dimension").select_option("device")
    page.locator("#each").select_option("")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_text("4,000,000").first).to_be_visible()
    request = page.locator("pre").first.inner_text()
    assert '"ids":["shown","few"]' in request
    assert "lw_public_" not in page.locator("main").inner_text()
    page.locator("#dimension").select_option("gender")
    page.locator("#subject").select_option("hashtags")
    page.locator("#each").select_option("each")
    page.locator("#ids").fill("")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("alert")).to_contain_text("ids")
    visit.complaints.clear()  # the browser notes the 400


def test_signing_in_and_out(plane: PublicPlane, store: Store, browser: Browser) -> None:
    """What is behind the # signs in, and leaves the address at once; a wrong key is refused."""
    token, _ = new_key(store, "read", limits=ReaderLimits(creators=("big",)))
    page = browser.new_page()
    page.goto(f"{plane.url}/creators/big#{token}")
    expect(page.locator("h1")).to_have_text("A large creator")
    assert page.url == f"{plane.url}/creators/big"
    page.goto(f"{plane.url}/creators/small")
    expect(page.get_by_role("alert")).to_contain_text("Your key does not read this.")
    page.get_by_role("button", name="Sign out").click()
    page.locator("#credential").fill("lw_public_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("Please sign in again.")
    page.close()


def test_the_guarantee_in_pictures(visit: Visit) -> None:
    """It says what the packaged policy says."""
    page = visit.open("/explore")
    page.get_by_role("link", name="How private is this?").click()
    expect(page.get_by_text("with all numbers at most 59.2 are right")).to_be_visible()
    expect(
        page.get_by_text("A total is shown from 88 likes on in the first hour, and from 110 on")
    ).to_be_visible()
    expect(page.locator("svg")).to_have_count(2)


def test_the_card_for_other_pages(plane: PublicPlane, browser: Browser) -> None:
    """It is a card without a frame around it, and no page may frame it unless the operator says so."""
    page = browser.new_page()
    answer = page.goto(f"{plane.url}/embed/videos/shown#{plane.token}")
    assert answer
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    expect(page.locator(".card h2")).to_have_text(MARKUP)
    expect(page.locator("nav")).to_have_count(0)
    page.close()
