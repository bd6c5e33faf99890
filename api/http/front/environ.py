"""Builds the WSGI environment of a request (PEP 3333) from its ASGI scope."""

from __future__ import annotations

import io
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from werkzeug.exceptions import BadRequest

if TYPE_CHECKING:
    from uvicorn._types import HTTPScope

_HTTP_11 = "1.1"
_UNPREFIXED = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})
_MAX_CACHED_NAMES = 256


def build_environ(scope: HTTPScope, base: dict[str, Any]) -> dict[str, Any]:
    """Returns the environment.

    Args:
        scope: the request.
        base: what all requests of the process share, from `base_environ`.

    Raises:
        BadRequest: the target is no path, or HTTP/1.1 comes without one Host header.
    """
    path = scope["raw_path"]
    if not path.startswith(b"/"):
        raise BadRequest("The target of a request is a path.")
    environ = {
        **base,
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": (_decode_path(path) if b"%" in path else path).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
    }
    hosts = 0
    for name, value in scope["headers"]:
        key = _variable(name)
        hosts += key == "HTTP_HOST"
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    if scope["http_version"] == _HTTP_11 and hosts != 1:
        raise BadRequest("A request of HTTP/1.1 has one Host header.")
    return environ


def base_environ(host: str, port: int) -> dict[str, Any]:
    """Returns the variables that all requests share.

    Args:
        host: address of the listener.
        port: its port.
    """
    return {
        "SCRIPT_NAME": "",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def origin_form(target: bytes) -> bytes:
    """Returns path and query of a target that is a whole URL (RFC 9112, 3.2.2); nothing if it is none."""
    scheme, separator, rest = target.partition(b"://")
    if not separator or scheme.lower() not in {b"http", b"https"}:
        return b""
    slash = rest.find(b"/")
    return rest[slash:] if slash >= 0 else b"/"


def _decode_path(path: bytes) -> bytes:
    """Decodes a path; an encoded slash stays encoded, because it separates nothing (RFC 3986, 2.2)."""
    parts = path.replace(b"%2f", b"%2F").split(b"%2F")
    return b"%2F".join(map(unquote_to_bytes, parts))


@lru_cache(_MAX_CACHED_NAMES)
def _variable(name: bytes) -> str:
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in _UNPREFIXED else f"HTTP_{key}"
