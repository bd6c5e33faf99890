"""Attacks on the platform plane: input → right answer."""

from __future__ import annotations

import http.client
import json
from typing import Final

import pytest

from tests.attacks.conftest import Target
from tests.attacks.wire import JSON, Attack, attack, head
from tests.support.platform_plane import event
from tests.support.served import read_answer

TEXT: Final = {"Content_Type": "text/plain"}
AS_JSON: Final = {"Content_Type": JSON}


def events(*headers: str, path: str = "/v1/events") -> bytes:
    """Returns the head of a request with events."""
    return head(
        "Authorization: Bearer {key}", "Content-Type: application/json", *headers, method="POST", path=path
    )


CASES: Final = (
    Attack("no key", "POST", "/v1/events", 401, body=b"[]", headers=AS_JSON),
    Attack("a key of another scope", "POST", "/v1/events", 403, "moderate", b"[]", AS_JSON),
    Attack("a type that is not taken", "POST", "/v1/events", 415, "ingest", b"[]", TEXT),
    Attack("a path that is not there", "POST", "/v1/nothing", 404, "ingest", b"[]", AS_JSON),
    Attack("a method that the path does not take", "DELETE", "/v1/events", 405, "ingest"),
    Attack("two slashes before a path", "POST", "//v1/events", 404, "ingest", b"[]", AS_JSON),
    Attack("two slashes within a path", "POST", "/v1//events", 404, "ingest", b"[]", AS_JSON),
    Attack("an encoded slash", "POST", "/v1%2Fevents", 404, "ingest", b"[]", AS_JSON),
    Attack("a slash at the end", "POST", "/v1/events/", 404, "ingest", b"[]", AS_JSON),
    Attack("a body where none belongs", path="/healthz", status=400, body=b"x", problem_field="body"),
    Attack(
        "a body without a length",
        status=411,
        key="ingest",
        raw=events("Transfer-Encoding: chunked") + b"0\r\n\r\n",
    ),
    Attack(
        "a body that is announced too large",
        status=413,
        key="ingest",
        raw=events("Content-Length: 99999999999"),
    ),
    Attack(
        "a length and chunks",
        status=400,
        key="ingest",
        raw=events("Content-Length: 2", "Transfer-Encoding: chunked") + b"[]",
    ),
    Attack("two lengths", status=400, key="ingest", raw=events("Content-Length: 2", "Content-Length: 3")),
    Attack("HTTP/2 with prior knowledge", status=400, raw=b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    Attack("TLS on a plain port", status=400, raw=b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    Attack("a method in lower case", status=400, raw=head(method="get")),
    Attack("no Host", status=400, raw=b"GET /healthz HTTP/1.1\r\n\r\n"),
    Attack("no Host in HTTP/1.0", raw=b"GET /healthz HTTP/1.0\r\n\r\n"),
    Attack("the target of a proxy", status=400, raw=head(method="CONNECT", path="x:443")),
    Attack("a head of 200 kB", status=431, raw=b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000),
    Attack("a thousand headers", status=431, raw=head(*["a: b"] * 1000)),
)


def test_attacks(platform: Target) -> None:
    """Each gets its right answer, and the plane answers health checks after it."""
    for case in CASES:
        attack(platform.plane, platform.keys, case)


REFUSED_EARLY: Final = {
    "a wrong key": ("/v1/events", 4_000_000, "none", JSON, 401),
    "a key that is over its limit": ("/v1/events", 4_000_000, "limited", JSON, 429),
    "a type that is not taken": ("/v1/events", 4_000_000, "ingest", "text/plain", 415),
    "a path that is not there": ("/v1/nothing", 4_000_000, "ingest", JSON, 404),
    "a body that is too large": ("/v1/events", 9_500_000, "ingest", JSON, 413),
}


@pytest.mark.parametrize("name", REFUSED_EARLY)
def test_a_client_that_sends_before_it_reads_finds_the_refusal(platform: Target, name: str) -> None:
    """A large upload that is refused early gets its answer, which says that the connection ends."""
    path, size, key, media_type, status = REFUSED_EARLY[name]
    headers = {"Authorization": f"Bearer {platform.keys.get(key, 'x')}", "Content-Type": media_type}
    for _ in range(2 if key == "limited" else 1):
        connection = http.client.HTTPConnection("127.0.0.1", platform.plane.port, timeout=20)
        connection.request("POST", path, b" " * size, headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
    assert (answer.status, answer.getheader("Connection")) == (status, "close")
    assert status != 429 or answer.getheader("Retry-After")


def test_slow_bodies_hold_nobody_up(platform: Target) -> None:
    """A hundred bodies that stop, of a reviewer's key, cost neither intake nor health checks a second."""
    slow = [platform.plane.connect() for _ in range(100)]
    stopped = events("Content-Length: 1000", path="/v1/sandbox/events") + b"["
    for opened in slow:
        opened.sendall(stopped.replace(b"{key}", platform.keys["canary"].encode()))
    attack(platform.plane, platform.keys, Attack("health", path="/healthz"))
    batch = Attack("events", "POST", "/v1/events", 200, "ingest", json.dumps([event()]).encode(), AS_JSON)
    with platform.plane.connect(1.0) as opened:
        opened.sendall(batch.sent(platform.keys))
        assert read_answer(opened).status == 200
    for opened in slow:
        opened.close()
