"""The server: slow, silent and odd clients cost neither threads nor more memory than the bounds."""

from __future__ import annotations

import http.client
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from threading import Event
from typing import Any

import pytest
from werkzeug.exceptions import HTTPException

from api.http.front.bounds import FrontBounds
from api.http.request_body import RECEIVED_BODY, BodyWantedError
from privacy.store.patience import WouldWaitError, may_wait
from tests.support.eventually import eventually
from tests.support.served import Served, read_answer, request, served

SHORT = FrontBounds(
    connections=40,
    head_seconds=1.0,
    idle_seconds=2.0,
    grace_seconds=1.0,
    linger_seconds=2.0,
    stop_seconds=1.0,
)
BIG = b"x" * 4_000_000
HUGE = b"x" * 16_000_000
"""More than the system's buffers of a connection take."""
LARGE = {"/big": BIG, "/huge": HUGE}
BROKEN = {"/break": [("X-A", "1\r\nX-B: 2")]}
RELEASE = Event()
TCP_CLOSE = 7
"""A state of a connection in Linux: it has ended, by a reset of the other side."""


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Takes bodies at /take, answers much at /big and /huge, and waits at /wait."""
    path, status, text = environ["PATH_INFO"], "200 OK", b"ok"
    if path == "/take":
        received = environ[RECEIVED_BODY]
        if received is None:
            raise BodyWantedError(environ.get("HTTP_X_OWNER", "one"))
        if isinstance(received, HTTPException):
            status = f"{received.code} {received.name}"
        else:
            text = str(len(received)).encode()
    elif path in LARGE:
        text = LARGE[path]
    elif path == "/wait":
        if not may_wait():
            raise WouldWaitError
        RELEASE.wait(20)
    elif path == "/path":
        text = environ["QUERY_STRING"].encode()
    elif path == "/defect":
        raise KeyError(path)
    elif path != "/healthz":
        status, text = "404 Not Found", path.encode("latin-1")
    start_response(status, [*BROKEN.get(path, []), ("Content-Length", str(len(text)))])
    return [text]


@pytest.fixture(scope="module")
def plane() -> Iterator[Served]:
    """A server with short times."""
    with served(app, SHORT) as running:
        yield running


def alive_within_a_second(plane: Served) -> bool:
    """Return whether a health check is answered, on a new connection."""
    started = time.monotonic()
    answer = plane.ask(request("GET", "/healthz"))
    return answer.status == 200 and time.monotonic() - started < 1


def slow_body(plane: Served, owner: str = "one", sent: bytes = b"[", length: int = 1000) -> socket.socket:
    """A connection whose body stops."""
    opened = plane.connect()
    head = f"POST /take HTTP/1.1\r\nHost: x\r\nX-Owner: {owner}\r\nContent-Length: {length}\r\n\r\n"
    opened.sendall(head.encode() + sent)
    return opened


@pytest.mark.parametrize("body", [b"", b"a", b"b" * 3_000_000])
def test_a_body_is_handed_over_whole(plane: Served, body: bytes) -> None:
    """A body of any size arrives as it was sent, in one piece or in many."""
    assert plane.ask(request("POST", "/take", body)).body == str(len(body)).encode()


def test_requests_of_a_connection_are_answered_in_order(plane: Served) -> None:
    """Fifty pipelined requests get fifty responses in their order, on a connection that stays open."""
    with plane.connect() as opened:
        opened.sendall(b"".join(request("GET", f"/path?{number}") for number in range(50)))
        received = b""
        while received.count(b"HTTP/1.1 200") < 50 or not received.endswith(b"49"):
            received += opened.recv(65_536)
        bodies = [part.partition(b"\r\n\r\n")[2] for part in received.split(b"HTTP/1.1 200 OK\r\n")[1:]]
        assert bodies == [str(number).encode() for number in range(50)]
        opened.sendall(request("GET", "/healthz"))
        assert read_answer(opened).status == 200


def test_the_date_is_that_of_the_response(plane: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is to the second: what a reader sees appears no earlier than was announced."""
    for moment, date in ((1_900_000_000.99, "46:40"), (1_900_000_001.0, "46:41")):
        monkeypatch.setattr(time, "time", lambda moment=moment: moment)
        for path in ("/healthz", "/none"):
            assert plane.ask(request("GET", path)).headers["date"] == f"Sun, 17 Mar 2030 17:{date} GMT"


def test_slow_bodies_take_no_thread_and_end_with_408(plane: Served) -> None:
    """Twenty bodies that stop hold no one up; each is told so after its time, and loses its connection."""
    slow = [slow_body(plane) for _ in range(20)]
    assert alive_within_a_second(plane)
    assert plane.ask(request("POST", "/take", b"abc")).body == b"3"
    for opened in slow:
        answer = read_answer(opened)
        assert (answer.status, answer.closed) == (408, True)
        opened.close()


def test_a_slow_body_that_keeps_the_pace_is_taken(plane: Served) -> None:
    """A body that takes longer than the grace period, and moves on, is read to its end."""
    parts = [b"p" * 8_192] * 8
    opened = slow_body(plane, sent=parts[0], length=sum(map(len, parts)))
    for part in parts[1:]:
        time.sleep(0.2)  # slower than the grace period in all
        opened.sendall(part)
    assert read_answer(opened).body == b"65536"
    opened.close()


def test_a_client_that_sends_first_finds_the_refusal(plane: Served) -> None:
    """A refusal of a large upload reaches http.client, which reads only when all is sent."""
    connection = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=10)
    connection.request("POST", "/none", b"y" * 9_000_000)
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Connection")) == (404, "close")


def test_a_client_that_waits_for_leave_gets_it_when_its_body_is_wanted(plane: Served) -> None:
    """`Expect: 100-continue` is answered once the app wants the body, and a refusal comes without it."""
    head = request("POST", "/take", Expect="100-continue", Content_Length="3")
    with plane.connect() as opened:
        opened.sendall(head)
        assert read_answer(opened).status == 100
        opened.sendall(b"abc")
        assert read_answer(opened).body == b"3"
    with plane.connect() as opened:
        opened.sendall(head.replace(b"/take", b"/none"))
        answer = read_answer(opened)
        assert (answer.status, answer.closed) == (404, True)


def test_a_refusal_of_what_has_arrived_keeps_the_connection(plane: Served) -> None:
    """After a refusal of a small request, which has arrived whole, the connection can be used again."""
    with plane.connect() as opened:
        for _ in range(2):
            opened.sendall(request("POST", "/none", b"y" * 100))
            answer = read_answer(opened)
            assert (answer.status, answer.closed, answer.body) == (404, False, b"/none")


def test_a_defect_is_a_500(plane: Served, capfd: pytest.CaptureFixture[str]) -> None:
    """An app that fails is a problem document; threads and other connections go on."""
    for _ in range(5):
        assert plane.ask(request("GET", "/defect")).status == 500
    assert alive_within_a_second(plane)
    assert "KeyError" in capfd.readouterr().err


class ReaderLeft(StringIO):
    """A stream whose reader has left."""

    def write(self, _text: str, /) -> int:
        """Fail as a pipe does."""
        raise BrokenPipeError


def test_a_defect_is_a_500_where_no_one_reads_of_it(plane: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection does not depend on the log."""
    monkeypatch.setattr(sys, "stderr", ReaderLeft())
    assert plane.ask(request("GET", "/defect")).status == 500


def test_a_header_with_a_line_break_is_a_defect_of_the_app(plane: Served) -> None:
    """It would begin another header, or another response; nothing of it is sent."""
    answer = plane.ask(request("GET", "/break"))
    assert (answer.status, answer.headers.get("x-b")) == (500, None)


def test_silent_connections_make_room(plane: Served) -> None:
    """Ten times as many silent connections as may be open keep no one out."""
    silent = [plane.connect() for _ in range(400)]
    assert alive_within_a_second(plane)
    with plane.connect() as opened:
        for _ in range(20):
            opened.sendall(request("GET", "/healthz"))
            assert read_answer(opened).status == 200
    for one in silent:
        one.close()


@pytest.mark.parametrize(
    ("sent", "status"), [(b"", None), (b"GET / HT", 408), (b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ", 408)]
)
def test_a_request_that_never_begins_or_never_ends(plane: Served, sent: bytes, status: int | None) -> None:
    """A connection that says nothing, or half a request, ends after its time."""
    with plane.connect() as opened:
        opened.sendall(sent)
        if status:
            assert read_answer(opened).status == status
        assert opened.recv(100) == b""


def test_idle_connections_end(plane: Served) -> None:
    """A connection is kept for the next request, for a time that is longer than that for a head."""
    with plane.connect() as opened:
        opened.sendall(request("GET", "/healthz"))
        assert read_answer(opened).headers.get("connection") is None
        started = time.monotonic()
        assert opened.recv(100) == b""
        assert time.monotonic() - started > SHORT.head_seconds


def test_readers_that_do_not_read_end(plane: Served) -> None:
    """Responses that are not read hold no thread, are counted, and end with their connections."""
    readers = [plane.connect(receive_buffer=2_048) for _ in range(20)]
    for reader in readers:
        reader.sendall(request("GET", "/big") * 5)
    assert alive_within_a_second(plane)
    eventually(lambda: all(map(is_broken, readers)), "the end of the readers", 10)
    eventually(lambda: plane.front.unread_bytes() == 0, "the end of their responses", 10)
    for reader in readers:
        reader.close()


def is_broken(reader: socket.socket) -> bool:
    """Return whether the server has reset a connection, as the system knows without reading from it."""
    state = reader.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    return state[0] == TCP_CLOSE


def test_responses_that_wait_are_bounded() -> None:
    """When more waits to be read than may, the slowest reader loses its connection."""
    with served(app, FrontBounds(response_bytes=3 * len(HUGE), stop_seconds=0.1)) as plane:
        readers = [plane.connect(receive_buffer=2_048) for _ in range(12)]
        for reader in readers:
            reader.sendall(request("GET", "/huge"))
        # The system takes a few megabytes of each, so three or four of them fit into the bound.
        eventually(lambda: sum(map(is_broken, readers)) >= 8, "readers that gave way", 10)
        assert sum(map(is_broken, readers)) <= 9
        assert not is_broken(readers[-1])
        assert alive_within_a_second(plane)
        for reader in readers:
            reader.close()


def test_bodies_that_arrive_are_bounded_by_owner_and_together() -> None:
    """Bodies of one key fill its share and no more; bodies of all keys fill the bound and no more."""
    bounds = FrontBounds(body_bytes=400_000, body_bytes_per_key=200_000, stop_seconds=0.1)
    with served(app, bounds) as plane:
        first = slow_body(plane, "greedy", b"a" * 150_000, 200_000)
        eventually(lambda: plane.front.arriving_bytes() == 150_000, "the first body", 10)
        second = slow_body(plane, "greedy", b"a" * 150_000, 200_000)
        assert read_answer(second).status == 503
        assert plane.ask(request("POST", "/take", b"b" * 180_000, X_Owner="other")).body == b"180000"
        first.sendall(b"a" * 50_000)
        assert read_answer(first).body == b"200000"
        assert plane.ask(request("POST", "/take", b"c" * 200_000, X_Owner="greedy")).body == b"200000"
        for opened in (first, second):
            opened.close()


def test_health_does_not_wait_for_handlers(plane: Served) -> None:
    """While every handler waits for a store, health checks are answered; requests are, in their turn."""
    RELEASE.clear()
    with ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(plane.ask, request("GET", "/wait")) for _ in range(6)]
        try:
            eventually(lambda: plane.front.waiting_count() == 4, "four requests that wait for a handler", 10)
            assert alive_within_a_second(plane)
        finally:
            RELEASE.set()
        assert [answer.result().status for answer in waiting] == [200] * 6


@pytest.mark.parametrize("after", [None, b"\x00garbage\r\n\r\n"])
def test_a_request_that_is_handled_is_answered(plane: Served, after: bytes | None) -> None:
    """Whatever follows it, the end of the client's side or no request, the answer comes, and then the end."""
    RELEASE.clear()
    with plane.connect() as opened:
        try:
            opened.sendall(request("GET", "/wait") + (after or b""))
            if after is None:
                opened.shutdown(socket.SHUT_WR)
            eventually(lambda: plane.front.handled_count() == 1, "a request being handled", 10)
            assert alive_within_a_second(plane)
        finally:
            RELEASE.set()
        received = b""
        while piece := opened.recv(65_536):
            received += piece
    assert received.count(b"HTTP/1.1") == 1
    assert received.startswith(b"HTTP/1.1 200 OK")


def test_requests_in_progress_end_before_the_server() -> None:
    """A server that is asked to end answers what it has begun, and tells a body that is arriving."""
    RELEASE.clear()
    with ThreadPoolExecutor(2) as pool, served(app, FrontBounds(stop_seconds=30.0)) as plane:
        waiting = pool.submit(plane.ask, request("GET", "/wait"))
        slow = slow_body(plane)
        eventually(lambda: plane.front.handled_count() == 1, "a request being handled", 10)
        eventually(lambda: plane.front.arriving_bytes() == 1, "a body that has begun", 10)
        stopping = pool.submit(plane.front.stop)
        assert read_answer(slow).status == 503
        slow.close()
        RELEASE.set()
        assert waiting.result().status == 200
        stopping.result()
