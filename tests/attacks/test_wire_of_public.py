"""Attacks on the public plane: input → right answer."""

from __future__ import annotations

from pathlib import Path
from select import select
from typing import Final

from tests.attacks.conftest import Target
from tests.attacks.wire import Attack, attack, head
from tests.support.served import request

LIKES: Final = "/v1/videos/shown/likes"

CASES: Final = (
    Attack("the number, for comparison", path=LIKES, key="read"),
    Attack("no key", path=LIKES, status=401),
    Attack("two slashes before a path", path=f"/{LIKES}", status=404, key="read"),
    Attack("an encoded slash", path="/v1/videos/shown%2Flikes", status=404, key="read"),
    Attack("an encoded slash in lower case", path="/v1/videos/shown%2flikes", status=404, key="read"),
    Attack("a slash at the end", path=f"{LIKES}/", status=404, key="read"),
    Attack("a method in lower case", status=400, raw=head(method="get")),
    Attack("a method that is not taken", "DELETE", LIKES, 405, "read"),
    Attack("a body where none belongs", "GET", LIKES, 400, "read", b"{}", problem_field="body"),
    Attack("another protocol", status=400, raw=b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    Attack(
        "a header with an underscore",
        status=401,
        key="read",
        raw=head("Author_ization: Bearer {key}", path=LIKES),
    ),
)


def test_attacks(public: Target) -> None:
    """Each gets its right answer, and the plane answers health checks after it."""
    for case in CASES:
        attack(public.plane, public.keys, case)


def test_no_transport_security_without_tls(public: Target) -> None:
    """Over plain HTTP nothing is said about TLS (RFC 6797, 7.2): the proxy that speaks it says so."""
    answer = attack(public.plane, public.keys, Attack("the documentation", path="/docs"))
    assert "strict-transport-security" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_silent_connections_hold_nobody_up(public: Target) -> None:
    """1,100 connections that say nothing, and 400 that say half a request, cost others less than a second."""
    silent = [public.plane.connect() for _ in range(1_100)]
    half = [public.plane.connect() for _ in range(400)]
    for opened in half:
        opened.sendall(b"GET /v1/videos HTTP/1.1\r\nHost: x\r\n")
    attack(public.plane, public.keys, Attack("a read", path=LIKES, key="read"))
    for opened in (*silent, *half):
        opened.close()


def test_readers_that_do_not_read_share_their_memory(public: Target) -> None:
    """Two hundred responses of over a megabyte that are not read cost little memory, and no thread."""
    before = _resident_bytes()
    readers = [public.plane.connect(receive_buffer=2_048) for _ in range(200)]
    for reader in readers:
        reader.sendall(request("GET", "/docs/swagger-ui-bundle.js") * 5)
    for reader in readers:
        assert select([reader], [], [], 10)[0], "no response has arrived"
    attack(public.plane, public.keys, Attack("a read", path=LIKES, key="read"))
    assert _resident_bytes() - before < 100_000_000
    for reader in readers:
        reader.close()


def _resident_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
