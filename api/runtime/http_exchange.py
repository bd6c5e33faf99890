"""One request to a server that may be anything: bounds on its answer, and no other party that reads along."""

from base64 import b64encode
from collections.abc import Mapping
from contextlib import closing, suppress
from http.client import (
    BadStatusLine,
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    HTTPSConnection,
    IncompleteRead,
)
from io import BufferedReader, BytesIO
from ipaddress import ip_address
from socket import SHUT_RDWR, socket
from threading import Event, Timer
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from privacy.errors import InvalidInputError, StoreBusyError

MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
MAX_STATUS_LINES: Final = 10
"""Of one answer, that of the answer and those of greetings (`100 Continue`) before it."""
_LATE: Final = "the answer takes too long"
_EARLY: Final = "the answer ends early"
_GREETS: Final = "the server only greets"
_URL_RULE: Final = "http:// or https://, host and port"


class Answer(NamedTuple):
    """What a server answers.

    Args:
        status: the HTTP status.
        media_type: without parameters, in lower case.
        location: where a redirect leads; empty if it does not say.
        body: at most `MAX_ANSWER_BYTES`.
    """

    status: int
    media_type: str
    location: str
    body: bytes


class UnknownServerError(InvalidInputError):
    """The server is nothing that was asked for."""


def parse_server_url(option: str, url: str) -> SplitResult:
    """Returns the parts of a server's address.

    Raises:
        InvalidInputError: it is no http address, or holds more than scheme, host, port and path.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        is_whole = parts.port != 0 and parts.path.isascii() and url.isprintable() and " " not in url
    except (ValueError, UnicodeError):
        raise InvalidInputError(option, "is no address", _URL_RULE) from None
    if "@" in parts.netloc:
        raise InvalidInputError(option, "holds a user or a password", _URL_RULE)
    if parts.scheme not in ("http", "https") or not host or not is_whole or parts.query or parts.fragment:
        raise InvalidInputError(option, f"is {url!r}", _URL_RULE)
    return parts


def is_loopback(host: str) -> bool:
    """Returns whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def exchange(
    option: str,
    server: SplitResult,
    request: tuple[str, str, bytes | None, Mapping[str, str]],
    seconds: float,
) -> Answer:
    """Sends a request and returns the answer.

    Loopback and plain http are never sent to a proxy: it would read keys and ids. https goes through the
    one in `https_proxy`, which sees the host only.

    Args:
        option: the option that named the server, for messages.
        server: the server.
        request: method, path, body and headers.
        seconds: for connecting, for each part of the request that is sent, and for the whole answer.

    Raises:
        StoreBusyError: there is no whole answer in time.
        UnknownServerError: it does not speak HTTP, or does not stop.
    """
    connection = connect_to(server, seconds)
    connection.response_class = _Response
    with closing(connection):
        try:
            connection.connect()
            _send(connection, server.path.rstrip("/"), *request)
            return _receive(option, connection, seconds)
        except OSError as error:
            raise StoreBusyError(f"{_name(server)} does not answer ({_reason(error)})") from error
        except HTTPException as error:
            fault = "does not speak HTTP, or not to its end"
            raise UnknownServerError(option, fault, "the address of a running plane") from error


class _Reader(BufferedReader):
    """Reads an answer. Versions of Python differ in how long they listen to a server that only greets."""

    _status_lines = 0

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        self._status_lines += line.startswith(b"HTTP/")
        if self._status_lines > MAX_STATUS_LINES:
            raise BadStatusLine(_GREETS)
        return line


class _Response(HTTPResponse):
    """An answer with a bound on its greetings."""

    def __init__(self, sock: socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self.fp = _Reader(sock.makefile("rb", buffering=0))


def _name(server: SplitResult) -> str:
    return f"{server.scheme}://{server.netloc}"


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__


def connect_to(server: SplitResult, seconds: float) -> HTTPConnection:
    """Returns a connection to a server, not opened yet, through the proxy for https if there is one."""
    host = server.hostname or ""
    if server.scheme == "http":
        return HTTPConnection(host, server.port, timeout=seconds)
    proxy = getproxies_environment().get("https", "")
    if not proxy or is_loopback(host) or proxy_bypass(host):
        return HTTPSConnection(host, server.port, timeout=seconds)
    parts = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    connection = HTTPSConnection(parts.hostname or "", parts.port, timeout=seconds)
    headers = {}
    if parts.username:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {b64encode(login.encode()).decode()}"
    connection.set_tunnel(host, server.port, headers)
    return connection


def _send(
    connection: HTTPConnection,
    prefix: str,
    method: str,
    path: str,
    body: bytes | None,
    headers: Mapping[str, str],
) -> None:
    """Sends a request; if the server refuses it early, its answer is there to be read."""
    length = {} if body is None else {"Content-Length": str(len(body))}
    try:
        connection.request(
            method, prefix + path, None if body is None else BytesIO(body), {**headers, **length}
        )
    except (BrokenPipeError, ConnectionResetError):
        return


def _receive(option: str, connection: HTTPConnection, seconds: float) -> Answer:
    """Reads the answer. A timer ends it: a server may send a little now and then for as long as it likes."""
    is_late, line = Event(), connection.sock

    def cut() -> None:
        is_late.set()
        with suppress(OSError):
            socket.shutdown(line, SHUT_RDWR)  # not that of TLS, which takes the reader its connection away

    timer = Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        answer = _read(option, connection.getresponse())
    except (HTTPException, OSError):
        if is_late.is_set():
            raise TimeoutError(_LATE) from None
        raise
    finally:
        timer.cancel()
    if is_late.is_set():
        raise TimeoutError(_LATE)
    return answer


def _read(option: str, response: HTTPResponse) -> Answer:
    try:
        body = response.read(MAX_ANSWER_BYTES + 1)
    except IncompleteRead:
        raise ConnectionError(_EARLY) from None
    if len(body) > MAX_ANSWER_BYTES:
        fault = f"answers with more than {MAX_ANSWER_BYTES // 1024**2} MiB"
        raise UnknownServerError(option, fault, "the address of a running plane")
    if response.length:
        raise ConnectionError(_EARLY)
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return Answer(response.status, media_type, response.headers.get("Location", ""), body)
