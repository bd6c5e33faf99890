"""The WSGI environment: one spelling for each path and header."""

from typing import Any

import pytest
from werkzeug.exceptions import BadRequest

from api.http.front.environ import base_environ, build_environ
from api.http.front.parser import ReceivedRequest

BASE = base_environ("127.0.0.1", 8080)


def environ(target: bytes, *headers: tuple[bytes, bytes], version: str = "1.1") -> dict[str, Any]:
    """The environment of a GET request with a Host header."""
    return build_environ(
        ReceivedRequest("GET", target, [(b"Host", b"x"), *headers], version, keep_alive=True), BASE
    )


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/a%20b?c=%2F", "/a b", "c=%2F"),
        (b"/v-1%2Flikes", "/v-1%2Flikes", ""),
        (b"/v-1%2flikes", "/v-1%2Flikes", ""),
        (b"/%C3%A9", "/\u00c3\u00a9", ""),
        (b"http://x/a?b", "/a", "b"),
        (b"HTTP://x", "/", ""),
    ],
)
def test_paths(target: bytes, path: str, query: str) -> None:
    """A path is decoded once; an encoded slash stays encoded, so that it separates nothing."""
    made = environ(target)
    assert (made["PATH_INFO"], made["QUERY_STRING"]) == (path, query)


@pytest.mark.parametrize("target", [b"*", b"x:443", b"a/b", b"ftp://x/a"])
def test_targets_without_a_path(target: bytes) -> None:
    """A target that is no path of HTTP is refused."""
    with pytest.raises(BadRequest):
        environ(target)


def test_headers() -> None:
    """Headers of one name are joined; a name with an underscore could pose as another, and is left out."""
    made = environ(
        b"/", (b"X-A", b"1"), (b"x-a", b"2"), (b"Idempotency_Key", b"k"), (b"Content-Type", b"text/plain")
    )
    assert (made["HTTP_X_A"], made["CONTENT_TYPE"]) == ("1,2", "text/plain")
    assert "HTTP_IDEMPOTENCY_KEY" not in made


def test_one_host() -> None:
    """HTTP/1.1 has exactly one Host header (RFC 9112, 3.2); HTTP/1.0 needs none."""
    with pytest.raises(BadRequest):
        environ(b"/", (b"Host", b"y"))
    with pytest.raises(BadRequest):
        build_environ(ReceivedRequest("GET", b"/", [], "1.1", keep_alive=True), BASE)
    assert build_environ(ReceivedRequest("GET", b"/", [], "1.0", keep_alive=False), BASE)
