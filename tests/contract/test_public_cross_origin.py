"""What a browser gets that reads for a page of another site, whatever the status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import pytest
import requests

from api.http.caller import ReaderLimits
from api.public.app import build_public_app
from tests.support.gallery import NOW_MS
from tests.support.public_plane import MemoryLog, PublicPlane, new_key, serving
from tests.support.redis_server import Store

SITE: Final = "https://dashboard.example"
OTHER: Final = "https://other.example"
LIKES: Final = "/v1/videos/shown/likes"
EXPOSED: Final = {
    *("Content-Encoding", "ETag", "Likewise-Signature", "Link", "Location", "Next-Cursor"),
    *("RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate"),
}


@pytest.fixture
def site(store: Store, published: Mapping[bytes, bytes]) -> Iterator[PublicPlane]:
    """A running public plane that pages of two sites may read, and one may frame."""
    store.put_back(published)
    log = MemoryLog()
    app = build_public_app(
        store.public,
        store.limiter,
        lambda: NOW_MS,
        log,
        frozenset({SITE, "https://beta.example:8443"}),
        frame_ancestors=f"{SITE}",
    )
    with serving(app) as url:
        yield PublicPlane(app, url, log, new_key(store, "read")[0])


def names_in(text: str) -> set[str]:
    """The names in a list."""
    return {name.strip() for name in text.split(",")}


def test_a_preflight_needs_no_key_and_is_not_counted(site: PublicPlane) -> None:
    """The browser asks first, without a key; what it will send is allowed."""
    asks = {
        "Origin": SITE,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = requests.options(site.url + LIKES, headers=asks, timeout=10)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == SITE
    assert names_in(answer.headers["Access-Control-Allow-Methods"]) == {"GET", "HEAD", "POST"}
    allowed = names_in(answer.headers["Access-Control-Allow-Headers"])
    assert allowed == {"Authorization", "Content-Type", "If-None-Match"}
    assert "RateLimit" not in answer.headers
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_every_status_can_be_read_by_the_page(site: PublicPlane, store: Store) -> None:
    """Success, 304 and every problem, also without a key and over the limit, are for the page to read."""
    slow, narrow = (
        new_key(store, "read", requests_per_minute=1)[0],
        new_key(store, "read", limits=ReaderLimits(creators=("c-1",)))[0],
    )
    etag = site.get(LIKES).headers["ETag"]
    site.get(LIKES, token=slow)
    damaged, record = new_key(store, "read")
    store.root.set(f"g:keys:{record.key_id}", b"{")
    for status, path, token, more in (
        (200, LIKES, "", {}),
        (304, LIKES, "", {"If-None-Match": etag}),
        (400, f"{LIKES}?token=x", "", {}),
        (401, LIKES, None, {}),
        (403, LIKES, narrow, {}),
        (404, "/v1/videos/nobody/likes", "", {}),
        (404, "/nothing", "", {}),
        (429, LIKES, slow, {}),
        (503, LIKES, damaged, {}),
    ):
        answer = site.get(path, token=token, headers={"Origin": SITE, **more})
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == SITE
        assert names_in(answer.headers["Access-Control-Expose-Headers"]) == EXPOSED
        assert "Origin" in names_in(answer.headers["Vary"])


@pytest.mark.parametrize("origin", [None, OTHER, "null", f"{SITE}.evil", "http://dashboard.example", "*"])
def test_other_pages_are_told_nothing(site: PublicPlane, origin: str | None) -> None:
    """A page that is not listed gets no leave, from neither a read nor a preflight; caches are told why."""
    headers = {"Origin": origin} if origin else {}
    asked = requests.options(
        site.url + LIKES, headers={**headers, "Access-Control-Request-Method": "GET"}, timeout=10
    )
    for answer in (site.get(LIKES, headers=headers), asked):
        assert not [name for name in answer.headers if name.startswith("Access-Control-")]
        assert "Origin" in names_in(answer.headers["Vary"])
    assert asked.status_code == 405


def test_off_by_default(plane: PublicPlane) -> None:
    """Without a setting no page of another site may read, and none may frame a card."""
    answer = plane.get(LIKES, headers={"Origin": SITE})
    assert not [name for name in answer.headers if name.startswith("Access-Control-")]
    card = plane.get("/embed/videos/shown", token=None)
    assert "frame-ancestors 'none'" in card.headers["Content-Security-Policy"]


def test_a_key_of_one_page_in_another(site: PublicPlane, store: Store) -> None:
    """A key that is limited to a site is refused to pages of another, which may read with their own."""
    token = new_key(store, "read", limits=ReaderLimits(origins=(SITE,)))[0]
    assert site.get(LIKES, token=token, headers={"Origin": SITE}).status_code == 200
    refused = site.get(LIKES, token=token, headers={"Origin": "https://beta.example:8443"})
    assert (refused.status_code, "Origin" in refused.json()["detail"]) == (403, True)
    assert refused.headers["Access-Control-Allow-Origin"] == "https://beta.example:8443"


def test_only_the_card_can_be_framed(site: PublicPlane) -> None:
    """A listed site frames the card, and no other page."""
    for path, ancestors in (("/embed/videos/shown", SITE), ("/", "'none'"), ("/docs", "'none'")):
        policy = site.get(path, token=None).headers["Content-Security-Policy"]
        assert policy.endswith(f"frame-ancestors {ancestors}")


@pytest.mark.parametrize("name", ["access_token", "token", "key", "Authorization"])
def test_a_key_in_the_address_opens_nothing(site: PublicPlane, name: str) -> None:
    """Addresses are logged and shared: a key in one is no key, and with another key it is refused."""
    assert site.get(f"{LIKES}?{name}={site.token}", token=None).status_code == 401
    assert site.get(f"{LIKES}?{name}={site.token}").status_code == 400
