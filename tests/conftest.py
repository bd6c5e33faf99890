"""Fixtures shared by every kind of test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from privacy.embedded.server import EmbeddedRedis
from tests.support.redis_server import Store, clients, server_with_root


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """A running Redis; under pytest-xdist every worker has one of its own."""
    with server_with_root(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def shared_store(redis_server: EmbeddedRedis) -> Iterator[Store]:
    """Clients of that Redis for property tests, which empty it themselves with `flush` for every example."""
    with clients(redis_server) as store:
        yield store


@pytest.fixture
def store(shared_store: Store) -> Store:
    """Clients of an empty Redis, one a user."""
    shared_store.flush()
    return shared_store
