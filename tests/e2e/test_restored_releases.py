"""A store that is put back from a backup never draws again what readers have seen."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from privacy.errors import StoreError
from privacy.rollback.release_watermark import ReleaseWatermark
from privacy.store.keys import gallery_key
from tests.support.backup import back_up, put_back
from tests.support.faults import Crash, every_fault
from tests.support.redis_server import clients, server_with_root
from tests.support.registers import HEADER
from tests.support.release_world import AFTER_EVERY_TICK_MS, VIDEOS, ReleaseWorld, hours, send
from tests.support.stepped_redis import Hook


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ReleaseWorld]:
    """A store of its own, in which one epoch of every video is released."""
    with server_with_root(tmp_path / "redis") as server, clients(server) as store:
        made = ReleaseWorld(store)
        made.reset()
        release(made, 1)
        yield made


def outside(world: ReleaseWorld) -> ReleaseWatermark:
    """The records that are kept outside the store."""
    return ReleaseWatermark(world.store.server.folder.with_name("rollback-guard"), HEADER.store_id)


def run_due(world: ReleaseWorld, hook: Hook = send) -> int:
    """Release and publish as a deployment does; returns the number of releases that were written."""
    kept = outside(world)
    kept.create(range(HEADER.target_shards))
    written = replace(world.worker(hook), watermark=kept).run_due()
    replace(world.publication(hook), watermark=kept).publish(AFTER_EVERY_TICK_MS)
    return written


def release(world: ReleaseWorld, epoch: int) -> None:
    """Release one more epoch."""
    world.like_everything()
    world.now_ms = hours(epoch)
    assert run_due(world) == len(VIDEOS)


def test_what_is_out_is_never_drawn_again(world: ReleaseWorld, tmp_path: Path) -> None:
    """Put back from before a release, nothing is released or changed; from after it, work goes on."""
    older = back_up(world.store.server, tmp_path / "older")
    release(world, 2)
    newer, released = back_up(world.store.server, tmp_path / "newer"), world.records()
    put_back(world.store.server, older)
    held = world.records()
    for now_ms in (hours(2), hours(3)):
        world.now_ms = now_ms
        with pytest.raises(StoreError, match="would draw them again"):
            run_due(world)
    assert world.records() == held
    put_back(world.store.server, newer)
    assert world.records() == released
    release(world, 3)
    world.check_kept(released)
    world.check(dict.fromkeys(VIDEOS, 3))


def test_a_backup_from_after_the_last_release_goes_on(world: ReleaseWorld, tmp_path: Path) -> None:
    """It holds all that is out: the same bytes, and the next epoch is measured once."""
    backup, released = back_up(world.store.server, tmp_path / "backup"), world.records()
    put_back(world.store.server, backup)
    assert world.records() == released
    release(world, 2)
    world.check_kept(released)
    world.check(dict.fromkeys(VIDEOS, 2))


def test_it_is_written_down_before_anybody_can_read_it(world: ReleaseWorld) -> None:
    """Killed at any store call, a worker has published no more than is known outside."""
    with world.store.without_fsync():
        world.reset()
        world.like_everything()
        world.now_ms = hours(1)
        go_back = world.mark()
        for fault in every_fault(Crash):
            go_back()
            for path in outside(world).folder.iterdir():
                path.unlink()
            with suppress(Crash):
                run_due(world, fault)
            for shard in range(HEADER.target_shards):
                assert world.store.root.hlen(gallery_key("ledger", shard)) <= known(world, shard)


def known(world: ReleaseWorld, shard: int) -> int:
    """Return how many releases of a shard are known outside."""
    path = outside(world).folder / f"{HEADER.store_id}.released-{shard}"
    return int(path.read_text().split()[0]) if path.exists() else 0


def test_a_file_that_holds_no_number_stops_the_shard(world: ReleaseWorld) -> None:
    """Nothing is guessed."""
    for path in outside(world).folder.glob("*.released-*"):
        path.write_text("many\n")
    world.like_everything()
    world.now_ms = hours(2)
    with pytest.raises(StoreError, match="damaged"):
        run_due(world)
