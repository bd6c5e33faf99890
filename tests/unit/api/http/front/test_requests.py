"""Bytes become requests, or a refusal; how they are cut into pieces does not matter."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
import pytest

from api.http.front.bounds import FrontBounds
from api.http.request_body import RECEIVED_BODY, BodyWantedError
from tests.support.served import HOST, Served, read_answer, request, served

_TOGETHER = 400
_TURNS_OF_A_NEW_CONNECTION = 8
"""Enough to accept it, to read from it, and to answer it."""


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answers with what was understood; takes every body."""
    if environ[RECEIVED_BODY] is None:
        raise BodyWantedError("one")
    names = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "SERVER_PROTOCOL")
    shown = [environ[name] for name in names] + [environ[RECEIVED_BODY].decode()]
    sent = {name: value for name, value in environ.items() if name.startswith("HTTP_X")}
    text = msgspec.json.encode([*shown, sent])
    start_response("200 OK", [("Content-Length", str(len(text)))])
    return [text]


@pytest.fixture(scope="module")
def plane() -> Iterator[Served]:
    """A server with a small bound on heads, and long times."""
    with served(echo, FrontBounds(head_bytes=4_000)) as running:
        yield running


def ask(plane: Served, data: bytes) -> list[Any]:
    """Return what was understood."""
    answer = plane.ask(data)
    assert answer.status == 200, answer
    understood: list[Any] = msgspec.json.decode(answer.body)
    return understood


WHOLE = b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.0\r\n\r\n"


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_pieces_do_not_matter(plane: Served, size: int) -> None:
    """The same bytes make the same requests in pieces of any size; the last one ends the connection."""
    with plane.connect() as opened:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(WHOLE), size):
            opened.sendall(WHOLE[start : start + size])
        received = b""
        while piece := opened.recv(65_536):
            received += piece
    assert received.count(b"HTTP/1.1 200 OK") == 2
    assert b'["POST","/a","b=c","HTTP/1.1","abc",{}]' in received
    assert received.endswith(b'["GET","/","","HTTP/1.0","",{}]')


@pytest.mark.parametrize("size", [1, 7, 40, 100_000])
def test_pipelined_bodies_do_not_mix(plane: Served, size: int) -> None:
    """Each of several bodies on a connection reaches its own request, whole, however it is cut."""
    bodies = [bytes([97 + number]) * (number * 5_000 + 3) for number in range(3)]
    sent = b"".join(request("POST", f"/{number}", body) for number, body in enumerate(bodies))
    with plane.connect() as opened:
        for start in range(0, len(sent), size * 200):
            opened.sendall(sent[start : start + size * 200])
        received = b""
        while received.count(b"HTTP/1.1 200 OK") < 3 or not received.endswith(b"{}]"):
            received += opened.recv(65_536)
    for number, body in enumerate(bodies):
        assert b'["POST","/%d","","HTTP/1.1","%b",{}]' % (number, body) in received


REFUSED = {
    "not HTTP": b"\x16\x03\x01\x00\xa5\x01\x00\x00",
    "HTTP/2 with prior knowledge": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a method in lower case": b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
    "a length and chunks": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a length that is no number": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na",
    "a space before a colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "a header with NUL": b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n",
    "a chunk without a size": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "no path": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "the target of a proxy": b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "another scheme": b"GET ftp://x/a HTTP/1.1\r\nHost: x\r\n\r\n",
    "a fragment": b"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_two_parsers_could_read_differently_is_refused(plane: Served, name: str) -> None:
    """Bytes that are not HTTP/1.1, or that a proxy could understand otherwise, are a 400 and the end."""
    answer = plane.ask(REFUSED[name])
    assert (answer.status, answer.closed) == (400, True)
    assert answer.headers["content-type"] == "application/problem+json"


def test_requests_before_a_refusal_are_answered(plane: Served) -> None:
    """What was right is answered, and the connection ends: no answer is given to another request."""
    with plane.connect() as opened:
        opened.sendall(request("GET", "/a") + request("GET", "/b") + REFUSED["a header with NUL"])
        received = b""
        while piece := opened.recv(65_536):
            received += piece
    assert [received.count(name) for name in (b'"/a"', b'"/b"', b" 200 OK")] == [1, 1, 2]
    assert received.index(b'"/a"') < received.index(b'"/b"')


START = b"GET / HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    "head", [b"GET /" + b"a" * 9_000, START + b"X: " + b"a" * 9_000, START + b"a: b\r\n" * 102]
)
def test_large_heads_are_refused(plane: Served, head: bytes) -> None:
    """A head that does not end within its bound, or has more than a hundred headers, is a 431."""
    answer = plane.ask(head)
    assert (answer.status, answer.closed) == (431, True)


def test_an_upgrade_is_answered_in_this_protocol(plane: Served) -> None:
    """A client that offers HTTP/2 is answered in HTTP/1.1, and the connection ends."""
    offer = request("GET", "/a", Connection="Upgrade", Upgrade="h2c")
    answer = plane.ask(offer + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert (answer.status, answer.closed) == (200, True)


def test_thousands_of_pipelined_requests_are_answered(plane: Served) -> None:
    """Few of them are in memory at a time; none is lost."""
    with plane.connect() as opened:
        opened.sendall(request("GET", "/") * 3_000)
        received, tail = 0, b""
        while received < 3_000:
            piece = tail + opened.recv(65_536)
            received += piece.count(b"HTTP/1.1 200 OK")
            tail = piece[-14:]  # shorter than what is counted


def test_others_are_answered_between_requests_that_came_together() -> None:
    """In each turn of the event loop a connection has one answer, whatever it has sent."""
    order: list[str] = []
    other = socket.socket()

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        if not order:  # in the event loop, which therefore finds the other request in its next turns
            other.connect((HOST, running.port))
            other.sendall(request("GET", "/other"))
        order.append(environ["PATH_INFO"])
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "0")])
        return [b""]

    with served(app) as running, running.connect() as opened, other:
        opened.sendall(request("GET", "/first") + request("GET", "/more") * (_TOGETHER - 1))
        received = b""
        while received.count(b"HTTP/1.1 200 OK") < _TOGETHER:
            received += opened.recv(65_536)
        assert read_answer(other).status == 200
    assert len(order) == _TOGETHER + 1
    assert order.index("/other") <= _TURNS_OF_A_NEW_CONNECTION


@pytest.mark.parametrize(
    ("target", "path"), [(b"http://x/a?b", "/a"), (b"HTTP://x", "/"), (b"//v1", "//v1"), (b"/%2f", "/%2F")]
)
def test_targets(plane: Served, target: bytes, path: str) -> None:
    """A target may be a whole URL; its path stays as it was sent."""
    assert ask(plane, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")[1] == path


def test_a_name_with_an_underscore_poses_as_no_other(plane: Served) -> None:
    """A header with an underscore is left out: in WSGI it has the name of one with a hyphen."""
    assert ask(plane, request("GET", "/", X_A="1"))[5] == {"HTTP_X_A": "1"}
    assert ask(plane, b"GET / HTTP/1.1\r\nHost: x\r\nX_A: 1\r\n\r\n")[5] == {}


def test_trailers_are_no_headers(plane: Served) -> None:
    """What stands behind a body in chunks is ignored."""
    sent = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Key: k\r\n\r\n"
    assert ask(plane, sent)[4:] == ["a", {}]
