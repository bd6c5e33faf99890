"""Every route of the public plane with every wrong key, and what a right one may do."""

import re
from collections.abc import Callable
from typing import Final

import pytest

from api.http.operation import PAGE
from api.public.operations import operations
from api.runtime.api_key_writer import KeyWriter
from tests.support.gallery import NOW_MS
from tests.support.public_plane import PublicPlane, new_key
from tests.support.redis_server import Store

OPERATIONS: Final = {operation.operation_id: operation for operation in operations()}
GUARDED: Final = sorted(name for name, operation in OPERATIONS.items() if operation.scope)
OPEN_PATHS: Final = (
    *("/healthz", "/readyz", "/metrics", "/docs", "/docs/docs.js", "/v1/openapi.json"),
    *("/docs/compliance/claim.md", "/docs/proofs/gate.md", "/docs/reading.md"),
    "/.well-known/jwks.json",
)
ARGUMENTS: Final = {
    "video_id": "shown",
    "creator_id": "maker",
    "hashtag": "baking",
    "sound_id": "s-7",
    "dimension": "device",
    "kind": "like",
    "target_id": "shown",
    "epoch": "0",
}
QUERIES: Final = {
    "get_videos": "?ids=shown",
    "get_creators": "?ids=maker",
    "get_ledger_proof": "?shard=1&sequence=0",
}


def path_of(name: str) -> str:
    """A path that the operation answers with success."""
    return re.sub(r"{(\w+)}", lambda match: ARGUMENTS[match[1]], OPERATIONS[name].path) + QUERIES.get(
        name, ""
    )


def revoked(store: Store) -> str:
    """A key that was revoked."""
    token, record = new_key(store, "read", "audit")
    KeyWriter(store.admin, "g:keys:").revoke(record.key_id)
    return f"Bearer {token}"


def other_plane(store: Store) -> str:
    """A live key of the platform plane."""
    return f"Bearer {new_key(store, 'ingest', 'moderate', 'privacy', plane='platform')[0]}"


def disguised(store: Store) -> str:
    """A live key of the platform plane that claims to be one of this plane."""
    return other_plane(store).replace("lw_platform", "lw_public")


def altered(store: Store) -> str:
    """A live key with one digit of its secret changed."""
    token = new_key(store, "read", "audit")[0]
    return f"Bearer {token[:-1]}{'0' if token[-1] != '0' else '1'}"


def expired(store: Store) -> str:
    """A key that expires at this very moment."""
    return f"Bearer {new_key(store, 'read', 'audit', lifetime_seconds=60, now_ms=NOW_MS - 60_000)[0]}"


def live(store: Store) -> str:
    """A live key, without the word before it."""
    return new_key(store, "read", "audit")[0]


WRONG_KEYS: Final[dict[str, Callable[[Store], str]]] = {
    "none": lambda _store: "",
    "unknown": lambda _store: f"Bearer lw_public_{'0' * 16}_{'0' * 64}",
    "index": lambda _store: f"Bearer lw_public_index_{'0' * 64}",
    "not a key": lambda _store: "Bearer \x7f{}*",
    "basic": lambda store: f"Basic {live(store)}",
    "no scheme": live,
    "two keys": lambda store: f"Bearer {live(store)} {live(store)}",
    "altered": altered,
    "revoked": revoked,
    "expired": expired,
    "other plane": other_plane,
    "disguised": disguised,
}


@pytest.mark.parametrize("name", GUARDED)
def test_every_wrong_key_is_refused(plane: PublicPlane, store: Store, name: str) -> None:
    """No route answers anything but 401 with a challenge to a key that is not live and of this plane."""
    assert plane.get(path_of(name)).status_code == 200
    for wrong, make in WRONG_KEYS.items():
        authorization = make(store)
        headers = {"Authorization": authorization} if authorization else {}
        answer = plane.get(path_of(name), token=None, headers=headers)
        assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json"), (
            wrong
        )
        assert answer.headers["WWW-Authenticate"].startswith("Bearer "), wrong
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", GUARDED)
def test_the_wrong_scope_is_refused(plane: PublicPlane, store: Store, name: str) -> None:
    """A live key without the scope of a route is answered 403."""
    other = "audit" if OPERATIONS[name].scope == "read" else "read"
    answer = plane.get(path_of(name), token=new_key(store, other)[0])
    assert (answer.status_code, answer.json()["title"]) == (403, "Forbidden")


@pytest.mark.parametrize("name", GUARDED)
def test_arguments_are_not_read_without_a_key(plane: PublicPlane, name: str) -> None:
    """Whoever has no key does not learn which videos exist, or which arguments are right."""
    for path in (path_of(name).replace("shown", "nobody"), path_of(name).partition("?")[0] + "?a=1"):
        assert plane.get(path, token=None).status_code == 401


def test_what_is_open_and_nothing_else(plane: PublicPlane) -> None:
    """Without a key there are health, metrics, pages without numbers, the description and public keys."""
    rules = {rule.rule for rule in plane.app.url_map.iter_rules()}
    guarded = {OPERATIONS[name].path.replace("{", "<").replace("}", ">") for name in GUARDED}
    assert rules - guarded == {
        "/healthz",
        "/readyz",
        "/metrics",
        "/",
        "/explore",
        "/privacy",
        "/creators/<target_id>",
        "/videos/<target_id>",
        "/embed/videos/<target_id>",
        "/static/<file>",
        "/docs",
        "/docs/<asset>",
        "/docs/compliance/<document>",
        "/docs/proofs/<document>",
        "/v1/openapi.json",
        "/.well-known/jwks.json",
    }
    for path in OPEN_PATHS:
        assert plane.get(path, token=None).status_code == 200, path
    assert PAGE not in {operation.tag for operation in operations()}


def test_two_live_keys_of_one_owner(plane: PublicPlane, store: Store) -> None:
    """While a key is rotated, the old one and the new one both work; revoking one leaves the other."""
    (old, record), (new, _) = (new_key(store, "read") for _ in range(2))
    assert [plane.get("/v1/videos/shown/likes", token=token).status_code for token in (old, new)] == [
        200,
        200,
    ]
    KeyWriter(store.admin, "g:keys:").revoke(record.key_id)
    assert plane.get("/v1/videos/shown/likes", token=new).status_code == 200


def test_a_damaged_key_record_is_no_key(plane: PublicPlane, store: Store) -> None:
    """A record that cannot be read closes the door with 503; it does not open it."""
    token, record = new_key(store, "read")
    store.root.set(f"g:keys:{record.key_id}", b'{"key_id": 1}')
    assert plane.get("/v1/videos/shown/likes", token=token).status_code == 503


def test_the_rate_limit(plane: PublicPlane, store: Store) -> None:
    """A key may make its number of requests per minute; then 429 says when to retry. Other keys go on."""
    token = new_key(store, "read", requests_per_minute=3)[0]
    answers = [plane.get("/v1/videos/shown/likes", token=token) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert [answer.headers["RateLimit"] for answer in answers] == [
        f'"minute";r={left};t=60' for left in (2, 1, 0, 0, 0)
    ]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"minute";q=3;w=60'}
    assert answers[3].headers["Retry-After"] == "60"
    assert plane.get("/v1/videos/shown/likes").status_code == 200
