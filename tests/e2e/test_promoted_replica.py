"""A replica that is promoted lacks what the primary acknowledged last: what that means for releases."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from privacy.errors import StoreBusyError, StoreError
from privacy.rollback.release_watermark import ReleaseWatermark
from tests.support.eventually import eventually
from tests.support.redis_server import ROOT, Store, clients, server_with_root
from tests.support.registers import HEADER, vault_on
from tests.support.release_world import AFTER_EVERY_TICK_MS, VIDEOS, ReleaseWorld, hours

Pair = tuple[Store, Store]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two servers, of which the second is going to copy the first."""
    folder = tmp_path_factory.mktemp("replicas")
    with (
        server_with_root(folder / "primary") as primary,
        server_with_root(folder / "replica") as replica,
        clients(primary) as of_primary,
        clients(replica) as of_replica,
    ):
        yield of_primary, of_replica


@pytest.fixture
def pair(servers: Pair) -> Pair:
    """A primary with one released epoch of every video, and a replica that has all of it."""
    primary, replica = servers
    primary.root.config_set("repl-diskless-sync-delay", 0)
    replica.root.config_set("masteruser", ROOT.name)
    replica.root.config_set("masterauth", primary.settings.password(ROOT))
    replica.root.replicaof("127.0.0.1", primary.server.port)
    eventually(lambda: replica.root.info("replication")["master_link_status"] == "up", "a replica")
    eventually(lambda: has_own_log(replica), "the replica's first log, without which it does not end")
    return primary, replica


def has_own_log(replica: Store) -> bool:
    """Return whether a replica has written all that it copied to its log."""
    state = replica.root.info("persistence")
    return not state["aof_rewrite_scheduled"] and not state["aof_rewrite_in_progress"]


@pytest.fixture
def watermark(tmp_path: Path) -> ReleaseWatermark:
    """The records outside the store, which both servers share."""
    made = ReleaseWatermark(tmp_path, HEADER.store_id)
    made.create(range(HEADER.target_shards))
    return made


def compute(world: ReleaseWorld, watermark: ReleaseWatermark, epoch: int) -> int:
    """Release one more epoch, which waits for its tick; returns the number of releases."""
    world.like_everything()
    world.now_ms = hours(epoch)
    return replace(world.worker(), watermark=watermark).run_due()


def publish(world: ReleaseWorld, watermark: ReleaseWatermark) -> None:
    """Let all ticks pass."""
    replace(world.publication(), watermark=watermark).publish(AFTER_EVERY_TICK_MS)


def promote(world: ReleaseWorld, primary: Store, replica: Store) -> ReleaseWorld:
    """Promote the replica when it has all so far; what the primary takes from now on is lost."""
    assert primary.root.wait(1, 30_000) == 1
    replica.root.replicaof("NO", "ONE")
    promoted = ReleaseWorld(replica)
    promoted.numbers = world.numbers
    return promoted


def test_a_release_that_nobody_saw_is_made_again(pair: Pair, watermark: ReleaseWatermark) -> None:
    """A release that waits for its tick is lost with the primary, which has published an earlier one since.

    The promoted replica has the earlier one, and makes the lost one again.
    """
    world = ReleaseWorld(pair[0])
    world.reset()
    assert compute(world, watermark, 1) == len(VIDEOS)
    first_ticks_ms = world.publication().read_last_visible_ms()
    assert first_ticks_ms
    promoted = promote(world, *pair)
    assert compute(world, watermark, 2) == len(VIDEOS)
    assert replace(world.publication(), watermark=watermark).publish(first_ticks_ms) == len(VIDEOS)
    seen = promoted.records()
    assert compute(promoted, watermark, 2) == len(VIDEOS)
    publish(promoted, watermark)
    promoted.check_kept(seen)


def test_a_published_release_that_is_lost_ends_releases(pair: Pair, watermark: ReleaseWatermark) -> None:
    """What readers have seen would be drawn a second time, so nothing is released any more."""
    world = ReleaseWorld(pair[0])
    world.reset()
    promoted = promote(world, *pair)
    compute(world, watermark, 1)
    publish(world, watermark)
    for epoch in (1, 2):
        with pytest.raises(StoreError, match="would draw them again"):
            compute(promoted, watermark, epoch)


def test_a_primary_without_its_replica_acknowledges_nothing(pair: Pair) -> None:
    """With `min-replicas-to-write 1` nothing that a replica cannot get is acknowledged, or half done."""
    primary, replica = pair
    primary.flush()
    vault = vault_on(primary, 4, 100)
    event = ("ada", 4, 1_000, 0, 7)
    primary.root.config_set("min-replicas-to-write", 1)
    try:
        assert vault.record([event], 2_000)
        replica.root.replicaof("NO", "ONE")
        eventually(lambda: primary.root.info("replication")["connected_slaves"] == 0, "its end")
        before = primary.root.dbsize()
        with pytest.raises(StoreBusyError, match="too few replicas"):
            vault.record([("bo", 4, 1_000, 0, 7)], 2_000)
        assert primary.root.dbsize() == before
    finally:
        primary.root.config_set("min-replicas-to-write", 0)
