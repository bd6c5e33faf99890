"""The WSGI environment: one spelling for each path."""

from typing import Any

import pytest
from werkzeug.exceptions import BadRequest

from api.http.front.environ import base_environ, build_environ

BASE = base_environ("127.0.0.1", 8080)


def environ(target: bytes, *headers: tuple[bytes, bytes], version: str = "1.1") -> dict[str, Any]:
    """The environment of a GET request with a Host header."""
    path, _, query = target.partition(b"?")
    scope: Any = {
        "method": "GET",
        "raw_path": path,
        "query_string": query,
        "http_version": version,
        "headers": [(b"host", b"x"), *headers],
    }
    return build_environ(scope, BASE)


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/a%20b?c=%2F", "/a b", "c=%2F"),
        (b"/v-1%2Flikes", "/v-1%2Flikes", ""),
        (b"/v-1%2flikes", "/v-1%2Flikes", ""),
        (b"/%C3%A9", "/\u00c3\u00a9", ""),
    ],
)
def test_paths(target: bytes, path: str, query: str) -> None:
    """A path is decoded once; an encoded slash stays encoded, so that it separates nothing."""
    made = environ(target)
    assert (made["PATH_INFO"], made["QUERY_STRING"]) == (path, query)


def test_headers() -> None:
    """Headers of one name are joined."""
    made = environ(b"/", (b"x-a", b"1"), (b"x-a", b"2"), (b"content-type", b"text/plain"))
    assert (made["HTTP_X_A"], made["CONTENT_TYPE"]) == ("1,2", "text/plain")


def test_one_host() -> None:
    """HTTP/1.1 has exactly one Host header (RFC 9112, 3.2); HTTP/1.0 needs none."""
    with pytest.raises(BadRequest):
        environ(b"/", (b"host", b"y"))
    assert environ(b"/", (b"host", b"y"), version="1.0")["HTTP_HOST"] == "x,y"
