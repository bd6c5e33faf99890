"""Every route of the platform plane refuses every invalid API key."""

import os
import re
from typing import Any

import pytest

from api.http.api_keys import CANARY, KEY_PREFIXES, PLANE_SCOPES, issue_key
from api.platform.operations import operations
from api.runtime.api_key_writer import KeyWriter
from tests.support.platform_plane import NDJSON, NOW_MS, keys, lines, new_key, plane_on, value, written_keys
from tests.support.redis_server import Store

SCOPED = [operation for operation in operations() if operation.scope]
OPEN = {"get_health", "get_readiness", "get_metrics"}


def revoked(store: Store) -> str:
    """A key that was live."""
    token = new_key(store, "ingest")
    KeyWriter(store.admin, KEY_PREFIXES["platform"]).revoke(token.split("_")[2])
    return token


def of_the_public_plane(store: Store) -> str:
    """A live key of the other plane, and a record under its id on this one."""
    token, record = issue_key(
        "public", "x", ["read"], lifetime_seconds=60, requests_per_minute=9, now_ms=NOW_MS, entropy=os.urandom
    )
    KeyWriter(store.admin, KEY_PREFIXES["platform"]).add(record)
    return token


WRONG_KEYS: dict[str, Any] = {
    "none": lambda _store: None,
    "empty": lambda _store: "",
    "not a key": lambda _store: "Bearer x",
    "unknown": lambda _store: f"Bearer lw_platform_{'0' * 16}_{'0' * 64}",
    "wrong secret": lambda store: f"Bearer {new_key(store, 'ingest')[:-64]}{'0' * 64}",
    "wrong scheme": lambda store: f"Basic {new_key(store, 'ingest')}",
    "expired": lambda store: f"Bearer {new_key(store, 'ingest', lifetime_seconds=0 + 1)}",
    "revoked": lambda store: f"Bearer {revoked(store)}",
    "of the other plane": lambda store: f"Bearer {of_the_public_plane(store)}",
    "of the other plane, renamed": lambda store: f"Bearer {of_the_public_plane(store)}".replace(
        "_public_", "_platform_"
    ),
}
FORBIDDEN = {"without the scope", "of the other plane, renamed"}


@pytest.mark.parametrize("name", [*WRONG_KEYS, "without the scope"])
def test_a_wrong_key_opens_no_route(store: Store, name: str) -> None:
    """401 or 403 as a problem document before the body is read, and nothing is stored; at every route."""
    plane = plane_on(store)
    plane.clock.now_ms = NOW_MS + 1000
    answers = {}
    for operation in SCOPED:
        # A canary key has no other scope.
        others = [scope for scope in PLANE_SCOPES["platform"] if scope not in (operation.scope, CANARY)]
        without_the_scope = f"Bearer {new_key(store, *others)}"
        authorization = WRONG_KEYS[name](store) if name in WRONG_KEYS else without_the_scope
        headers = {} if authorization is None else {"Authorization": authorization}
        response = plane.client.open(
            re.sub("{[a-z_]+}", "1", operation.path),
            method=operation.method,
            data=lines({"video_id": "v-1"}),
            content_type=NDJSON,
            headers=headers,
        )
        answers[operation.operation_id] = response.status_code, response.content_type
        assert written_keys(store, "[vt]:*") == [], operation.operation_id
    refused = (403 if name in FORBIDDEN else 401), "application/problem+json"
    assert answers == dict.fromkeys((operation.operation_id for operation in SCOPED), refused)


def test_only_service_routes_are_open() -> None:
    """Every other operation names the scope that it requires."""
    assert {operation.operation_id for operation in operations() if not operation.scope} == OPEN
    assert {operation.scope for operation in SCOPED} == set(PLANE_SCOPES["platform"])


def test_a_keys_rate_is_limited(store: Store) -> None:
    """A request beyond the limit is a 429 that says when to try again, and does not run."""
    plane = plane_on(store)
    plane.token = new_key(store, "ingest", requests_per_minute=2)
    statuses = [plane.events(b"[]", "application/json").status_code for _ in range(3)]
    assert statuses == [400, 400, 429]


def test_a_plane_without_its_stores_says_that_it_is_not_ready(store: Store) -> None:
    """Readiness checks both stores; liveness checks none."""
    plane = plane_on(store)
    assert plane.client.get("/readyz").status_code == 200
    assert plane.client.get("/healthz").json == {"status": "ok"}


def test_a_request_without_the_scope_counts_against_the_limit(store: Store) -> None:
    """Otherwise a key could ask without an end for what it may not have."""
    plane = plane_on(store)
    plane.token = new_key(store, "moderate", requests_per_minute=2)
    assert [plane.events(b"").status_code for _ in range(3)] == [403, 403, 429]
    (counter,) = [name for name in keys(store, "l:platform:*") if value(store, name) == b"3"]
    assert 0 < store.root.ttl(counter) <= 120
