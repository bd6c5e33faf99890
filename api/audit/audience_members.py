"""Checks who is counted in the audiences of the scenario, against counts made by hand."""

from collections import Counter
from collections.abc import Iterable, Iterator
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

Members = dict[str, dict[str, int]]
"""Accounts by cell, of each breakdown and under the name `total`."""


def run_and_count(scenario: Scenario, in_process: InProcessSystem) -> list[Finding]:
    """Runs the scenario, and compares what each period of audiences has counted, before it is released.

    There is no finding for a policy without audiences, nor for a period that does not fit into the scenario.
    """
    timeline, periods = in_process.timeline, _list_periods(scenario)
    ends = sorted({period.end_ms for _, period, _ in periods})
    videos, begin_ms, findings = scenario.videos, 0, list[Finding]()
    for end_ms in (*ends, scenario.end_ms + 1):
        events = (event for event in scenario.events if begin_ms <= event.at_ms < end_ms)
        actions = (action for action in scenario.actions if begin_ms <= action.at_ms < end_ms)
        timeline.run(videos, events, end_ms - 1, actions)
        videos, begin_ms = [], end_ms
        if end_ms in ends:
            in_process.clock.advance_to(end_ms)
            timeline.close_audiences(end_ms)
            timeline.relay.drain()
        shard = timeline.workers[0].shards[0]
        ended = (each for each in periods if each[1].end_ms == end_ms)
        findings += (finding for each in ended for finding in _check_period(scenario, shard, *each))
    return findings


def _list_periods(scenario: Scenario) -> list[tuple[AudiencePeriod, Period, Members]]:
    """Lists what is measured, in which periods of the scenario, with the accounts that they should have."""
    found = []
    for measured in scenario.policy.audiences.periods if scenario.policy.audiences else ():
        moments_ms = (scenario.start_ms, scenario.later_ms)
        for period in sorted({Period.at(moment_ms, measured.every_seconds) for moment_ms in moments_ms}):
            members = scenario.members_of(period)
            if members is not None:
                found.append((measured, period, members))
    return found


def _check_period(
    scenario: Scenario, shard: TallyShard, measured: AudiencePeriod, period: Period, expected: Members
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
    what = f"{measured.scope.value}s over {measured.every_seconds} s, in period {period.number}"
    if measured.scope is Scope.HASHTAG:
        found = [scope_id for scope_id, number in numbers.items() if number is not None]
        yield Finding(
            f"{what}: which count",
            f"the first {counted} of {len(ids)} hashtags, in the order of their spelling",
            ", ".join(found),
            found == ids[:counted],
        )
    log = read_audience_log(shard.client, shard.shard, period)
    members = _count(scenario, log.get(numbers[ids[0]] or 0, b""), expected)
    yield Finding(f"accounts of {what}", f"{expected}, counted by hand", f"{members}", members == expected)


def _find_series(
    scenario: Scenario, shard: TallyShard, measured: AudiencePeriod, scope_id: str
) -> int | None:
    name = f"{measured.scope.value}/{measured.every_seconds}/{scenario.policy.version}/{scope_id}"
    number = cast("bytes | None", shard.client.hget(tally_key(shard.shard, "audiences"), name))
    return None if number is None else int(number)


def _count(scenario: Scenario, changes: bytes, names: Iterable[str]) -> Members:
    """Counts accounts by cell, and all of them under the name `total`."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    for code in np.frombuffer(changes, "<u4").tolist():
        sign = 1 if code % (1 << CHANGE_BITS) == GAINED else -1
        cells = scenario.policy.domain.cells(code >> CHANGE_BITS) | {"total": "accounts"}
        for name, count in counts.items():
            count[cells[name]] += sign
    return {
        name: {cell: count for cell, count in sorted(cells.items()) if count}
        for name, cells in counts.items()
    }
