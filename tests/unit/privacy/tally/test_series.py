"""A shard of the tally as the release side sees it: what is due, and the one step that writes a release."""

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from redis.client import Pipeline

from privacy.errors import SeriesRefusedError, StoreBusyError
from privacy.model.documents import PointDocument, ReleaseDocument
from privacy.model.engagement import KINDS_PER_TARGET
from privacy.store.keys import tally_key
from privacy.tally import log_elements
from privacy.tally.series import Commit, DueSeries, TallyShard
from tests.support.profiles import FIXED_FIXTURES, examples
from tests.support.redis_server import Store
from tests.support.registers import HEADER, log_element, log_key, raw, read_log
from tests.support.release_world import VIDEOS, ReleaseWorld, calibration, hours

VISIBLE_MS = hours(1) + 120_000


@pytest.fixture
def world(store: Store) -> ReleaseWorld:
    """Five videos, posted at time zero, with likes; their first epoch is over."""
    world = ReleaseWorld(store)
    world.reset()
    world.like_everything()
    world.now_ms = hours(1)
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


def commit_of(due: DueSeries, next_due_ms: int | None = hours(7), visible_ms: int = VISIBLE_MS) -> Commit:
    """A release of one series, its content made up."""
    release = msgspec.json.encode(release_of(due))
    return Commit(due, next_due_ms, visible_ms, b"net", b"measured", release, b"entry")


def everything(world: ReleaseWorld) -> dict[bytes, bytes]:
    """All keys of the shard."""
    root = world.store.root
    return {raw(key): raw(root.dump(key)) for key in root.keys("t:{t1}:*")}


def test_only_what_is_over_is_due(world: ReleaseWorld, shard: TallyShard) -> None:
    """Series whose epoch has ended, longest overdue first, no more than asked for."""
    world.register(["later"], calibration().policy, starts_at_ms=hours(1))
    assert shard.read_next_due_ms() == hours(1)
    first = shard.list_due(10)
    assert len(first) == 4
    assert shard.list_due(2) == first[:2]
    world.now_ms = hours(9)
    shards = [TallyShard(world.store.release, number) for number in range(HEADER.target_shards)]
    overdue = {number for each in shards for number in each.list_due(10)}
    assert overdue == {world.numbers[video] for video in (*VIDEOS, "later")}


def test_nothing_is_due_before_every_outbox_is_applied(store: Store) -> None:
    """To the last ms before the end of the epoch; without a relay nothing ever is."""
    world = ReleaseWorld(store)
    world.reset()
    shard = TallyShard(store.release, 1)
    assert shard.list_due(10) == []
    world.now_ms = hours(1) - 1
    assert shard.list_due(10) == []
    world.now_ms = hours(1)
    assert len(shard.list_due(10)) == 4


def test_an_empty_shard_has_nothing_due(store: Store) -> None:
    """No series, no ledger, nothing on its way."""
    shard = TallyShard(store.release, 0)
    assert (shard.read_next_due_ms(), shard.list_due(10), shard.list_visible(hours(9))) == (None, [], [])
    assert shard.read_ledger_end() == ("", 0)


def test_a_series_is_read_whole(shard: TallyShard) -> None:
    """Its state, the log since the last release, and both records, in the order asked for."""
    numbers = shard.list_due(10)
    series = shard.read_series(numbers[::-1])
    assert [due.state.number for due in series] == numbers[::-1]
    for due in series:
        place = VIDEOS.index(due.state.target_id)
        assert len(due.log) == 4 * (40 + place + 2)
        assert (due.net_changes, due.measurements) == (b"", b"")
        assert (due.state.starts_at_ms, due.state.first_epoch) == (0, 0)
        assert (due.state.epoch, due.due_ms) == (0, hours(1))
        assert due.state.policy_version == "small"


def test_a_commit_writes_everything_at_once(world: ReleaseWorld, shard: TallyShard) -> None:
    """Records, ledger, head, queue, state and due time; what was counted is dropped from the log."""
    (due,) = shard.read_series(shard.list_due(1))
    world.add_changes(due.state.target_id, {}, 3)  # arrives after the log was read
    commit = commit_of(due, hours(7))
    assert shard.commit([commit], "", "head")
    (after,) = shard.read_series([due.state.number])
    assert (after.state.epoch, after.due_ms) == (1, hours(7))
    assert (len(after.log), after.net_changes, after.measurements) == (12, b"net", b"measured")
    assert len(read_log(world.store.root, due.state.number)) == 1
    assert shard.read_ledger_end() == ("head", 1)
    assert shard.list_visible(VISIBLE_MS) == [(0, VISIBLE_MS)]
    (pending,) = shard.read_pending([0])
    assert (pending.shard, pending.sequence) == (1, 0)
    assert (pending.target_id, pending.kind, pending.epoch) == (due.state.target_id, "like", 0)
    assert (pending.release, pending.ledger_entry) == (commit.release, b"entry")
    assert pending.point == msgspec.json.encode(PointDocument.from_release(release_of(due)))
    world.now_ms = hours(7) - 1
    assert due.state.number not in shard.list_due(10)
    world.now_ms = hours(7)
    assert due.state.number in shard.list_due(10)


def test_after_the_last_epoch_nothing_is_due(world: ReleaseWorld, shard: TallyShard) -> None:
    """A series without a next due time leaves the schedule; only its measurements are kept."""
    series = shard.read_series(shard.list_due(10))
    assert shard.commit([commit_of(due, hours(2)) for due in series], "", "head")
    world.like_everything()
    world.now_ms = hours(2)
    series = shard.read_series(shard.list_due(10))
    assert {due.net_changes for due in series} == {b"net"}
    assert shard.commit([commit_of(due, None) for due in series], "head", "last")
    assert shard.read_next_due_ms() is None
    for due in shard.read_series([due.state.number for due in series]):
        assert (due.due_ms, due.log, due.net_changes) == (None, b"", b"")
        assert due.measurements == b"measuredmeasured"
    assert [name for name in everything(world) if b":net:" in name or b":log:" in name] == []


def wrong_epoch(due: DueSeries) -> DueSeries:
    """A series whose epoch was released meanwhile."""
    return replace(due, state=replace(due.state, epoch=1))


def unknown_series(due: DueSeries) -> DueSeries:
    """A series that the shard does not hold."""
    return replace(due, state=replace(due.state, number=1000))


def wrong_end(due: DueSeries) -> DueSeries:
    """A series whose epoch ends at another time."""
    return replace(due, due_ms=hours(1) - 1000)


def sealed(due: DueSeries) -> DueSeries:
    """A series that was read after its last epoch."""
    return replace(due, due_ms=None, cut=b"")


def longer_log(due: DueSeries) -> DueSeries:
    """A series with a part of its log that is not there."""
    return replace(due, cut=msgspec.msgpack.encode([3, 0, 2]))


@pytest.mark.parametrize("change", [wrong_epoch, unknown_series, wrong_end, sealed, longer_log])
def test_a_commit_on_an_old_state_touches_nothing(
    change: Callable[[DueSeries], DueSeries], world: ReleaseWorld, shard: TallyShard
) -> None:
    """If one series of a batch is not as it was read, none of the batch is written."""
    series = shard.read_series(shard.list_due(10))
    before = everything(world)
    changed = change(series[-1])
    with pytest.raises(SeriesRefusedError) as refused:
        shard.commit([commit_of(due) for due in (*series[:-1], changed)], "", "head")
    assert refused.value.numbers == {changed.state.number}
    assert everything(world) == before
    assert shard.commit([commit_of(due) for due in series], "", "head")


def test_a_series_twice_in_a_commit_touches_nothing(world: ReleaseWorld, shard: TallyShard) -> None:
    """It would be released twice at one epoch."""
    (due,) = shard.read_series(shard.list_due(1))
    before = everything(world)
    with pytest.raises(SeriesRefusedError):
        shard.commit([commit_of(due), commit_of(due)], "", "head")
    assert everything(world) == before


def test_a_series_is_not_released_before_it_is_due(world: ReleaseWorld, shard: TallyShard) -> None:
    """Whoever asks for it: entries of its epoch may still be on their way."""
    (due,) = shard.read_series(shard.list_due(1))
    assert shard.commit([commit_of(due, hours(2))], "", "head")
    (early,) = shard.read_series([due.state.number])
    assert (early.due_ms, early.state.epoch) == (hours(2), 1)
    with pytest.raises(SeriesRefusedError):
        shard.commit([commit_of(early, hours(3))], "head", "next")
    world.now_ms = hours(2)
    assert shard.commit([commit_of(early, hours(3))], "head", "next")


def test_what_was_taken_in_later_waits_for_its_epoch(world: ReleaseWorld, shard: TallyShard) -> None:
    """A release counts and drops the seconds before its end, wherever they are in the log, and no others."""
    (due,) = shard.read_series(shard.list_due(1))
    number, end, key = due.state.number, hours(1) // 1000, log_key(due.state.number)
    world.store.root.delete(key)
    seconds = [end - 5, end - 1, end, end - 1, end + 7, end - 2, end + 1, end - 3]
    for code, second in enumerate(seconds):
        world.store.root.rpush(key, log_element(second, [16 * code, 16 * code]))
    (due,) = shard.read_series([number])
    assert np.frombuffer(due.log, "<u4").tolist() == [16 * code for code in (0, 1, 3, 5, 7) for _ in range(2)]
    world.store.root.rpush(key, log_element(end - 1, [16 * 8]))  # comes after the log was read
    assert shard.commit([commit_of(due, hours(2))], "", "head")
    left = [log_element(seconds[code], [16 * code, 16 * code]) for code in (2, 4, 6)]
    assert read_log(world.store.root, number) == [*left, log_element(end - 1, [16 * 8])]
    (due,) = shard.read_series([number])
    assert np.frombuffer(due.log, "<u4").tolist() == [32, 32, 64, 64, 96, 96, 128]


@given(
    seconds=st.lists(st.integers(3590, 3610), max_size=40),
    later=st.lists(st.integers(3590, 3610), max_size=5),
)
@settings(max_examples=examples(60), suppress_health_check=FIXED_FIXTURES)
def test_any_log_is_cut_exactly(
    seconds: list[int], later: list[int], world: ReleaseWorld, shard: TallyShard
) -> None:
    """Every element is counted once: in the first release whose epoch ends after its second."""
    world.reset()
    number = world.numbers[VIDEOS[0]]
    shard = TallyShard(world.store.release, number // KINDS_PER_TARGET % HEADER.target_shards)
    codes = iter(range(1000))
    counted: list[list[int]] = []
    expected: list[list[int]] = [[], []]
    for end, arriving, epoch in ((hours(1), seconds, 0), (hours(2), later, 1)):
        for second in arriving:
            code = next(codes)
            world.store.root.rpush(log_key(number), log_element(second, [code]))
            expected[epoch if second < end // 1000 else epoch + 1].append(code)
        world.now_ms = end
        (due,) = shard.read_series([number])
        counted.append(np.frombuffer(due.log, "<u4").tolist())
        head, _ = shard.read_ledger_end()
        assert shard.commit([commit_of(due, end + hours(1))], head, f"{head}+")
    assert counted == expected
    assert read_log(world.store.root, number) == []


def test_long_logs_are_read_in_bounded_steps(
    world: ReleaseWorld, shard: TallyShard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer has more elements than a server may send in one go, and nothing is missing or twice."""
    monkeypatch.setattr(log_elements, "MAX_ELEMENTS_PER_READ", 7)
    asked: list[int] = []
    execute = Pipeline.execute

    def watched(pipeline: Pipeline) -> list[list[bytes]]:
        answers: list[list[bytes]] = execute(pipeline)
        asked.append(sum(map(len, answers)))
        return answers

    keys = [log_key(number) for number in world.numbers.values()]
    lengths = dict(zip(keys, (20, 0, 1, 14, 7), strict=False))
    for key, length in lengths.items():
        world.store.root.delete(key)
        for element in range(length):
            world.store.root.rpush(key, log_element(element, [element]))
    monkeypatch.setattr(Pipeline, "execute", watched)
    found = log_elements.read_logs(shard.client, lengths)
    assert found == {key: world.store.root.lrange(key, 0, -1) for key in lengths}
    assert max(asked) == 7
    assert sum(asked) == sum(lengths.values())


def test_a_round_end_is_read_as_it_is(store: Store) -> None:
    """Redis writes 1,800,000,000,000 ms as 1.8e+12."""
    world = ReleaseWorld(store)
    world.reset()
    world.now_ms = 1_800_000_000_000 - hours(1)
    world.register(["round"], calibration().policy, starts_at_ms=world.now_ms)
    world.add_changes("round", {}, 3)
    world.now_ms = 1_800_000_000_000
    number = world.numbers["round"]
    shard = TallyShard(store.release, number // KINDS_PER_TARGET % HEADER.target_shards)
    (due,) = shard.read_series([number])
    assert (due.due_ms, len(due.log)) == (1_800_000_000_000, 12)
    assert shard.commit([commit_of(due)], "", "head")


def test_a_commit_on_another_head_touches_nothing(world: ReleaseWorld, shard: TallyShard) -> None:
    """The ledger is one chain: an entry that names another one than the last is refused with its release."""
    first, second = shard.read_series(shard.list_due(2))
    assert shard.commit([commit_of(first)], "", "head")
    before = everything(world)
    assert not shard.commit([commit_of(second)], "", "other head")
    assert not shard.commit([commit_of(second)], "another", "other head")
    assert everything(world) == before
    assert shard.commit([commit_of(second)], "head", "other head")


def test_the_same_commit_again_touches_nothing(world: ReleaseWorld, shard: TallyShard) -> None:
    """A commit whose answer was lost, sent again, is refused."""
    (due,) = shard.read_series(shard.list_due(1))
    assert shard.commit([commit_of(due)], "", "head")
    before = everything(world)
    assert not shard.commit([commit_of(due)], "", "head")
    with pytest.raises(SeriesRefusedError):
        shard.commit([commit_of(due)], "head", "head")
    assert everything(world) == before


def test_a_full_store_writes_no_part_of_a_release(world: ReleaseWorld, shard: TallyShard) -> None:
    """Without memory the step is refused whole, and succeeds later."""
    (due,) = shard.read_series(shard.list_due(1))
    before = everything(world)
    world.store.root.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreBusyError, match="is full"):
            shard.commit([commit_of(due)], "", "head")
    finally:
        world.store.root.config_set("maxmemory", 0)
    assert everything(world) == before
    assert shard.commit([commit_of(due)], "", "head")


def test_releases_wait_until_they_are_visible(world: ReleaseWorld, shard: TallyShard) -> None:
    """They come out by their times, whatever their order in the ledger; places are never used again."""
    series = shard.read_series(shard.list_due(4))
    heads, times_ms = ["", "1", "2", "3", "4"], [hours(3), hours(2), hours(3)]
    for due, before, after, visible_ms in zip(series[:3], heads, heads[1:], times_ms, strict=False):
        assert shard.commit([commit_of(due, visible_ms=visible_ms)], before, after)
    assert shard.list_visible(hours(2) - 1) == []
    assert shard.list_visible(hours(2)) == [(1, hours(2))]
    assert shard.list_visible(hours(3)) == [(1, hours(2)), (0, hours(3)), (2, hours(3))]
    assert shard.read_last_visible_ms() == hours(3)
    assert [release.sequence for release in shard.read_pending([2, 0])] == [2, 0]
    shard.mark_published([0, 1])
    assert shard.list_visible(hours(3)) == [(2, hours(3))]
    assert [release.sequence for release in shard.read_pending([0, 1, 2])] == [2]
    shard.mark_published([2])
    assert shard.read_last_visible_ms() is None
    assert shard.commit([commit_of(series[3])], "3", "4")
    assert shard.list_visible(VISIBLE_MS) == [(3, VISIBLE_MS)]
    assert world.store.root.llen(tally_key(1, "ledger")) == 4


def test_epochs_of_a_series_become_visible_in_their_order(world: ReleaseWorld, shard: TallyShard) -> None:
    """One that is in time waits for the one before it, if that was late."""
    (due,) = shard.read_series(shard.list_due(1))
    assert shard.commit([commit_of(due, hours(2), visible_ms=hours(5))], "", "1")
    world.now_ms = hours(2)
    (due,) = shard.read_series([due.state.number])
    assert shard.commit([commit_of(due, hours(3), visible_ms=hours(4))], "1", "2")
    assert shard.list_visible(hours(5) - 1) == []
    assert shard.list_visible(hours(5)) == [(0, hours(5)), (1, hours(5))]
