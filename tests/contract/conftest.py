"""The public plane with a gallery in every state, running."""

from collections.abc import Iterator, Mapping

import pytest

from tests.support.gallery import publish_every_state
from tests.support.public_plane import PublicPlane, public_plane
from tests.support.redis_server import Store
from tests.support.signing_world import sign_gallery


@pytest.fixture(scope="session")
def published(shared_store: Store) -> Mapping[bytes, bytes]:
    """Return what a store holds after the usual gallery was published and signed, which is done once."""
    shared_store.flush()
    publish_every_state(shared_store)
    sign_gallery(shared_store)
    return shared_store.dump()


@pytest.fixture
def plane(store: Store, published: Mapping[bytes, bytes]) -> Iterator[PublicPlane]:
    """A running public plane."""
    store.put_back(published)
    with public_plane(store) as running:
        yield running
