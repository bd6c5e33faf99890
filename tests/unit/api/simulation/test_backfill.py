"""The replay of a simulated past."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from api.replay.records import TimedRecord
from api.runtime.store_setup import PreparedStore
from api.simulation import backfill
from api.simulation.platform import SimulatedPlatform
from privacy.model.timestamp import MS_PER_DAY, MS_PER_HOUR, parse_timestamp_ms
from privacy.policy.file import load_policy

OPENED_MS = parse_timestamp_ms("2026-05-03T14:00:00Z")
UNTIL_MS = OPENED_MS + MS_PER_DAY + MS_PER_HOUR // 2


def test_its_progress_grows_and_ends_at_its_total(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hours are counted, whose number is known; the number of events is not before they are made."""
    replayed: list[TimedRecord] = []

    def run(_videos: object, events: Iterator[TimedRecord], *_rest: object, **_named: object) -> None:
        replayed.extend(events)

    @contextmanager
    def opened(*_arguments: object, **_named: object) -> Iterator[Any]:
        yield SimpleNamespace(timeline=SimpleNamespace(run=run))

    monkeypatch.setattr(backfill, "open_in_process_system", opened)
    platform = SimulatedPlatform(load_policy(), 1, OPENED_MS)
    hours: list[int] = []
    backfill.backfill(platform, cast("PreparedStore", None), UNTIL_MS, hours.append, lambda: False)
    assert replayed == list(platform.history(UNTIL_MS))
    assert hours == sorted(hours)
    assert (hours[0], hours[-1]) == (1, platform.count_hours(UNTIL_MS))
    assert hours[-1] == UNTIL_MS // MS_PER_HOUR - OPENED_MS // MS_PER_HOUR == 24
