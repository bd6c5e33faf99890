"""Checks who is counted in the audiences of the scenario, against counts made by hand."""

from collections import Counter
from collections.abc import Iterator
from typing import cast

import numpy as np

from api.audit.scenario import MAKER, SOUND, TAGS, Scenario
from api.replay.in_process import InProcessSystem
from privacy.audit.report_model import Finding
from privacy.model.audience import PLATFORM_ID, Period, Scope
from privacy.model.change import CHANGE_BITS, GAINED
from privacy.policy.audiences import AudiencePeriod
from privacy.store.keys import tally_key
from privacy.tally.audience_log import read_audience_log
from privacy.tally.series import TallyShard


def run_until_counted(scenario: Scenario, in_process: InProcessSystem) -> list[Finding]:
    """Runs the scenario until the first periods of audiences are closed, and compares what was counted.

    Nothing of them is released yet. There is no finding for a policy without audiences, or whose shortest
    period is longer than the scenario.
    """
    timeline, periods = in_process.timeline, _list_first_periods(scenario)
    end_ms = min((running.end_ms for _, running in periods), default=scenario.end_ms)
    timeline.run(scenario.videos, scenario.events, end_ms - 1, scenario.actions)
    in_process.clock.advance_to(end_ms)
    timeline.close_audiences(end_ms)
    timeline.relay.drain()
    shard = timeline.workers[0].shards[0]
    return [finding for each in periods for finding in _check_period(scenario, shard, *each)]


def _list_first_periods(scenario: Scenario) -> list[tuple[AudiencePeriod, Period]]:
    """Returns what is measured of the periods that end first, if they end within the scenario."""
    declared = scenario.policy.audiences.periods if scenario.policy.audiences else ()
    running = [(period, Period.at(scenario.start_ms, period.every_seconds)) for period in declared]
    end_ms = min((each.end_ms for _, each in running), default=0)
    is_early = scenario.counted_ms < end_ms <= scenario.end_ms
    return [(period, each) for period, each in running if is_early and each.end_ms == end_ms]


def _check_period(
    scenario: Scenario, shard: TallyShard, measured: AudiencePeriod, period: Period
) -> Iterator[Finding]:
    audiences = scenario.policy.audiences
    counted = audiences.hashtags_per_video if audiences else 0
    ids = {
        Scope.CREATOR: [MAKER],
        Scope.SOUND: [SOUND],
        Scope.HASHTAG: sorted(TAGS),
        Scope.PLATFORM: [PLATFORM_ID],
    }[measured.scope]
    numbers = {scope_id: _find_series(scenario, shard, measured, scope_id) for scope_id in ids}
    what = f"{measured.scope.value}s over {measured.every_seconds} s"
    if measured.scope is Scope.HASHTAG:
        found = [scope_id for scope_id, number in numbers.items() if number is not None]
        yield Finding(
            f"{what}: which count",
            f"the first {counted} of {len(ids)} hashtags, in the order of their spelling",
            ", ".join(found),
            found == ids[:counted],
        )
    log, expected = read_audience_log(shard.client, shard.shard, period), scenario.members
    members = _count(scenario, log.get(numbers[ids[0]] or 0, b""))
    yield Finding(f"accounts of {what}", f"{expected}, counted by hand", f"{members}", members == expected)


def _find_series(
    scenario: Scenario, shard: TallyShard, measured: AudiencePeriod, scope_id: str
) -> int | None:
    name = f"{measured.scope.value}/{measured.every_seconds}/{scenario.policy.version}/{scope_id}"
    number = cast("bytes | None", shard.client.hget(tally_key(shard.shard, "audiences"), name))
    return None if number is None else int(number)


def _count(scenario: Scenario, changes: bytes) -> dict[str, dict[str, int]]:
    """Counts accounts by cell, and all of them under the name `total`."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in scenario.members}
    for code in np.frombuffer(changes, "<u4").tolist():
        sign = 1 if code % (1 << CHANGE_BITS) == GAINED else -1
        cells = scenario.policy.domain.cells(code >> CHANGE_BITS) | {"total": "accounts"}
        for name, count in counts.items():
            count[cells[name]] += sign
    return {
        name: {cell: count for cell, count in sorted(cells.items()) if count}
        for name, cells in counts.items()
    }
