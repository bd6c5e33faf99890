"""Faults behind the public plane: closed, said clearly, and over when they are over."""

from typing import Final

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from api.public.app import build_public_app
from privacy.store.keys import gallery_key
from tests.support.gallery import NOW_MS, publish_every_state
from tests.support.public_plane import MemoryLog, PublicPlane, new_key
from tests.support.redis_server import Store

NOWHERE: Final = redis.Redis(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0))
"""A store that is not there; its client tries once, as `connect` makes them."""
LIKES: Final = "/v1/videos/shown/likes"
DAMAGED: Final = {
    gallery_key("current", "shown", "like"): (LIKES, f"{LIKES}/breakdowns/device", "/v1/videos?ids=shown"),
    gallery_key("target", "video", "shown"): (LIKES, "/v1/videos/shown"),
    "g:guarantee:2026-11-default": ("/v1/privacy", "/v1/videos/new/likes/breakdowns/device"),
    "g:ledger:shards": ("/v1/privacy/ledger", "/v1/releases"),
}


@pytest.mark.parametrize("down", ["gallery", "limiter"])
def test_without_its_store_everything_is_closed(store: Store, down: str) -> None:
    """Without gallery or rate limit store every read is a 503 problem; the process lives, not ready."""
    log = MemoryLog()
    publish_every_state(store)
    token = new_key(store, "read")[0]
    clients = {"gallery": (NOWHERE, store.limiter), "limiter": (store.public, NOWHERE)}
    client = build_public_app(*clients[down], lambda: NOW_MS, log).test_client()
    answer = client.get(LIKES, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert answer.headers["Retry-After"] == "1"
    assert b"127.0.0.1" not in answer.data
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    assert log.failures == []


def test_ready_when_the_stores_answer(plane: PublicPlane) -> None:
    """With both stores there, the plane is ready."""
    assert plane.get("/readyz", token=None).json() == {"status": "ok"}


@pytest.mark.parametrize("key", DAMAGED)
@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", b'{"total": 17}', b'"text"', b"[]"])
def test_damage_is_never_a_number(plane: PublicPlane, store: Store, key: str, damage: bytes) -> None:
    """A document that cannot be read is a 503 problem, not a number and not a defect."""
    store.root.set(key, damage)
    for path in DAMAGED[key]:
        answer = plane.get(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/problem+json")


@pytest.mark.parametrize(
    ("key", "field", "path"),
    [
        (gallery_key("points", "shown", "like"), "3", f"{LIKES}/timeseries"),
        ("g:ledger:1", "0", "/v1/privacy/ledger"),
    ],
)
def test_one_damaged_entry_closes_its_list(
    plane: PublicPlane, store: Store, key: str, field: str, path: str
) -> None:
    """A list with one unreadable entry is a 503 problem, not a list with a hole."""
    store.root.hset(key, field, b"{}")
    assert plane.get(path).status_code == 503


def test_documents_of_another_type(plane: PublicPlane, store: Store) -> None:
    """A key that holds another Redis type than it should is a 503 problem."""
    store.root.delete(gallery_key("current", "few", "like"))
    store.root.hset(gallery_key("current", "few", "like"), "a", "b")
    assert plane.get("/v1/videos/few/likes").status_code == 503


def test_an_empty_gallery(store: Store) -> None:
    """A gallery that holds nothing yet answers 404 for videos and guarantee, and an empty ledger."""
    client = build_public_app(store.public, store.limiter, lambda: NOW_MS, MemoryLog()).test_client()
    headers = {"Authorization": f"Bearer {new_key(store, 'read', 'audit')[0]}"}
    assert client.get(LIKES, headers=headers).status_code == 404
    assert client.get("/v1/privacy", headers=headers).status_code == 404
    assert client.get("/v1/privacy/ledger", headers=headers).get_json() == {
        "entries": [],
        "next_cursor": None,
        "resume_cursor": None,
    }
