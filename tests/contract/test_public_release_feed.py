"""All releases since a cursor: one order, each release once, wherever a reader stops and whatever appears."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest

from api.public.app import build_public_app
from privacy.ledger.head import ShardTree, SignedHead, TreeHead
from privacy.model.audience import Scope, audience_kind
from privacy.model.documents import LedgerEntry
from privacy.publishing.publisher import Publisher
from privacy.store.keys import gallery_key
from tests.support.gallery import NOW_MS, target
from tests.support.public_plane import MemoryLog, PublicPlane, new_key
from tests.support.redis_server import Store
from tests.support.registers import HEADER
from tests.support.release_world import ReleaseWorld
from tests.support.signing_world import SigningWorld

if TYPE_CHECKING:
    from flask.testing import FlaskClient

SHARDS: Final = 3
FEED: Final = "/v1/releases"
NDJSON: Final = {"Accept": "application/x-ndjson"}
WAVES: Final = ((3, 0, 2), (0, 0, 0), (1, 4, 0), (0, 1, 3), (2, 0, 0))
"""Releases that appear in each chain, one tick after another."""
Page = dict[str, Any]
Ask = Callable[..., Page]


def append(store: Store, *counts: int, late_ms: int = 0) -> None:
    """Adds entries to each chain; what they name has expired, and their hashes are of no matter here."""
    for shard, count in enumerate(counts):
        key = gallery_key("ledger", shard)
        for sequence in range(store.root.hlen(key), store.root.hlen(key) + count):
            entry = LedgerEntry(
                shard=shard,
                sequence=sequence,
                previous="",
                target_id=f"sandbox:{shard}",
                kind="like",
                epoch=sequence,
                as_of_ms=NOW_MS + sequence * 1000 - late_ms,
                policy_version="a",
                policy_digest="",
                rho="1",
                release_sha256="",
            )
            store.root.hset(key, str(sequence), msgspec.json.encode(entry))


def sign(store: Store) -> None:
    """Writes a head that covers all entries."""
    trees = [ShardTree(shard, store.root.hlen(gallery_key("ledger", shard)), "") for shard in range(SHARDS)]
    head = SignedHead("", TreeHead(0, NOW_MS, "", [], trees))
    store.root.hset(gallery_key("heads"), "latest", msgspec.json.encode(head))


@pytest.fixture
def ask(store: Store) -> Ask:
    """Reads pages of a feed over three empty chains."""
    store.root.set(gallery_key("ledger", "shards"), SHARDS)
    client: FlaskClient = build_public_app(
        store.public, store.limiter, lambda: NOW_MS, MemoryLog()
    ).test_client()
    headers = {"Authorization": f"Bearer {new_key(store, 'read')[0]}"}

    def ask(**query: Any) -> Page:
        answer = client.get(FEED, query_string=query, headers=headers)
        assert answer.status_code == 200, answer.text
        page: Page = answer.get_json()
        return page

    return ask


def names(releases: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """Returns the chain and the number of each release."""
    return [(int(it["target_id"].removeprefix("sandbox:")), it["epoch"]) for it in releases]


def everything(store: Store) -> list[tuple[int, int]]:
    """Returns what there is, sorted."""
    lengths = [store.root.hlen(gallery_key("ledger", shard)) for shard in range(SHARDS)]
    return [(shard, number) for shard, length in enumerate(lengths) for number in range(length)]


def read_rest(ask: Ask, limit: int, **query: Any) -> tuple[list[dict[str, Any]], str]:
    """Reads pages up to the last one; returns all releases and the cursor of what comes later."""
    page = ask(limit=limit, **query)
    releases = list(page["releases"])
    while page["next_cursor"]:
        assert len(page["releases"]) == limit
        page = ask(limit=limit, after=page["next_cursor"])
        releases += page["releases"]
    return releases, page["resume_cursor"]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
def test_a_reader_who_follows_sees_each_release_once(store: Store, ask: Ask, limit: int) -> None:
    """A wave after another, across the chains, with pages of any size."""
    seen: list[tuple[int, int]] = []
    query: dict[str, str] = {}
    for wave in WAVES:
        append(store, *wave)
        sign(store)
        releases, resume = read_rest(ask, limit, **query)
        assert len(releases) == sum(wave)
        seen += names(releases)
        query = {"after": resume}
    assert sorted(seen) == everything(store)


def test_a_reader_may_stop_at_every_release(store: Store, ask: Ask) -> None:
    """From the cursor of each release on, exactly the others follow, also those that appeared since."""
    found: list[dict[str, Any]] = []
    query: dict[str, str] = {}
    for wave in WAVES:
        append(store, *wave)
        sign(store)
        releases, resume = read_rest(ask, 100, **query)
        found += releases
        query = {"after": resume}
        for place, release in enumerate(found):
            later, _ = read_rest(ask, 100, after=release["cursor"])
            before = names(found[: place + 1])
            assert sorted(before + names(later)) == everything(store)


def test_releases_that_appear_between_pages_are_not_missed(store: Store, ask: Ask) -> None:
    """Every page is followed by a tick that adds to every chain, also with epochs that ended long ago."""
    append(store, 3, 3, 3)
    sign(store)
    page = ask(limit=2)
    seen = names(page["releases"])
    for late_ms in (0, 3_600_000, 0, 7_200_000):
        append(store, 1, 0, 1, late_ms=late_ms)
        sign(store)
        page = ask(limit=2, after=page["resume_cursor"])
        seen += names(page["releases"])
    seen += names(read_rest(ask, 2, after=page["resume_cursor"])[0])
    assert sorted(seen) == everything(store)


def test_the_order_does_not_depend_on_pages(store: Store, ask: Ask) -> None:
    """By end of epoch and chain; each chain in its own order."""
    append(store, 4, 2, 5)
    sign(store)
    whole = names(read_rest(ask, 100)[0])
    assert whole == sorted(whole, key=lambda name: (name[1], name[0]))
    assert all(names(read_rest(ask, limit)[0]) == whole for limit in (1, 2, 3, 7))


def test_what_is_not_signed_yet_does_not_show(store: Store, ask: Ask) -> None:
    """A tick appears as a whole, and each release of the feed has a signature."""
    append(store, 1, 1, 0)
    assert ask()["releases"] == []
    sign(store)
    append(store, 2, 0, 2)
    page = ask()
    assert names(page["releases"]) == [(0, 0), (1, 0)]
    assert page["next_cursor"] is None
    sign(store)
    assert names(ask(after=page["resume_cursor"])["releases"]) == [(2, 0), (0, 1), (2, 1), (0, 2)]


def test_a_signed_entry_that_is_missing_is_an_error(store: Store, ask: Ask) -> None:
    """It is not passed over, and no reader is led in a circle."""
    append(store, 2, 0, 0)
    sign(store)
    store.root.hdel(gallery_key("ledger", 0), "1")
    with pytest.raises(AssertionError, match="503"):
        ask()


def test_a_release_is_its_own_bytes(plane: PublicPlane, store: Store) -> None:
    """As the signed release is, with the hash that its ledger entry names, in JSON and in NDJSON."""
    answer = plane.get(f"{FEED}?limit=1000", token=new_key(store, "read")[0])
    releases = answer.json()["releases"]
    assert len(releases) == 26 * 4 + 1
    for each in releases[::5]:
        signed = plane.get(f"{FEED}/{each['kind']}/{each['target_id']}/{each['epoch']}")
        assert signed.json() == each["release"]
        assert signed.text in answer.text
        assert sha256(signed.content).hexdigest() == each["sha256"]
        assert each["gone"] is None
    lines = plane.get(f"{FEED}?limit=1000", headers=NDJSON)
    assert (lines.headers["Content-Type"], answer.headers["Content-Type"]) == (
        "application/x-ndjson",
        "application/json",
    )
    assert [json.loads(line) for line in lines.text.splitlines()] == releases
    assert plane.get(f"{FEED}?after={releases[-1]['cursor']}", headers=NDJSON).text == ""
    assert "Accept" in lines.headers["Vary"]


@pytest.mark.parametrize(
    ("target_type", "target_id", "hidden"),
    [("video", "shown", {("like", "shown")}), ("creator", "maker", {("follow", "maker")})],
)
def test_what_was_taken_down_keeps_its_place_and_shows_nothing(
    plane: PublicPlane, store: Store, target_type: str, target_id: str, hidden: set[tuple[str, str]]
) -> None:
    """Cursors stay right; the numbers are back when the target is."""
    before = plane.get(f"{FEED}?limit=1000").json()["releases"]
    down = target(target_id, target_type=target_type, creator_id=None, taken_down="legal", revision=1)
    Publisher(store.publisher).publish_targets([down])
    releases = plane.get(f"{FEED}?limit=1000").json()["releases"]
    assert [each["cursor"] for each in releases] == [each["cursor"] for each in before]
    for each, was in zip(releases, before, strict=True):
        is_hidden = (each["kind"], each["target_id"]) in hidden
        assert (each["gone"], each["release"]) == (("legal", None) if is_hidden else (None, was["release"]))
    Publisher(store.publisher).publish_targets([msgspec.structs.replace(down, taken_down=None, revision=2)])
    assert plane.get(f"{FEED}?limit=1000").json()["releases"] == before


def test_audiences_of_a_creator_who_was_taken_down_are_hidden(store: Store, ask: Ask) -> None:
    """Those of a hashtag with the same name are not about that creator, and stay."""
    down = target("maker", target_type="creator", creator_id=None, taken_down="legal")
    Publisher(store.publisher).publish_targets([down])
    ledger = gallery_key("ledger", 0)
    for sequence, scope in enumerate((Scope.CREATOR, Scope.HASHTAG)):
        kind = audience_kind(scope, 604_800, "a")
        store.root.hset(gallery_key("releases", "maker", kind), "0", b"{}")
        entry = LedgerEntry(0, sequence, "", "maker", kind, 0, NOW_MS, "a", "", "1", "")
        store.root.hset(ledger, str(sequence), msgspec.json.encode(entry))
    sign(store)
    found = [(each["release"], each["gone"]) for each in ask()["releases"]]
    assert found == [(None, "legal"), ({}, None)]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("after=bGVkZ2VyOjAuMC4w", "after"),
        ("after=", "after"),
        ("limit=2001", "limit"),
        ("limit=0", "limit"),
        ("cursor=a", "cursor"),
    ],
)
def test_a_request_that_cannot_be_right_is_refused(plane: PublicPlane, query: str, field: str) -> None:
    """A cursor of another list, a limit out of range, a parameter of another operation."""
    answer = plane.get(f"{FEED}?{query}")
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_a_reader_may_begin_now(plane: PublicPlane) -> None:
    """Behind all that is there, from where the feed goes on as from its end."""
    page = plane.get(f"{FEED}?after=latest").json()
    assert (page["releases"], page["next_cursor"]) == ([], None)
    whole = plane.get(f"{FEED}?limit=2000").json()
    assert page["resume_cursor"] == whole["resume_cursor"]
    assert whole["releases"]


def test_the_release_worker_fills_the_feed(store: Store) -> None:
    """Epoch after epoch, in all chains: what is read since the last page is what was just signed."""
    world = SigningWorld(ReleaseWorld(store))
    world.reset(0)
    Publisher(store.publisher).publish_guarantee("a", {}, HEADER.target_shards)
    app = build_public_app(store.public, store.limiter, lambda: NOW_MS, MemoryLog())
    client, headers = app.test_client(), {"Authorization": f"Bearer {new_key(store, 'read')[0]}"}
    resume: str | None = None
    seen: list[tuple[str, str, int]] = []
    for epoch in range(3):
        with store.without_fsync():
            world.release_epoch()
            signed = world.sign()
        query = {"after": resume} if resume else {}
        page = client.get(FEED, query_string=query, headers=headers).get_json()
        found = [(it["target_id"], it["kind"], it["epoch"]) for it in page["releases"]]
        assert (len(found), {number for _, _, number in found}) == (signed, {epoch})
        seen += found
        resume = page["resume_cursor"]
    assert len(set(seen)) == len(seen) > 3 * HEADER.target_shards
