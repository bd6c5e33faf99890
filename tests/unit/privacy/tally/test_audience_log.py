"""The logs of audiences: each change once, due when every account shard has closed the period."""

from collections.abc import Mapping
from typing import Any, Final, cast

import numpy as np
import pytest

from privacy.model.audience import Period
from privacy.store.keys import outbox_key, tally_key
from privacy.tally import outbox_relay as relay_module
from privacy.tally.audience_log import (
    AUDIENCE_CHANGE,
    MAX_ELEMENT_BYTES,
    drop_released_audience_logs,
    pack_periods,
    read_audience_log,
)
from privacy.tally.outbox_relay import Relay
from privacy.tally.series import TallyShard
from tests.support.audiences import DAY, audience, read_counts
from tests.support.redis_server import Store
from tests.support.registers import HEADER

PERIOD: Final = Period(DAY, 20_000)
NEXT: Final = Period(DAY, 20_001)
CELL: Final = 7 << 4


def changes(*rows: tuple[int, int]) -> bytes:
    """Pack changes as the vault does."""
    return np.array(list(rows), AUDIENCE_CHANGE).tobytes()


def send(store: Store, moment_ms: int, fields: Mapping[str, bytes], shard: int = 0) -> None:
    """Write an entry to an outbox."""
    store.root.xadd(outbox_key(shard), cast("dict[Any, Any]", fields), id=f"{moment_ms}-*")


def announce(store: Store, moment_ms: int, closed_by_ms: int, *shards: int) -> None:
    """Let account shards say by when they have closed what has ended."""
    for shard in shards:
        send(store, moment_ms, {"u": str(closed_by_ms // 1000).encode()}, shard)


def relay_at(store: Store, now_ms: int) -> Relay:
    """Return a relay under this clock."""
    return Relay(store.relay, HEADER, lambda: now_ms)


def wait_for_release(store: Store, series: int, end_ms: int) -> None:
    """Let an audience wait for the end of its period."""
    shard = series // 4 % HEADER.target_shards
    store.root.zadd(tally_key(shard, "audience-due"), {str(series): end_ms})


def test_changes_reach_the_shard_of_their_audience(store: Store) -> None:
    """All outboxes and periods; entries with changes of series, with none, and with nothing else."""
    one, two = audience(2), audience(3)
    send(store, 1, {"c": b"", str(PERIOD): changes((one, CELL), (two, CELL))})
    send(store, 2, {str(PERIOD): changes((one, CELL)), str(NEXT): changes((two, CELL))}, shard=1)
    send(store, 3, {"u": b"5"}, shard=2)
    relay_at(store, 10).drain()
    assert read_counts(store.root) == {(PERIOD, one): {7: 2}, (PERIOD, two): {7: 1}, (NEXT, two): {7: 1}}
    assert not any(store.root.xlen(outbox_key(shard)) for shard in range(HEADER.account_shards))


def test_a_step_that_is_done_again_counts_nothing_twice(store: Store) -> None:
    """A relay that was overtaken, and one that lost the answer, write nothing."""
    send(store, 1, {str(PERIOD): changes((audience(2), CELL))})
    slow = relay_at(store, 10)
    progress = slow._read_progress()
    outboxes = slow._read_outboxes(progress)
    assert relay_at(store, 10).drain() == 1
    assert not slow._apply(outboxes, outboxes.found, progress, is_last=True)
    assert read_counts(store.root) == {(PERIOD, audience(2)): {7: 1}}


def test_a_backlog_is_sent_in_parts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """No call is larger than it may be; an element has whole changes and fits its limit."""
    monkeypatch.setattr(relay_module, "MAX_CALL_BYTES", 1_000)
    for moment_ms in range(1, 20):
        send(store, moment_ms, {str(PERIOD): changes(*((audience(2), CELL) for _ in range(100)))})
    relay_at(store, 30).drain()
    assert read_counts(store.root)[PERIOD, audience(2)] == {7: 1_900}
    assert store.root.llen(tally_key(0, "audience-log", *PERIOD)) > 1
    many = changes(*((audience(2), CELL) for _ in range(MAX_ELEMENT_BYTES // 4)))
    (packed,) = pack_periods({PERIOD: [many]}, 1)
    assert len(packed.elements) == 2 * MAX_ELEMENT_BYTES


def test_an_audience_is_due_when_every_account_shard_has_closed_its_period(store: Store) -> None:
    """The watermark of the outboxes is no sign of it: the last shard may still be counting."""
    wait_for_release(store, audience(2), PERIOD.end_ms)
    shard = TallyShard(store.release, 0)
    announce(store, 1, PERIOD.end_ms, 0, 1)
    relay_at(store, PERIOD.end_ms + 9).drain()
    announce(store, 2, PERIOD.end_ms - 1_000, 2)
    relay_at(store, PERIOD.end_ms + 9).drain()
    assert shard.list_due(10) == []
    announce(store, 3, PERIOD.end_ms, 2)
    relay_at(store, PERIOD.end_ms + 9).drain()
    assert shard.list_due(10) == [audience(2)]
    assert shard.list_due(10, PERIOD.end_ms) == [audience(2)]
    assert shard.list_due(10, PERIOD.start_ms) == []  # the clock was set back since
    assert shard.read_next_due_ms() == PERIOD.end_ms


def test_no_target_waits_for_an_audience(store: Store) -> None:
    """Targets are listed first, also those that are due later: all audiences are due at once."""
    wait_for_release(store, audience(2), PERIOD.start_ms)
    wait_for_release(store, audience(4), PERIOD.start_ms)
    target_at_the_end = 4 * 6
    store.root.zadd(tally_key(0, "due"), {str(target_at_the_end): PERIOD.end_ms})
    store.root.hset(tally_key(0, "offsets"), mapping={"closed": PERIOD.end_ms, "watermark": PERIOD.end_ms})
    shard = TallyShard(store.release, 0)
    assert shard.list_due(10) == [target_at_the_end, audience(2), audience(4)]
    assert shard.list_due(1) == [target_at_the_end]


def test_an_announcement_never_goes_back(store: Store) -> None:
    """Whatever order they come in, what is closed stays closed."""
    announce(store, 1, PERIOD.end_ms, 0, 1, 2)
    relay_at(store, PERIOD.end_ms + 9).drain()
    announce(store, 2, PERIOD.start_ms, 0, 1, 2)
    relay_at(store, PERIOD.end_ms + 9).drain()
    assert store.root.hget(tally_key(0, "offsets"), "closed") == str(PERIOD.end_ms).encode()


def test_a_log_stays_until_its_last_audience_is_released(store: Store) -> None:
    """It is dropped when no audience waits for its period; those of running periods stay."""
    for number in (2, 4):
        wait_for_release(store, audience(number), PERIOD.end_ms)
        row = changes((audience(number), CELL))
        send(store, number, {str(PERIOD): row, str(NEXT): row})
    relay_at(store, 10).drain()
    assert drop_released_audience_logs(store.release, 0) == 0  # no period is closed
    announce(store, 11, PERIOD.end_ms, 0, 1, 2)
    relay_at(store, PERIOD.end_ms).drain()
    wait_for_release(store, audience(2), NEXT.end_ms)
    assert drop_released_audience_logs(store.release, 0) == 0
    wait_for_release(store, audience(4), NEXT.end_ms)
    assert drop_released_audience_logs(store.release, 0) == 1
    assert drop_released_audience_logs(store.release, 0) == 0
    assert read_audience_log(store.release, 0, PERIOD) == {}
    assert {period for period, _ in read_counts(store.root)} == {NEXT}
    assert not store.root.exists(tally_key(0, "audience-log", *PERIOD))
