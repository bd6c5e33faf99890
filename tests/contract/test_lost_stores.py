"""A store that is emptied under live connections: nothing is called unknown, and the answer says why."""

import re
from collections.abc import Callable

import pytest

from api.platform.operations import operations as platform_operations
from api.public.app import build_public_app
from api.public.operations import operations as public_operations
from privacy.errors import StoreLostError
from privacy.store.clock import MAX_AGE_MS
from privacy.store.header import StoreHeader
from privacy.store.keys import GALLERY_HEADER, STORE_HEADER
from privacy.store.users import PLATFORM
from tests.support.clocks import Clocks, client_of
from tests.support.gallery import NOW_MS, publish_every_state
from tests.support.platform_plane import (
    JSON,
    NDJSON,
    ago,
    event,
    keys,
    lasting_keys,
    lines,
    new_key,
    plane_on,
)
from tests.support.public_plane import MemoryLog
from tests.support.public_plane import new_key as new_public_key
from tests.support.redis_server import Store

LOST = (503, "urn:likewise:problem:store-lost")
OTHER = "1" * 32
Vanish = Callable[[Store], object]


def flush(store: Store) -> None:
    """Lose everything."""
    store.flush()


def exchange(store: Store) -> None:
    """Lose everything, and be founded again, as another store."""
    store.flush()
    for name in (STORE_HEADER, GALLERY_HEADER):
        StoreHeader(name, 4, 4, OTHER).put(store.admin)


losses = pytest.mark.parametrize("vanish", [flush, exchange])
warmth = pytest.mark.parametrize("is_known", [False, True], ids=["first request", "known key"])


ACTS = {
    "events about a known video": ("POST", "/v1/events", lines(event()), NDJSON),
    "events about another video": ("POST", "/v1/events", lines(event(video_id="v-2")), NDJSON),
    "the same video": ("PUT", "/v1/videos/v-1", lines({"posted_at": ago(3600)}), JSON),
    "another video": ("PUT", "/v1/videos/v-2", lines({"posted_at": ago(3600)}), JSON),
}


@losses
@warmth
@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_plane_without_its_private_room_says_so(
    store: Store, act: tuple[str, str, bytes, str], vanish: Vanish, *, is_known: bool
) -> None:
    """Keys, targets and limits are gone: a feed is told neither that its key nor that a video is unknown."""
    plane = plane_on(store)
    plane.register("v-1")
    if is_known:
        assert plane.events(lines(event())).json["verdicts"]["counted"] == 1
    else:
        plane.app = plane_on(store).app
    vanish(store)
    before = set(keys(store))
    reply = plane.try_sending(*act)
    assert (reply.status_code, reply.json["type"]) == LOST
    assert "its operator must put the right one back" in reply.json["detail"]
    assert reply.headers["Retry-After"]
    left = set(lasting_keys(store))
    assert left <= before
    ready = plane.try_sending("GET", "/readyz", b"", NDJSON)
    assert (ready.status_code, ready.json["type"]) == LOST
    assert plane.client.get("/healthz").status_code == 200


@losses
def test_no_operation_of_the_platform_plane_denies_a_live_key(store: Store, vanish: Vanish) -> None:
    """Whatever its scope is."""
    plane = plane_on(store)
    tokens = {
        operation.operation_id: new_key(store, operation.scope)
        for operation in platform_operations()
        if operation.scope
    }
    vanish(store)
    for operation in platform_operations():
        if operation.scope:
            plane.token = tokens[operation.operation_id]
            path = re.sub("{[a-z_]+}", "1", operation.path)
            reply = plane.try_sending(operation.method, path, lines({"video_id": "v-1"}), NDJSON)
            assert (reply.status_code, reply.json["type"]) == LOST, operation.operation_id


@losses
@warmth
def test_no_operation_of_the_public_plane_denies_a_key_or_a_number(
    store: Store, vanish: Vanish, *, is_known: bool
) -> None:
    """A reader is told neither that the key nor that the video is unknown."""
    header = StoreHeader(GALLERY_HEADER, 4, 4, "0" * 32).put(store.admin)
    publish_every_state(store)
    token = new_public_key(store, "read", "audit")[0]
    headers = {"Authorization": f"Bearer {token}"}
    client = build_public_app(
        store.public, store.limiter, lambda: NOW_MS, MemoryLog(), header=header
    ).test_client()
    if is_known:
        assert client.get("/v1/videos/nothing/likes", headers=headers).status_code == 404
    vanish(store)
    if not is_known:
        paths = [
            re.sub("{[a-z_]+}", "1", operation.path) for operation in public_operations() if operation.scope
        ]
        assert paths
    else:
        paths = ["/v1/videos/shown/likes", "/v1/videos/shown", "/v1/privacy"]
    for path in paths:
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.get_json()["type"]) == LOST, path
    ready = client.get("/readyz")
    assert (ready.status_code, ready.get_json()["type"]) == LOST


def test_only_what_is_not_found_costs_a_look_at_the_store(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is found, what is wrong by itself, and what a stranger without a key asks cost nothing more."""
    looks: list[object] = []
    monkeypatch.setattr(StoreHeader, "verify", lambda _header, client: looks.append(client))
    plane = plane_on(store)
    plane.register("v-1")
    for body in (lines(event()), lines(event()), b"{"):
        plane.events(body)
    plane.client.post("/v1/events", data=b"")
    plane.client.get("/v1/nothing")
    assert looks == []
    plane.token = f"lw_platform_{'0' * 16}_{'0' * 64}"
    for _ in range(3):
        assert plane.try_sending("POST", "/v1/events", lines(event()), NDJSON).status_code == 401
    assert looks == [store.platform]


def test_a_clock_that_knows_its_anchor_finds_it_gone(store: Store) -> None:
    """Every process that decides by time finds it at its next reading, and founds no other anchor."""
    clocks = Clocks()
    with client_of(store, PLATFORM) as client:
        clock = clocks.store_clock(client, MAX_AGE_MS)
        clock()
        flush(store)
        clocks.advance(MAX_AGE_MS)
        with pytest.raises(StoreLostError):
            clock()
    assert keys(store) == []
