"""Requests to the public plane as other tongues and machines between write them: input → right answer.

To add one, add a line to `READINGS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

import pytest

from api.public.app import build_public_app
from tests.attacks.conftest import Target
from tests.attacks.wire import Attack, attack
from tests.support import public_plane
from tests.support.gallery import NOW_MS, publish_every_state
from tests.support.redis_server import Store
from tests.support.served import served

LIKES: Final = "/v1/videos/shown/likes"
DASHBOARD: Final = "https://dashboard.example"
PREFLIGHT: Final = {"Origin": DASHBOARD, "Access-Control-Request-Method": "GET"}
LONG_IDS: Final = [f"urn:li:ugcPost:{number:03}:{'ab:' * 40}"[:128] for number in range(100)]


@dataclass(frozen=True)
class Reading:
    """A request that is unusual, and right.

    Args:
        sent: the request and the right status.
        headers: of the response, by name in lower case; None for a header that must be absent.
        says: a part of the body.
    """

    sent: Attack
    headers: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))
    says: str = ""

    def __str__(self) -> str:
        """Returns the name, for the report of the tests."""
        return self.sent.name


def read(name: str, path: str, says: str = "", status: int = 200) -> Reading:
    """Returns a GET with a key."""
    return Reading(Attack(name, path=path, status=status, key="read"), says=says)


def refuse(name: str, path: str, parameter: str, says: str) -> Reading:
    """Returns a GET with a key and a parameter that breaks its rule."""
    return Reading(Attack(name, path=path, status=400, key="read", problem_field=parameter), says=says)


READINGS: Final = (
    read("ids in one parameter", "/v1/videos?ids=shown,few", '"few"'),
    read("ids one by one", "/v1/videos?ids=shown&ids=few", '"few"'),
    read("ids one by one, of axios", "/v1/videos?ids[]=shown&ids[]=few", '"few"'),
    read("ids one by one, of axios, encoded", "/v1/videos?ids%5B%5D=shown&ids%5B%5D=few", '"few"'),
    read("ids in both ways", "/v1/videos?ids=shown&ids=few,none", '"few"'),
    refuse("101 ids one by one", f"/v1/videos?{'&'.join(['ids=a'] * 101)}", "ids", "lists 101 ids"),
    refuse("ids with numbers, of PHP", "/v1/videos?ids[0]=shown", "ids[0]", "`ids`"),
    refuse("no list with brackets", f"{LIKES}/timeseries?limit[]=1", "limit[]", "takes `cursor`"),
    refuse(
        "whose videos an account liked", "/v1/creators/maker/videos?liked_by=a", "liked_by", "takes `cursor`"
    ),
    refuse("a video as a cursor", "/v1/creators/maker/videos?cursor=shown", "cursor", "cursor of this list"),
    read("the videos of nobody", "/v1/creators/nobody/videos", "There is no creator nobody.", 404),
    refuse("one dimension by two", "/v1/dimensions?by=device,gender", "by", "takes `version`"),
    read("a hundred encoded URNs", f"/v1/videos?ids={quote(','.join(LONG_IDS), safe='')}"),
    read(
        "a hundred encoded URNs, one by one", "/v1/videos?" + "&".join(f"ids={quote(it)}" for it in LONG_IDS)
    ),
    read("every character encoded", f"/v1/videos?ids={'%2C'.join(['%61' * 128] * 100)}"),
    read("an endless query", f"/v1/videos?ids={'a,' * 25_000}", "at most 40960", 414),
    read("releases from the beginning", "/v1/releases", '"releases"'),
    refuse("a cursor of another list", "/v1/releases?after=bGVkZ2VyOjAuMC4w", "after", "cursor"),
    refuse("releases after two cursors", "/v1/releases?after=a&after=b", "after", "once"),
    refuse("too many releases", "/v1/releases?limit=2001", "limit", "1 to 2000"),
    read("a slash at the end", f"{LIKES}/", "do not end with a slash", 404),
    read("a slash at the end of nothing", "/v1/nothing/", "no such path.", 404),
    *(
        Reading(Attack(method, method, LIKES, 405, "read"), {"allow": "GET, HEAD"})
        for method in ("TRACE", "DELETE", "OPTIONS", "POST")
    ),
    Reading(
        Attack("a preflight of a page that may read", "OPTIONS", LIKES, 204, headers=PREFLIGHT),
        {
            "access-control-allow-origin": DASHBOARD,
            "access-control-allow-headers": "Authorization, Content-Type, If-None-Match",
            "access-control-allow-methods": "GET, HEAD, POST",
            "vary": "Origin",
        },
    ),
    Reading(
        Attack(
            "a preflight of another page", "OPTIONS", LIKES, 405, headers=PREFLIGHT | {"Origin": "https://a"}
        ),
        {"access-control-allow-origin": None, "vary": "Origin"},
    ),
    Reading(
        Attack("a page that may read", path=LIKES, key="read", headers={"Origin": DASHBOARD}),
        {"access-control-allow-origin": DASHBOARD, "access-control-allow-credentials": None},
    ),
    Reading(
        Attack("a page that may read, and has no key", path=LIKES, status=401, headers={"Origin": DASHBOARD}),
        {"access-control-allow-origin": DASHBOARD},
    ),
    Reading(
        Attack("another page", path=LIKES, key="read", headers={"Origin": f"{DASHBOARD}.evil.example"}),
        {"access-control-allow-origin": None},
    ),
)


@pytest.fixture(scope="module")
def readable(shared_store: Store) -> Iterator[Target]:
    """The public plane, with a video in every state; one origin may read it."""
    shared_store.flush()
    publish_every_state(shared_store)
    log = public_plane.MemoryLog()
    origins = frozenset({DASHBOARD})
    app = build_public_app(shared_store.public, shared_store.limiter, lambda: NOW_MS, log, origins)
    with served(app) as plane:
        yield Target(plane, {"read": public_plane.new_key(shared_store, "read")[0]})
    assert log.failures == []


@pytest.mark.parametrize("reading", READINGS, ids=str)
def test_a_reading_gets_its_right_answer(readable: Target, reading: Reading) -> None:
    """Status, headers and words are those of the table."""
    answer = attack(readable.plane, readable.keys, reading.sent)
    for name, value in reading.headers.items():
        assert answer.headers.get(name) == value
    assert reading.says in answer.body.decode()


PROXIED: Final = (
    *('"{}"', '"{}-gzip"', '"{}--gzip"', '"{}-br"', '"{}-zstd"', '"{}-GZIP"', '"{}-Gzip"', '"{};gzip"'),
    *('"{};;;gz"', '"{}:gzip"', '"{}-x-gzip"', '"{}-df"', 'W/"{}"', 'w/"{}-GZIP"', 'W/"{};br"'),
    *('"a", "{}-GZIP"', 'W/"a" ,W/"{};gzip",  "b"', '"{}-gzip", "{}"', "{}-GZIP", "*", '"a;gzip",, "{}"'),
)


@pytest.mark.parametrize("header", PROXIED)
def test_a_tag_that_a_proxy_has_marked_is_the_same(readable: Target, header: str) -> None:
    """A client behind a server that compresses has the current version, too: 304, without a body."""
    tag = attack(readable.plane, readable.keys, Attack("first", path=LIKES, key="read")).headers["etag"]
    known = {"If-None-Match": header.replace("{}", tag[1:-1])}
    answer = attack(
        readable.plane, readable.keys, Attack("again", path=LIKES, key="read", status=304, headers=known)
    )
    assert (answer.body, answer.headers["etag"]) == (b"", tag)
