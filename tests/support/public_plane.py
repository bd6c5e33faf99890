"""The public plane's real app on a real Redis, over real HTTP, and API keys for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar
from unittest.mock import patch

import requests
from werkzeug.serving import make_server

from api.http.api_keys import KEY_PREFIXES, KeyRecord, issue_key
from api.http.caller import UNLIMITED, ReaderLimits
from api.http.openapi import openapi_document
from api.public import app as public_app
from api.public.app import build_public_app
from api.runtime.api_key_writer import KeyWriter
from api.web.docs import docs_operations
from privacy.errors import StoreError
from tests.support.gallery import NOW_MS
from tests.support.redis_server import Store

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from flask import Flask

HOST = "127.0.0.1"
Made = TypeVar("Made")


def made_once(make: Callable[..., Made]) -> Callable[..., Made]:
    """Returns a function that returns what its first call makes."""
    made: list[Made] = []

    def first(*arguments: Any) -> Made:
        if not made:
            made.append(make(*arguments))
        return made[0]

    return first


DESCRIBED, DOCUMENTED = made_once(openapi_document), made_once(docs_operations)
"""The same for every app of the public plane, and nearly all the work of making it."""


@dataclass
class MemoryLog:
    """A request log in memory."""

    lines: list[tuple[str, int]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def answered(self, operation_id: str, status: int, seconds: float) -> None:  # noqa: ARG002 - the protocol's
        """Records a response."""
        self.lines.append((operation_id, status))

    def failed(self, operation_id: str, error: BaseException) -> None:
        """Records a defect; a failing store is not one."""
        if not isinstance(error, StoreError):
            self.failures.append(f"{operation_id}: {error!r}")


@dataclass
class PublicPlane:
    """A running public plane.

    Args:
        app: the app that is served.
        url: its address.
        log: its request log.
        token: an API key with all scopes and a very high rate limit.
    """

    app: Flask
    url: str
    log: MemoryLog
    token: str

    def get(self, path: str, token: str | None = "", **options: Any) -> requests.Response:
        """Sends a GET request with an API key: the plane's own by default, another one, or None for none."""
        headers = options.pop("headers", {})
        if token is not None:
            headers = {"Authorization": f"Bearer {token or self.token}"} | headers
        return requests.get(self.url + path, headers=headers, timeout=10, **options)

    def number(self, path: str) -> dict[str, Any]:
        """Reads the total of a path."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        total: dict[str, Any] = answer.json()["total"]
        return total


def new_key(
    store: Store,
    *scopes: str,
    plane: str = "public",
    lifetime_seconds: int = 86_400,
    requests_per_minute: int = 1_000_000,
    now_ms: int = NOW_MS,
    limits: ReaderLimits = UNLIMITED,
) -> tuple[str, KeyRecord]:
    """Creates an API key in the store; returns the token and its record."""
    token, record = issue_key(
        plane,
        "tests",
        list(scopes),
        lifetime_seconds=lifetime_seconds,
        requests_per_minute=requests_per_minute,
        now_ms=now_ms,
        entropy=os.urandom,
        limits=limits,
    )
    KeyWriter(store.admin, KEY_PREFIXES[plane]).add(record)
    return token, record


@contextmanager
def serving(app: WSGIApplication) -> Iterator[str]:
    """Serves an app on a free port of this machine, and yields its URL."""
    server = make_server(HOST, 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def public_plane(store: Store, now_ms: int = NOW_MS) -> Iterator[PublicPlane]:
    """Serves the public plane of a store at a fixed time."""
    log = MemoryLog()
    with (
        patch.object(public_app, "openapi_document", DESCRIBED),
        patch.object(public_app, "docs_operations", DOCUMENTED),
    ):
        app = build_public_app(store.public, store.limiter, lambda: now_ms, log)
    with serving(app) as url:
        yield PublicPlane(app, url, log, new_key(store, "read", "audit")[0])
        assert log.failures == []
