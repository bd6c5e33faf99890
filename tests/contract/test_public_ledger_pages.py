"""Pages of the ledger: each entry once, the end where it is, and a way to follow what is added."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest

from api.public.app import build_public_app
from privacy.model.documents import LedgerEntry
from privacy.store.keys import gallery_key
from tests.support.gallery import NOW_MS
from tests.support.public_plane import MemoryLog, new_key
from tests.support.redis_server import Store

if TYPE_CHECKING:
    from flask.testing import FlaskClient

SHARDS: Final = 3
Page = dict[str, Any]


def append(store: Store, shard: int, count: int) -> None:
    """Adds entries to a chain; their hashes are of no matter here."""
    key = gallery_key("ledger", shard)
    for sequence in range(store.root.hlen(key), store.root.hlen(key) + count):
        entry = LedgerEntry(
            shard=shard,
            sequence=sequence,
            previous="",
            target_id="v-1",
            kind="like",
            epoch=sequence,
            as_of_ms=NOW_MS,
            policy_version="a",
            policy_digest="",
            rho="1",
            release_sha256="",
        )
        store.root.hset(key, str(sequence), msgspec.json.encode(entry))


@pytest.fixture
def ask(store: Store) -> Callable[..., Page]:
    """Reads pages of an empty ledger with three chains."""
    store.root.set(gallery_key("ledger", "shards"), SHARDS)
    client: FlaskClient = build_public_app(
        store.public, store.limiter, lambda: NOW_MS, MemoryLog()
    ).test_client()
    headers = {"Authorization": f"Bearer {new_key(store, 'audit')[0]}"}

    def ask(**query: Any) -> Page:
        answer = client.get("/v1/privacy/ledger", query_string=query, headers=headers)
        assert answer.status_code == 200, answer.text
        page: Page = answer.get_json()
        return page

    return ask


def names(page: Page) -> list[tuple[int, int]]:
    """Returns the positions of a page's entries."""
    return [(line["entry"]["shard"], line["entry"]["sequence"]) for line in page["entries"]]


@pytest.mark.parametrize("shard", range(SHARDS))
def test_the_last_full_page_says_that_it_is_the_last(
    store: Store, ask: Callable[..., Page], shard: int
) -> None:
    """If the page ends where the ledger ends, no cursor leads to an empty page."""
    append(store, shard, 4)
    assert ask(limit=4)["next_cursor"] is None
    assert ask(limit=5)["next_cursor"] is None
    first = ask(limit=3)
    assert names(ask(limit=3, cursor=first["next_cursor"])) == [(shard, 3)]
    assert ask(limit=1, cursor=first["next_cursor"])["next_cursor"] is None


def test_what_is_added_is_read_without_reading_all_again(store: Store, ask: Callable[..., Page]) -> None:
    """The cursor of the last page leads to the entries added since, in whichever chain, each once."""
    for shard, count in enumerate((5, 0, 2)):
        append(store, shard, count)
    page = ask()
    assert (len(page["entries"]), page["next_cursor"]) == (7, None)
    nothing = ask(cursor=page["resume_cursor"])
    assert nothing == {"entries": [], "next_cursor": None, "resume_cursor": page["resume_cursor"]}
    append(store, 0, 2)
    append(store, 1, 1)
    added = ask(cursor=nothing["resume_cursor"])
    assert names(added) == [(0, 5), (0, 6), (1, 0)]
    assert names(ask(cursor=added["resume_cursor"])) == []


def test_entries_added_behind_a_reader_are_not_missed(store: Store, ask: Callable[..., Page]) -> None:
    """What a chain gets while later ones are read is on a later page of the same walk."""
    append(store, 0, 2)
    append(store, 2, 3)
    page = ask(limit=3)
    found = names(page)
    append(store, 0, 1)
    while page["next_cursor"]:
        page = ask(limit=1, cursor=page["next_cursor"])
        found += names(page)
    assert sorted(found) == [(0, 0), (0, 1), (0, 2), (2, 0), (2, 1), (2, 2)]
