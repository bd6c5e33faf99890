"""Mistakes in what an epoch counts, in when its release shows, and in how much work it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import msgspec

from privacy.publishing.publisher import Publisher
from privacy.release import engine, worker
from privacy.release.measure import Measured, measure
from privacy.release.publication import ReleasePublication, visible_at_ms
from privacy.store.keys import tally_key
from privacy.tally import series
from privacy.tally.log_elements import cut_logs
from privacy.tally.outbox_relay import Relay
from privacy.tally.pending_release import PendingRelease
from privacy.tally.series import TallyShard
from tests.support.mutations.mutation import Mutation, edited

if TYPE_CHECKING:
    import pytest

_right_cut = cut_logs
_right_outboxes = Relay._read_outboxes
_right_publish = ReleasePublication.publish
_right_copy = Publisher.publish_releases
_IN_TIME = "if not element or struct.unpack('<I4', element) >= due_seconds then"
_COVERED = "or due_ms > last_due_ms[release.waiting]"


def _cut_where_the_relay_stands(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(series, "cut_logs", lambda ends, logs: _right_cut([1 << 40 for _ in ends], logs))
    patch.setattr(series, "_COMMIT", edited(series._COMMIT, _IN_TIME, "if not element then"))


def _cut_later(seconds: int, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(series, "cut_logs", lambda ends, logs: _right_cut([end + seconds for end in ends], logs))
    patch.setattr(series, "_COMMIT", edited(series._COMMIT, _IN_TIME, "if not element then"))


def _covered_by_what_is_read(patch: pytest.MonkeyPatch) -> None:
    def read(self: Relay, progress: Any) -> Any:
        right = _right_outboxes(self, progress)
        passed = [True for _ in right.passed]
        return replace(right, watermark_ms=right.now_ms - 1, passed=passed)

    patch.setattr(Relay, "_read_outboxes", read)


def _due_by_the_workers_clock(patch: pytest.MonkeyPatch) -> None:
    def list_due(self: TallyShard, limit: int, now_ms: int | None = None) -> list[int]:
        keys = [tally_key(self.shard, name) for name in ("due", "audience-due")]
        found = [
            self.client.zrange(key, "-inf", now_ms or 0, byscore=True, offset=0, num=limit) for key in keys
        ]
        return [int(number) for numbers in found for number in cast("list[bytes]", numbers)][:limit]

    patch.setattr(TallyShard, "list_due", list_due)
    patch.setattr(series, "_COMMIT", edited(series._COMMIT, _COVERED, ""))


def _shown_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(worker, "visible_at_ms", lambda _due_ms, _delay_ms, now_ms: now_ms)


def _shown_when_ready_if_late(patch: pytest.MonkeyPatch) -> None:
    def visible(due_ms: int, delay_ms: int, now_ms: int) -> int:
        late = now_ms + 1_000 > due_ms + delay_ms
        return now_ms if late else visible_at_ms(due_ms, delay_ms, now_ms)

    patch.setattr(worker, "visible_at_ms", visible)


def _copied_early(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ReleasePublication, "publish", lambda self, tick_ms: _right_publish(self, tick_ms + 90_000))


def _copied_in_parts(choose: Callable[[PendingRelease], bool]) -> Callable[[pytest.MonkeyPatch], None]:
    """Copies those releases of a pass first for which a function returns True."""

    def copy(self: Publisher, releases: Sequence[PendingRelease]) -> None:
        for is_chosen in (True, False):
            part = [release for release in releases if choose(release) is is_chosen]
            if part:
                _right_copy(self, part)

    return lambda patch: patch.setattr(Publisher, "publish_releases", copy)


def _shows_a_total(release: PendingRelease) -> bool:
    return msgspec.json.decode(release.release)["total"] is not None


def draw_only_what_reached_k(patch: pytest.MonkeyPatch) -> None:
    """Lets the work of a release depend on which counts have reached k."""

    def measured(*given: Any, equal_work: bool) -> Measured:  # noqa: ARG001 - the mistake is to ignore it
        return measure(*given, equal_work=False)

    patch.setattr(engine, "measure", measured)


RELEASE_TIMES = (
    Mutation(
        "an epoch cut where the relay stands",
        _cut_where_the_relay_stands,
        "end to end",
        in_quick_tests=True,
    ),
    Mutation("likes of the second after an epoch counted in it", partial(_cut_later, 1), "end to end"),
    Mutation("likes of the last second of an epoch left for the next", partial(_cut_later, -1), "end to end"),
    Mutation("a watermark ahead of what the relay has left unread", _covered_by_what_is_read, "end to end"),
    Mutation("a release that is due by the worker's clock alone", _due_by_the_workers_clock, "end to end"),
    Mutation("a release that shows at once", _shown_at_once, "end to end"),
    Mutation("a late release that shows when it is ready", _shown_when_ready_if_late, "end to end"),
    Mutation("a release that is copied before its tick", _copied_early, "end to end"),
    Mutation(
        "what shows a total copied before the rest of a pass", _copied_in_parts(_shows_a_total), "end to end"
    ),
    Mutation(
        "what shows a total copied after the rest of a pass",
        _copied_in_parts(lambda release: not _shows_a_total(release)),
        "end to end",
    ),
    Mutation(
        "noise drawn only for what has reached k", draw_only_what_reached_k, "entropy", in_quick_tests=True
    ),
    Mutation("a worker that draws only for what has reached k", draw_only_what_reached_k, "end to end"),
)
