"""The store's header: created once, verified ever after."""

import os
from contextlib import closing
from dataclasses import replace

import pytest

from privacy.errors import StoreError
from privacy.store.connect import connect
from privacy.store.header import StoreHeader
from privacy.store.keys import GALLERY_HEADER, STORE_HEADER
from privacy.store.users import PLATFORM
from tests.support.redis_server import Store


def test_a_store_is_created_once_and_keeps_its_id(store: Store) -> None:
    """A second start finds the same header, and every private user can read it."""
    created = StoreHeader.create_or_verify(store.admin, os.urandom, account_shards=4, target_shards=2)
    again = StoreHeader.create_or_verify(store.admin, os.urandom, account_shards=4, target_shards=2)
    assert created == again
    assert (created.account_shards, created.target_shards) == (4, 2)
    assert len(bytes.fromhex(created.store_id)) == 16
    for client in (store.platform, store.relay, store.release):
        assert StoreHeader.read(client) == created


@pytest.mark.parametrize(("account_shards", "target_shards"), [(8, 2), (4, 8), (2, 4)])
def test_shard_counts_never_change(store: Store, account_shards: int, target_shards: int) -> None:
    """A start with other counts is refused, and changes nothing."""
    created = StoreHeader.create_or_verify(store.admin, os.urandom, account_shards=4, target_shards=2)
    with pytest.raises(StoreError, match="4 account and 2 target shards"):
        StoreHeader.create_or_verify(
            store.admin, os.urandom, account_shards=account_shards, target_shards=target_shards
        )
    assert StoreHeader.read(store.admin) == created


@pytest.mark.parametrize("count", [0, -1, 1025])
def test_absurd_shard_counts_are_refused(store: Store, count: int) -> None:
    """Nothing is created with a count that no store can have."""
    with pytest.raises(StoreError, match="from 1 to 1024"):
        StoreHeader.create_or_verify(store.admin, os.urandom, account_shards=count)
    assert not store.root.exists(STORE_HEADER)


def test_a_gallery_has_the_id_of_its_store(store: Store) -> None:
    """On one server or two, the gallery is known by its store's id, which the public plane can read."""
    header = StoreHeader.create_or_verify(store.admin, os.urandom)
    assert header.of_gallery.put(store.admin) == header.of_gallery
    assert StoreHeader.read(store.public, GALLERY_HEADER).store_id == header.store_id
    header.of_gallery.verify(store.publisher)


def test_the_gallery_of_another_store_is_not_written_to(store: Store) -> None:
    """Its header stays as it is; whoever works on this store refuses it, and an empty one too."""
    header = StoreHeader.create_or_verify(store.admin, os.urandom)
    with pytest.raises(StoreError, match="gallery has lost its data"):
        header.of_gallery.verify(store.publisher)
    other = replace(header, store_id="0" * 32).of_gallery.put(store.admin)
    assert header.of_gallery.put(store.admin) == other
    with pytest.raises(StoreError, match="this gallery is another store's"):
        header.of_gallery.verify(store.publisher)


def test_an_empty_store_is_noticed(store: Store) -> None:
    """A server restarted empty, a store swapped for another, and one never created fail verification."""
    with pytest.raises(StoreError, match="empty"):
        StoreHeader.read(store.platform)
    header = StoreHeader.create_or_verify(store.admin, os.urandom)
    header.verify(store.platform)
    store.flush()
    with pytest.raises(StoreError, match="lost its data"):
        header.verify(store.platform)
    StoreHeader.create_or_verify(store.admin, os.urandom)
    with pytest.raises(StoreError, match="another store"):
        header.verify(store.platform)


def test_a_connection_to_an_emptied_store_is_never_used(store: Store) -> None:
    """A client that greets its store writes again as soon as it is back, and not a byte before."""
    header = StoreHeader.create_or_verify(store.admin, os.urandom)
    with closing(connect(store.settings, PLATFORM, greet=header.greet)) as client:
        client.hset("v:{a0}:r:x", "f", "1")
        store.flush()
        store.root.client_kill_filter(user="platform")
        for _ in range(2):
            with pytest.raises(StoreError, match="lost its data"):
                client.hset("v:{a0}:r:x", "f", "1")
        assert not store.root.exists("v:{a0}:r:x")
        store.root.hset(STORE_HEADER, "store_id", header.store_id)
        client.hset("v:{a0}:r:x", "f", "1")


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("format_version", "1", "format is 1"),
        ("account_shards", "many", "damaged"),
        ("account_shards", "0", "from 1 to 1024"),
    ],
)
def test_a_header_of_another_kind_is_refused(store: Store, field: str, text: str, message: str) -> None:
    """A store of another format or with a damaged header is not worked on."""
    StoreHeader.create_or_verify(store.admin, os.urandom)
    store.root.hset(STORE_HEADER, field, text)
    with pytest.raises(StoreError, match=message):
        StoreHeader.read(store.admin)
