"""A shard of the tally as the release side sees it: what is due, and the one step that writes a release."""

from dataclasses import replace

import msgspec
import pytest

from privacy.errors import StoreBusyError
from privacy.model.documents import PointDocument, ReleaseDocument
from privacy.store.keys import tally_key
from privacy.tally.series import Commit, DueSeries, TallyShard
from tests.support.redis_server import Store
from tests.support.registers import HEADER, raw
from tests.support.release_world import VIDEOS, ReleaseWorld, calibration, hours


@pytest.fixture
def world(store: Store) -> ReleaseWorld:
    """Five videos, posted at time zero, with likes."""
    world = ReleaseWorld(store)
    world.reset()
    world.like_everything()
    return world


@pytest.fixture
def shard(world: ReleaseWorld) -> TallyShard:
    """The shard that holds four of the videos."""
    return TallyShard(world.store.release, 1)


def release_of(due: DueSeries) -> ReleaseDocument:
    """A release document of a series, its numbers made up."""
    return ReleaseDocument(
        target_id=due.state.target_id,
        kind=due.state.kind.label,
        epoch=due.state.epoch,
        as_of_ms=hours(1),
        cutoff_ms=hours(1),
        next_release_at_ms=hours(2),
        policy_version="small",
        total=(50, 40, 60),
        change=None,
        change_since_epoch=None,
        change_span_seconds=None,
        breakdowns={},
        removals={"unliked": None},
        removal_changes={},
    )


def commit_of(due: DueSeries, next_due_ms: int | None = 5) -> Commit:
    """A release of one series, its content made up."""
    release = release_of(due)
    point = msgspec.json.encode(PointDocument.from_release(release))
    return Commit(due, next_due_ms, b"net", b"measured", msgspec.json.encode(release), point, b"entry")


def everything(world: ReleaseWorld) -> dict[bytes, bytes]:
    """All keys of the shard."""
    root = world.store.root
    return {raw(key): raw(root.dump(key)) for key in root.keys("t:{t1}:*")}


def test_only_what_is_over_is_due(world: ReleaseWorld, shard: TallyShard) -> None:
    """Series whose epoch has ended, longest overdue first, no more than asked for."""
    world.register(["later"], calibration().policy, starts_at_ms=hours(1))
    assert shard.read_next_due_ms() == hours(1)
    assert shard.list_due(hours(1) - 1, 10) == []
    first = shard.list_due(hours(1), 10)
    assert len(first) == 4
    assert shard.list_due(hours(1), 2) == first[:2]
    shards = [TallyShard(world.store.release, number) for number in range(HEADER.target_shards)]
    overdue = {number for each in shards for number in each.list_due(hours(9), 10)}
    assert overdue == {world.numbers[video] for video in (*VIDEOS, "later")}


def test_an_empty_shard_has_nothing_due(store: Store) -> None:
    """No series, no ledger, nothing on its way."""
    shard = TallyShard(store.release, 0)
    assert (shard.read_next_due_ms(), shard.list_due(10**15, 10), shard.list_pending(10)) == (None, [], [])
    assert (shard.read_head(), shard.count_ledger_entries()) == ("", 0)


def test_a_series_is_read_whole(shard: TallyShard) -> None:
    """Its state, the log since the last release, and both records, in the order asked for."""
    numbers = shard.list_due(hours(1), 10)
    series = shard.read_series(numbers[::-1])
    assert [due.state.number for due in series] == numbers[::-1]
    for due in series:
        place = VIDEOS.index(due.state.target_id)
        assert len(due.log) == 4 * (40 + place + 2)
        assert (due.net_changes, due.measurements) == (b"", b"")
        assert (due.state.starts_at_ms, due.state.first_epoch) == (0, 0)
        assert (due.state.epoch, due.state.log_offset) == (0, 0)
        assert due.state.policy_version == "small"


def test_a_commit_writes_everything_at_once(world: ReleaseWorld, shard: TallyShard) -> None:
    """Records, ledger, head, queue, state and due time; the log is counted up to where it was read."""
    (due,) = shard.read_series(shard.list_due(hours(1), 1))
    world.add_changes(due.state.target_id, {}, 3)  # arrives after the log was read
    commit = commit_of(due, hours(7))
    assert shard.commit([commit], "", "head")
    (after,) = shard.read_series([due.state.number])
    assert (after.state.epoch, after.state.log_offset) == (1, len(due.log))
    assert (len(after.log), after.net_changes, after.measurements) == (12, b"net", b"measured")
    assert (shard.read_head(), shard.count_ledger_entries()) == ("head", 1)
    (pending,) = shard.list_pending(10)
    assert (pending.shard, pending.sequence) == (1, 0)
    assert (pending.target_id, pending.kind, pending.epoch) == (due.state.target_id, "like", 0)
    assert (pending.release, pending.point, pending.ledger_entry) == (commit.release, commit.point, b"entry")
    assert due.state.number not in shard.list_due(hours(7) - 1, 10)
    assert due.state.number in shard.list_due(hours(7), 10)


def test_after_the_last_epoch_nothing_is_due(shard: TallyShard) -> None:
    """A series without a next due time leaves the schedule."""
    series = shard.read_series(shard.list_due(hours(1), 10))
    assert shard.commit([commit_of(due, None) for due in series], "", "head")
    assert shard.read_next_due_ms() is None


@pytest.mark.parametrize(("epoch", "log_offset", "number"), [(1, 0, None), (0, 4, None), (0, 0, 1000)])
def test_a_commit_on_an_old_state_touches_nothing(
    epoch: int, log_offset: int, number: int | None, world: ReleaseWorld, shard: TallyShard
) -> None:
    """If one series of a batch is not as it was read, none of the batch is written."""
    series = shard.read_series(shard.list_due(hours(1), 10))
    state = series[-1].state
    number = state.number if number is None else number
    wrong = replace(series[-1], state=replace(state, epoch=epoch, log_offset=log_offset, number=number))
    before = everything(world)
    assert not shard.commit([commit_of(due) for due in (*series[:-1], wrong)], "", "head")
    assert everything(world) == before


def test_a_commit_on_another_head_touches_nothing(world: ReleaseWorld, shard: TallyShard) -> None:
    """The ledger is one chain: an entry that names another one than the last is refused with its release."""
    first, second = shard.read_series(shard.list_due(hours(1), 2))
    assert shard.commit([commit_of(first)], "", "head")
    before = everything(world)
    assert not shard.commit([commit_of(second)], "", "other head")
    assert not shard.commit([commit_of(second)], "another", "other head")
    assert everything(world) == before
    assert shard.commit([commit_of(second)], "head", "other head")


def test_the_same_commit_again_touches_nothing(world: ReleaseWorld, shard: TallyShard) -> None:
    """A commit whose answer was lost, sent again, is refused."""
    (due,) = shard.read_series(shard.list_due(hours(1), 1))
    assert shard.commit([commit_of(due)], "", "head")
    before = everything(world)
    assert not shard.commit([commit_of(due)], "", "head")
    assert not shard.commit([commit_of(due)], "head", "head")
    assert everything(world) == before


def test_a_full_store_writes_no_part_of_a_release(world: ReleaseWorld, shard: TallyShard) -> None:
    """Without memory the step is refused whole, and succeeds later."""
    (due,) = shard.read_series(shard.list_due(hours(1), 1))
    before = everything(world)
    world.store.root.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreBusyError, match="is full"):
            shard.commit([commit_of(due)], "", "head")
    finally:
        world.store.root.config_set("maxmemory", 0)
    assert everything(world) == before
    assert shard.commit([commit_of(due)], "", "head")


def test_releases_on_their_way_keep_their_order(world: ReleaseWorld, shard: TallyShard) -> None:
    """They come out as the ledger has them, also after some were forgotten; places are never used again."""
    series = shard.read_series(shard.list_due(hours(1), 4))
    heads = ["", "1", "2", "3", "4"]
    for due, before, after in zip(series[:3], heads, heads[1:], strict=False):
        assert shard.commit([commit_of(due)], before, after)
    assert [release.sequence for release in shard.list_pending(2)] == [0, 1]
    shard.mark_published(shard.list_pending(10))
    assert shard.list_pending(10) == []
    assert shard.commit([commit_of(series[3])], "3", "4")
    assert [release.sequence for release in shard.list_pending(10)] == [3]
    assert world.store.root.llen(tally_key(1, "ledger")) == 4
