"""The release process does not start on a gallery that is not its store's."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from api.http.system import clock_ms
from api.runtime import release
from api.runtime.release import (
    make_release_publication,
    make_release_workers,
    require_newest_tally,
)
from privacy.errors import StoreError
from privacy.mechanism.entropy import os_entropy
from privacy.rollback.release_watermark import ReleaseWatermark
from privacy.store.keys import GALLERY_HEADER
from privacy.store.settings import Settings
from tests.support.cli_policy import SMALL_POLICY
from tests.support.prepared_store import prepare_store
from tests.support.redis_server import Store


def test_nothing_is_released_into_the_gallery_of_another_store(store: Store, tmp_path: Path) -> None:
    """All target shards are published, and none where the address leads to another deployment."""
    (tmp_path / "policy.toml").write_text(SMALL_POLICY)
    founded = prepare_store(store.settings, tmp_path, tmp_path / "policy.toml")
    given = (founded.settings, founded.header, founded.erasures)
    assert len(make_release_workers(*given, os_entropy, clock_ms)) == founded.header.target_shards
    assert len(make_release_publication(*given).shards) == founded.header.target_shards
    store.root.hset(GALLERY_HEADER, "store_id", "0" * 32)
    with pytest.raises(StoreError, match="this gallery is another store's"):
        make_release_publication(*given)


def test_nothing_is_signed_in_a_gallery_that_was_emptied_under_its_connections(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failover to an empty replica need not end a connection: two first heads of one key are a fork."""
    (tmp_path / "policy.toml").write_text(SMALL_POLICY)
    prepare_store(store.settings, tmp_path, tmp_path / "policy.toml")
    ticks: list[Callable[[int], object]] = []
    monkeypatch.setattr(release, "poll_ticks", lambda step, *_: ticks.append(step))
    monkeypatch.setattr(release, "poll", lambda *_: None)
    release.run_release(replace(Settings.from_environment({}, tmp_path), store=store.settings))
    (publish,) = ticks
    publish(1_000)
    assert store.root.exists("g:heads")
    store.root.delete(*store.root.keys("g:*"))
    with pytest.raises(StoreError, match="the gallery has lost its data"):
        publish(2_000)
    assert store.root.keys("g:*") == []


def test_nothing_starts_on_a_tally_that_lacks_published_releases(store: Store, tmp_path: Path) -> None:
    """Neither a release nor a signature follows, whatever is due: all shards are checked first."""
    (tmp_path / "policy.toml").write_text(SMALL_POLICY)
    founded = prepare_store(store.settings, tmp_path, tmp_path / "policy.toml")
    workers = make_release_workers(founded.settings, founded.header, founded.erasures, os_entropy, clock_ms)
    require_newest_tally(workers)
    releases = ReleaseWatermark(founded.erasures.folder, founded.header.store_id)
    releases.advance(5, 1)
    with pytest.raises(StoreError, match="shard 5: 1 releases were published, and the tally holds 0"):
        require_newest_tally(workers)
    releases.rebuild(5, None)
    with pytest.raises(StoreError, match="restored after its rollback guard was lost"):
        require_newest_tally(workers)
