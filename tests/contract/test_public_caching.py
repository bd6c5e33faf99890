"""Validators and freshness, and what a process keeps: nothing for longer than it is true."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from werkzeug.test import EnvironBuilder

from api.public.app import build_public_app
from privacy.model.timestamp import MS_PER_HOUR
from privacy.publishing.publisher import Publisher
from tests.support.gallery import NOW_MS, PUBLIC_DELAY_MS, publish, publish_every_state, release, target
from tests.support.public_plane import MemoryLog, PublicPlane, new_key, public_plane
from tests.support.redis_server import Store

if TYPE_CHECKING:
    import pytest

LIKES = "/v1/videos/shown/likes"
MAX_READ_CALLS = 110
"""Of Python functions, for a read that asks no store: times would depend on the machine."""


def test_not_modified(plane: PublicPlane) -> None:
    """Who has the current bytes already gets 304 without them, with the same validators and limits."""
    first = plane.get(LIKES)
    for known in (first.headers["ETag"], f'"x", W/{first.headers["ETag"]}', "*"):
        again = plane.get(LIKES, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert "Content-Type" not in again.headers
        for name in ("ETag", "Cache-Control", "Vary"):
            assert again.headers[name] == first.headers[name]
    assert plane.get(LIKES, headers={"If-None-Match": '"another"'}).status_code == 200


def test_freshness_ends_with_the_epoch(plane: PublicPlane, store: Store) -> None:
    """An answer may be kept by its reader alone, five minutes at most, never past the next release."""
    headers = plane.get(LIKES).headers
    assert (headers["Cache-Control"], headers["Vary"]) == ("private, max-age=300", "Authorization")
    with public_plane(store, now_ms=NOW_MS + MS_PER_HOUR + PUBLIC_DELAY_MS - 70_000) as shortly_before:
        assert shortly_before.get(LIKES).headers["Cache-Control"] == "private, max-age=10"
    with public_plane(store, now_ms=NOW_MS + MS_PER_HOUR + PUBLIC_DELAY_MS) as overdue:
        assert overdue.get(LIKES).headers["Cache-Control"] == "private, max-age=0"


def test_problems_are_never_kept(plane: PublicPlane) -> None:
    """A problem, and the state of the service, may not be stored by anybody."""
    for path in ("/v1/videos/nobody/likes", f"{LIKES}?a=1", "/healthz", "/readyz", "/metrics"):
        assert plane.get(path).headers["Cache-Control"] == "no-store"


def test_a_new_release_shows_within_a_second(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside an epoch the process answers from what it has read; once the next one is due it looks again."""
    now = {"ms": NOW_MS, "monotonic": 0.0}
    monkeypatch.setattr("api.public.app.time.monotonic", lambda: now["monotonic"])
    publish_every_state(store)
    app = build_public_app(store.public, store.limiter, lambda: int(now["ms"]), MemoryLog())
    headers = {"Authorization": f"Bearer {new_key(store, 'read')[0]}"}
    client = app.test_client()

    def epoch() -> int:
        answered: int = client.get(LIKES, headers=headers).get_json()["total"]["epoch"]
        return answered

    assert epoch() == 25
    now["ms"] += MS_PER_HOUR + PUBLIC_DELAY_MS
    now["monotonic"] += 10.0
    assert epoch() == 25
    publish(store, [target("shown")], [release("shown", 26, (1290, 1250, 1320))], shard=2)
    assert epoch() == 25
    now["monotonic"] += 1.0
    assert epoch() == 26


def test_new_metadata_shows_at_once(plane: PublicPlane, store: Store) -> None:
    """Metadata is not a release: it may change at any time, and is read again."""
    assert plane.get("/v1/videos/shown").json()["title"] == "Sourdough in 40 seconds"
    Publisher(store.publisher).publish_targets([target("shown", title="Sourdough, faster", revision=1)])
    assert plane.get("/v1/videos/shown").json()["title"] == "Sourdough, faster"


def test_a_read_that_asks_no_store_costs_few_calls(plane: PublicPlane) -> None:
    """Key check, rate limit, number, validators, metrics and log of a read take a bounded number of calls."""
    environ = EnvironBuilder(LIKES, headers=[("Authorization", f"Bearer {plane.token}")]).get_environ()
    calls: list[str] = []
    statuses: list[str] = []

    def note(frame: Any, event: str, _argument: object) -> None:
        if event == "call":
            calls.append(frame.f_code.co_name)

    def start(status: str, *_: Any) -> Any:
        statuses.append(status)

    for profiler in (None, None, None, note):  # the third one reserves the fourth with the limiter
        sys.setprofile(profiler)
        try:
            body = b"".join(plane.app(environ.copy(), start))
        finally:
            sys.setprofile(None)
        assert body.startswith(b"{")
    assert statuses == ["200 OK"] * 4
    assert 0 < len(calls) <= MAX_READ_CALLS, calls
