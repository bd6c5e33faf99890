"""The audiences of a target shard that are due, and what was counted in their periods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from redis import Redis

from privacy.errors import SeriesRefusedError
from privacy.model.audience import Period, Scope, period_start_ms
from privacy.store.connect import translated
from privacy.store.keys import tally_key
from privacy.tally.audience_log import drop_released_audience_logs, read_audience_log

_FIELDS: Final = ("target_id", "scope", "every_seconds", "policy_version", "epoch", "until_ms")
NOTHING_TO_CUT: Final = b"\x91\x00"
"""The cut of an audience's log, for `commit.lua`: its list has others, too, and is dropped as a whole."""


@dataclass(frozen=True)
class AudienceState:
    """The state of one audience series.

    Args:
        number: number of the series.
        target_id: the scope's name: a creator, hashtag or sound; `platform` for all videos.
        scope: what the audience is an audience of.
        every_seconds: length of its periods.
        policy_version: the policy under which the videos of this audience were registered.
        epoch: the period to be released next.
        until_ms: latest end of the schedules of these videos.
    """

    number: int
    target_id: str
    scope: Scope
    every_seconds: int
    policy_version: str
    epoch: int
    until_ms: int

    @property
    def period(self) -> Period:
        """The period to be released next."""
        return Period(self.every_seconds, self.epoch)

    @property
    def starts_at_ms(self) -> int:
        """Begin of the period, in ms since 1970 UTC."""
        return period_start_ms(self.epoch, self.every_seconds)

    @property
    def due_ms(self) -> int:
        """End of the period."""
        return period_start_ms(self.epoch + 1, self.every_seconds)

    @property
    def next_due_ms(self) -> int | None:
        """End of the next period; None if none of its videos can be liked in that."""
        return period_start_ms(self.epoch + 2, self.every_seconds) if self.until_ms > self.due_ms else None


@dataclass(frozen=True)
class DueAudience:
    """An audience with all inputs of its release.

    Args:
        state: its state.
        log: changes of its period, 4 bytes each: accounts that were counted, and that were taken out again.
    """

    state: AudienceState
    log: bytes
    cut = NOTHING_TO_CUT

    @property
    def due_ms(self) -> int:
        """End of its period."""
        return self.state.due_ms


PeriodLog = Mapping[int, bytes]
"""What was counted in one closed period of a shard, by series."""


@dataclass(frozen=True)
class AudienceLogs:
    """Reads the audiences of one target shard. Logs of closed periods do not change: the latest are kept.

    Args:
        client: must have the release ACL user.
        shard: number of the target shard.
    """

    client: Redis
    shard: int
    _kept: dict[Period, PeriodLog] = field(default_factory=dict, init=False, repr=False)

    def read_due(self, numbers: Sequence[int]) -> list[DueAudience]:
        """Read audiences whose period is closed, with what was counted in it.

        Raises:
            SeriesRefusedError: of some audiences, the state is damaged.
            StoreBusyError: the store did not answer.
        """
        pipeline = self.client.pipeline(transaction=False)
        for number in numbers:
            pipeline.hmget(tally_key(self.shard, "series", number), _FIELDS)
        with translated():
            rows = pipeline.execute()
        refuse_damaged(self.shard, numbers, rows)
        states = _parse_states(self.shard, numbers, rows)
        return [DueAudience(state, self._read_log(state.period).get(state.number, b"")) for state in states]

    def drop_released(self) -> int:
        """Drop the logs of periods of which every audience is released; returns their number.

        Raises:
            StoreBusyError: the store did not confirm; the next call drops them.
        """
        dropped = drop_released_audience_logs(self.client, self.shard)
        if dropped:
            self._kept.clear()
        return dropped

    def _read_log(self, period: Period) -> PeriodLog:
        if period not in self._kept:
            while len(self._kept) >= MAX_KEPT_LOGS:
                del self._kept[next(iter(self._kept))]
            self._kept[period] = read_audience_log(self.client, self.shard, period)
        return self._kept[period]


def refuse_damaged(shard: int, numbers: Sequence[int], states: Sequence[Sequence[bytes | None]]) -> None:
    """Refuse the series whose states lack a field.

    Raises:
        SeriesRefusedError: there is one.
    """
    damaged = [number for number, state in zip(numbers, states, strict=True) if None in state]
    if damaged:
        raise SeriesRefusedError(shard, damaged)


MAX_KEPT_LOGS: Final = 4
"""Logs of periods that one shard keeps while their audiences are released, batch by batch."""


def _parse_states(shard: int, numbers: Sequence[int], rows: Sequence[Sequence[bytes]]) -> list[AudienceState]:
    """Parse the states; refuses those of which a field is not what it should be, all at once."""
    states, damaged = list[AudienceState](), list[int]()
    for number, row in zip(numbers, rows, strict=True):
        try:
            states.append(_parse_state(number, row))
        except ValueError:  # no number, no scope, no UTF-8
            damaged.append(number)
    if damaged:
        raise SeriesRefusedError(shard, damaged)
    return states


def _parse_state(number: int, row: Sequence[bytes]) -> AudienceState:
    target_id, scope, every_seconds, policy_version, epoch, until_ms = row
    return AudienceState(
        number,
        target_id.decode(),
        Scope(scope.decode()),
        int(every_seconds),
        policy_version.decode(),
        int(epoch),
        int(until_ms),
    )
