"""Workers of the private plane do not start on a gallery that is not their store's."""

from pathlib import Path

import pytest

from api.http.system import clock_ms
from api.runtime.release import make_release_workers
from privacy.errors import StoreError
from privacy.mechanism.entropy import os_entropy
from privacy.store.keys import GALLERY_HEADER
from tests.support.cli_policy import SMALL_POLICY
from tests.support.prepared_store import prepare_store
from tests.support.redis_server import Store


def test_nothing_is_released_into_the_gallery_of_another_store(store: Store, tmp_path: Path) -> None:
    """There is a worker for each target shard, and none where the address leads to another deployment."""
    (tmp_path / "policy.toml").write_text(SMALL_POLICY)
    founded = prepare_store(store.settings, tmp_path, tmp_path / "policy.toml")
    given = (founded.settings, founded.header, founded.erasures, os_entropy, clock_ms)
    assert len(make_release_workers(*given)) == founded.header.target_shards
    store.root.hset(GALLERY_HEADER, "store_id", "0" * 32)
    with pytest.raises(StoreError, match="this gallery is another store's"):
        make_release_workers(*given)
