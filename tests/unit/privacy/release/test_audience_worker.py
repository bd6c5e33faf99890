"""A release worker on a real Redis releases audiences like targets: once, at their tick, in the ledger."""

from dataclasses import replace
from hashlib import sha256
from threading import Lock
from typing import Any

import msgspec
import pytest

from privacy.errors import SeriesRefusedError
from privacy.mechanism.accounting import Calibration, calibrate
from privacy.model.audience import Scope, period_start_ms
from privacy.model.documents import AudienceDocument, LedgerEntry
from privacy.model.engagement import Kind
from privacy.model.sandbox import PUBLISHED_LIFE_MS
from privacy.publishing.publisher import Publisher
from privacy.release import worker as worker_module
from privacy.release.publication import ReleasePublication
from privacy.release.worker import ReleaseWorker, Turn, run_together
from privacy.signing.export import export_lines
from privacy.signing.verification import Verification
from privacy.store.keys import gallery_key, tally_key
from privacy.tally import audience_series
from privacy.tally.audience_log import read_audience_log
from privacy.tally.audience_series import AudienceState
from privacy.tally.series import TallyShard
from tests.support.audience_releases import BLOCK, DAY, POLICY, put_audience
from tests.support.profiles import entropy_of
from tests.support.redis_server import Store
from tests.support.registers import HEADER, raw
from tests.support.release_world import ReleaseWorld
from tests.support.signing_world import SigningWorld

SHARD = 1
PERIOD = 700
LIKES = calibrate(POLICY, Kind.LIKE)
MANY = [({"gender": "female", "age_band": "18-24", "region": "DE"}, 0, 30_000)]


def state(number: int, name: str, scope: Scope, every_seconds: int, *, goes_on: bool = True) -> AudienceState:
    """An audience whose period 700 is over."""
    until_ms = period_start_ms(PERIOD + 1, every_seconds) + goes_on
    return AudienceState(number * 4 + 3, name, scope, every_seconds, POLICY.version, PERIOD, until_ms)


def mechanism(version: str, kind: Kind) -> Calibration:
    """That of the shipped policy's likes."""
    assert (version, kind) == (POLICY.version, Kind.LIKE)
    return LIKES


def worker(store: Store, now_ms: int) -> ReleaseWorker:
    """A worker of one target shard."""
    return ReleaseWorker(
        [TallyShard(store.release, SHARD)], mechanism, entropy_of("audience worker"), lambda: now_ms
    )


def publish(store: Store) -> int:
    """Copy what waits."""
    shards = [TallyShard(store.release, shard) for shard in range(HEADER.target_shards)]
    return ReleasePublication(shards, Publisher(store.publisher)).publish(1 << 62)


@pytest.fixture
def released(store: Store) -> tuple[Store, list[AudienceState]]:
    """A store in which audiences of a creator, a hashtag and a canary's hashtag were released and copied."""
    states = [
        state(1, "c-12", Scope.CREATOR, BLOCK),
        state(3, "κηπουρική", Scope.HASHTAG, DAY, goes_on=False),
        state(5, "sandbox:baking", Scope.HASHTAG, DAY),
    ]
    end_ms = max(each.due_ms for each in states)
    for each in states:
        put_audience(store, SHARD, each, MANY)
    store.root.hset(tally_key(SHARD, "offsets"), "closed", end_ms)
    assert worker(store, end_ms).run_due() >= len(states)
    publish(store)
    return store, states


def read(store: Store, each: AudienceState) -> AudienceDocument:
    """The release of a period, as a reader gets it."""
    kind = f"{each.scope.value}-p{each.every_seconds // DAY}d-{POLICY.version}"
    held = store.public.hget(gallery_key("releases", each.target_id, kind), str(PERIOD))
    return msgspec.json.decode(raw(held), type=AudienceDocument)


def test_a_closed_period_is_released_with_its_entry(released: tuple[Store, list[AudienceState]]) -> None:
    """The document is in the gallery, and the ledger names its hash and the cost of all its numbers."""
    store, states = released
    entries = {
        (entry.target_id, entry.epoch): entry
        for line in store.public.hgetall(gallery_key("ledger", SHARD)).values()
        for entry in [msgspec.json.decode(line, type=LedgerEntry)]
    }
    for each in states:
        document = read(store, each)
        cell = document.breakdowns["age_band"].cells["18-24"]
        assert cell is not None
        assert abs(cell[0] - 30_000) < 3_000
        entry = entries[each.target_id, PERIOD]
        assert (entry.kind, entry.as_of_ms) == (document.kind, each.due_ms)
        assert entry.release_sha256 == sha256(msgspec.json.encode(document)).hexdigest()
        assert float(entry.rho) == pytest.approx(
            float(POLICY.find_audience(each.scope, each.every_seconds).rho), abs=0
        )


def test_an_audience_goes_on_while_its_videos_can_be_liked(
    released: tuple[Store, list[AudienceState]],
) -> None:
    """The next period is due at its end; an audience without open videos is due no more."""
    store, states = released
    assert store.root.zscore(tally_key(SHARD, "audience-due"), "7") == period_start_ms(PERIOD + 2, BLOCK)
    assert store.root.zscore(tally_key(SHARD, "audience-due"), str(states[1].number)) is None


def test_nothing_is_released_again(released: tuple[Store, list[AudienceState]]) -> None:
    """A second worker finds nothing due, and the documents stay."""
    store, states = released
    before = [read(store, each) for each in states]
    now_ms = max(each.due_ms for each in states)
    worker(store, now_ms).run_due()
    publish(store)
    assert [read(store, each) for each in states] == before


def test_an_audience_whose_state_is_damaged_is_refused_alone(store: Store) -> None:
    """All others are released, however often that is tried."""
    states = [state(number, f"tag{number}", Scope.HASHTAG, DAY, goes_on=False) for number in (1, 3, 5)]
    for each in states:
        put_audience(store, SHARD, each, MANY)
    store.root.hdel(tally_key(SHARD, "series", states[1].number), "target_id")
    store.root.hset(tally_key(SHARD, "offsets"), "closed", states[0].due_ms)
    for _ in range(2):
        with pytest.raises(SeriesRefusedError) as refused:
            worker(store, states[0].due_ms).run_due()
        assert refused.value.numbers == {states[1].number}
    assert publish(store) == len(states) - 1


def test_workers_take_turns(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn ends with a batch of audiences, so that targets of other shards do not wait for all of them."""
    monkeypatch.setattr(worker_module, "BATCH_SERIES", 1)
    states = [state(number, f"tag{number}", Scope.HASHTAG, DAY, goes_on=False) for number in (1, 3, 5)]
    for each in states:
        put_audience(store, SHARD, each, MANY)
    store.root.hset(tally_key(SHARD, "offsets"), "closed", states[0].due_ms)
    one = worker(store, states[0].due_ms)
    assert one.run_turn() == Turn(1, goes_on=True)
    assert store.root.zcard(tally_key(SHARD, "audience-due")) == len(states) - 1
    assert run_together([one]) == len(states) - 1
    assert one.run_turn() == Turn(0, goes_on=False)


def test_a_worker_computes_inside_what_it_is_given_and_asks_the_store_outside(store: Store) -> None:
    """So one worker computes while the store works for another."""
    computing = Lock()
    drawn, asked = list[bool](), list[bool]()

    def entropy(size: int) -> bytes:
        drawn.append(computing.locked())
        return entropy_of("computing")(size)

    class Watched(TallyShard):
        def read_ledger_end(self) -> tuple[str, int]:
            asked.append(computing.locked())
            return super().read_ledger_end()

        def commit(self, *given: Any) -> int:
            asked.append(computing.locked())
            return super().commit(*given)

    one = state(1, "tag", Scope.HASHTAG, DAY, goes_on=False)
    put_audience(store, SHARD, one, MANY)
    store.root.hset(tally_key(SHARD, "offsets"), "closed", one.due_ms)
    shards = [Watched(store.release, SHARD)]
    assert ReleaseWorker(shards, mechanism, entropy, lambda: one.due_ms).run_turn(computing).written == 1
    assert drawn
    assert all(drawn)
    assert asked == [False, False]


def test_the_log_of_a_period_is_read_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many batches its audiences are released in."""
    reads = []

    def read_counted(*arguments: Any) -> dict[int, bytes]:
        reads.append(arguments)
        return read_audience_log(*arguments)

    monkeypatch.setattr(worker_module, "BATCH_SERIES", 1)
    monkeypatch.setattr(audience_series, "read_audience_log", read_counted)
    states = [state(number, f"tag{number}", Scope.HASHTAG, DAY, goes_on=False) for number in (1, 3, 5)]
    for each in states:
        put_audience(store, SHARD, each, MANY)
    store.root.hset(tally_key(SHARD, "offsets"), "closed", states[0].due_ms)
    assert worker(store, states[0].due_ms).run_due() == len(states)
    assert len(reads) == 1


def test_the_log_of_a_released_period_is_dropped(released: tuple[Store, list[AudienceState]]) -> None:
    """It held exact counts, which nothing needs any more."""
    store, _ = released
    assert store.root.keys(tally_key(SHARD, "audience-log") + ":*") == []


def test_what_is_shown_is_ranked_except_canaries(released: tuple[Store, list[AudienceState]]) -> None:
    """The ranking of a period has the audiences that show anything, under their names."""
    store, states = released
    key = gallery_key("rankings", f"hashtag-p1d-{POLICY.version}", PERIOD)
    assert set(store.public.hgetall(key)) == {states[1].target_id.encode()}


def test_an_audience_of_canaries_expires(released: tuple[Store, list[AudienceState]]) -> None:
    """As everything that is published about canaries; that of others stays."""
    store, states = released
    kind = f"hashtag-p1d-{POLICY.version}"
    lives = [store.root.pttl(gallery_key("releases", each.target_id, kind)) for each in states[1:]]
    assert lives[0] == -1
    assert 0 < lives[1] <= PUBLISHED_LIFE_MS + 3 * DAY * 1_000


def test_the_ledger_of_audiences_can_be_signed_and_verified(
    released: tuple[Store, list[AudienceState]],
) -> None:
    """A reviewer verifies an export offline; a changed number is named."""
    store, _ = released
    Publisher(store.publisher).publish_guarantee(POLICY.version, {}, HEADER.target_shards)
    world = SigningWorld(ReleaseWorld(store))
    assert world.signer().run(1_000) > 0
    lines = list(export_lines(world.reader, 2_000))
    assert Verification().run(lines).faults == ()
    place = next(index for index, line in enumerate(lines) if b"c-12" in line)
    lines[place] = lines[place].replace(b'\\"18-24\\":[', b'\\"18-24\\":[1')
    assert any("c-12" in fault.where for fault in Verification().run(lines).faults)


def test_an_audience_that_was_to_end_goes_on_if_a_video_was_registered_meanwhile(store: Store) -> None:
    """The release is refused, and made with the next turn."""
    ending = state(9, "late", Scope.HASHTAG, DAY, goes_on=False)
    put_audience(store, SHARD, ending, MANY)
    shard = TallyShard(store.release, SHARD)
    read_due = shard.audience_logs.read_due([ending.number])
    assert read_due[0].state.next_due_ms is None
    key = tally_key(SHARD, "series", ending.number)

    def register() -> int:
        store.root.hset(key, "until_ms", ending.due_ms + 5)
        return ending.due_ms

    slow = ReleaseWorker([shard], mechanism, entropy_of("meanwhile"), lambda: ending.due_ms)
    moments = iter([ending.due_ms])
    racing = replace(slow, clock=lambda: next(moments, None) or register())
    with pytest.raises(SeriesRefusedError):
        racing.run_due()
    assert slow.run_due() == 1
    due_ms = store.root.zscore(tally_key(SHARD, "audience-due"), str(ending.number))
    assert due_ms == period_start_ms(PERIOD + 2, DAY)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epoch", "seven"),
        ("every_seconds", ""),
        ("until_ms", "1e3"),
        ("scope", "planet"),
        ("target_id", b"\xff"),
    ],
)
def test_an_audience_whose_state_cannot_be_parsed_is_refused_alone(
    store: Store, field: str, value: str | bytes
) -> None:
    """Its number is named, and all others are released."""
    states = [state(number, f"tag{number}", Scope.HASHTAG, DAY, goes_on=False) for number in (1, 3, 5)]
    for each in states:
        put_audience(store, SHARD, each, MANY)
    store.root.hset(tally_key(SHARD, "series", states[1].number), field, value)
    with pytest.raises(SeriesRefusedError) as refused:
        worker(store, states[0].due_ms).run_due()
    assert refused.value.numbers == {states[1].number}
    assert publish(store) == len(states) - 1
