"""Both planes behind their own server, with the bounds of a deployment."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from api.public.app import build_public_app
from tests.support import public_plane
from tests.support.gallery import NOW_MS, publish_every_state
from tests.support.platform_plane import new_key, plane_on
from tests.support.redis_server import Store
from tests.support.served import Served, served


class Target(NamedTuple):
    """A plane that is attacked, and API keys by name."""

    plane: Served
    keys: dict[str, str]


@pytest.fixture
def platform(store: Store) -> Iterator[Target]:
    """The platform plane, with the video v-1."""
    built = plane_on(store)
    built.register("v-1")
    keys = {scope: new_key(store, scope) for scope in ("ingest", "canary", "moderate")}
    keys["limited"] = new_key(store, "ingest", requests_per_minute=1)
    with served(built.app) as plane:
        yield Target(plane, keys)
    assert built.log.failures == []


@pytest.fixture
def public(store: Store) -> Iterator[Target]:
    """The public plane, with a video in every state."""
    publish_every_state(store)
    log = public_plane.MemoryLog()
    app = build_public_app(store.public, store.limiter, lambda: NOW_MS, log)
    with served(app) as plane:
        yield Target(plane, {"read": public_plane.new_key(store, "read")[0]})
    assert log.failures == []
