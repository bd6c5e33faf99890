"""The public plane with a gallery in every state, running."""

from collections.abc import Iterator

import pytest

from tests.support.gallery import publish_every_state
from tests.support.public_plane import PublicPlane, public_plane
from tests.support.redis_server import Store
from tests.support.signing_world import sign_gallery


@pytest.fixture
def plane(store: Store) -> Iterator[PublicPlane]:
    """A running public plane."""
    publish_every_state(store)
    sign_gallery(store)
    with public_plane(store) as running:
        yield running
