"""Audiences that are due, under the shipped policy, and audiences in a store."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from privacy.mechanism.audience_accounting import AudienceCalibration, calibrate_audience
from privacy.model.audience import Scope, period_start_ms
from privacy.model.change import change_code
from privacy.policy.file import load_policy
from privacy.store.keys import tally_key
from privacy.tally.audience_log import AUDIENCE_CHANGE
from privacy.tally.audience_series import AudienceState, DueAudience
from tests.support.redis_server import Store

POLICY: Final = load_policy()
DAY, WEEK, BLOCK = 86_400, 604_800, 2_419_200
PERIOD: Final = 700
TAKEN_OUT: Final = 2
Members = Sequence[tuple[Mapping[str, str], int, int]]
"""Cell, change, and how many times."""


def audience(scope: Scope, every_seconds: int) -> AudienceCalibration:
    """The mechanism of a scope and length of period."""
    return calibrate_audience(POLICY, POLICY.find_audience(scope, every_seconds))


CREATOR_BLOCK: Final = audience(Scope.CREATOR, BLOCK)
CREATOR_WEEK: Final = audience(Scope.CREATOR, WEEK)
HASHTAG_DAY: Final = audience(Scope.HASHTAG, DAY)
PLATFORM_DAY: Final = audience(Scope.PLATFORM, DAY)


def codes(members: Members) -> list[int]:
    """Changes as the vault writes them."""
    return [
        change_code(POLICY.domain.code(cell), change) for cell, change, times in members for _ in range(times)
    ]


def due_audience(calibration: AudienceCalibration, members: Members, name: str = "c-12") -> DueAudience:
    """An audience that is due, with these members; its videos can still be liked in the next period."""
    period = calibration.period
    until_ms = period_start_ms(PERIOD + 2, period.every_seconds)
    state = AudienceState(7, name, period.scope, period.every_seconds, POLICY.version, PERIOD, until_ms)
    return DueAudience(state, np.array(codes(members), "<u4").tobytes())


def put_audience(
    store: Store, shard: int, state: AudienceState, members: Members = (), *, is_due: bool = True
) -> None:
    """Write an audience, and what was counted in its period, as catalogue and relay write them."""
    root, number = store.root, state.number
    root.hset(
        tally_key(shard, "series", number),
        mapping={
            "target_id": state.target_id,
            "scope": state.scope.value,
            "every_seconds": state.every_seconds,
            "starts_at_ms": period_start_ms(0, state.every_seconds),
            "policy_version": state.policy_version,
            "first_epoch": state.epoch,
            "epoch": state.epoch,
            "until_ms": state.until_ms,
        },
    )
    root.zadd(tally_key(shard, "audience-due"), {str(number): state.due_ms})
    rows = np.array([(number, code) for code in codes(members)], AUDIENCE_CHANGE)
    if len(rows):
        root.rpush(tally_key(shard, "audience-log", state.every_seconds, state.epoch), rows.tobytes())
        index = f"{state.every_seconds}:{state.epoch}"
        root.hset(tally_key(shard, "audience-logs"), index, "1")
    if is_due:
        root.hset(tally_key(shard, "offsets"), "closed", state.due_ms)
