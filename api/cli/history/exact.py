"""The exact counts of a history: kept from what the intake answered, without vault and tally.

Deliberately the slow and obvious way, in names instead of codes: it is what `likewise replay --evaluate`
measures the published numbers against.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from api.cli.history.intake import PASSED
from privacy.model.dimension import HOUR_OF_DAY, UNDISCLOSED
from privacy.model.engagement import Reason
from privacy.model.timestamp import parse_timestamp_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from api.cli.history.timeline import Moment
    from privacy.model.timestamp import Clock
    from privacy.policy import Policy

TOTAL = "total"
REMOVALS = "removals"

Column = tuple[str, str]
"""A number of a release: statistic and cell; the total is its own cell."""


class _Event(msgspec.Struct):
    type: str
    account_id: str
    video_id: str
    occurred_at: str
    profile: dict[str, str] = {}
    visibility: str = "public"


class _Change(NamedTuple):
    """One change of a video's counts: when it arrived, +1 or −1, and the columns that it changes."""

    at_ms: int
    sign: int
    columns: tuple[int, ...]


@dataclass
class _Engagement:
    """What stands of one account and one video."""

    flips: int = 0
    columns: tuple[int, ...] = ()

    @property
    def counted(self) -> bool:
        return self.flips % 2 == 1


_DECODE = msgspec.json.Decoder(_Event).decode


@dataclass
class ExactCounts:
    """Keeps every change of every count of a history.

    Args:
        policy: dimensions and flip cap.
        clock: the virtual one: when a change arrived.
    """

    policy: Policy
    clock: Clock
    columns: dict[Column, int] = field(init=False)
    """Place of each number that is counted."""
    _engagements: dict[tuple[str, str], _Engagement] = field(init=False)
    _changes: dict[str, list[_Change]] = field(init=False)

    def __post_init__(self) -> None:
        names = [(TOTAL, TOTAL)]
        names += [
            (dimension.name, cell) for dimension in self.policy.domain.dimensions for cell in dimension.cells
        ]
        names += [(REMOVALS, reason.label) for reason in Reason]
        self.columns = {name: place for place, name in enumerate(names)}
        self._engagements = defaultdict(_Engagement)
        self._changes = defaultdict(list)

    def listen(self, events: Sequence[Moment], verdicts: Sequence[str]) -> None:
        """Take in what became of a batch; only what passed can have changed a count."""
        for event, verdict in zip(events, verdicts, strict=True):
            if verdict == PASSED:
                self._pass(_DECODE(event.line))

    def at(self, video_id: str, moments_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """The counts of a video just before each moment, shape (moments, columns)."""
        changes = self._changes.get(video_id, [])
        net = np.zeros((len(changes) + 1, len(self.columns)), np.int64)
        for row, change in enumerate(changes, start=1):
            net[row, list(change.columns)] = change.sign
            if change.sign < 0:  # a removal is counted itself, and only ever up
                net[row, self.columns[REMOVALS, Reason.UNLIKED.label]] = 1
        before = np.searchsorted([change.at_ms for change in changes], moments_ms)
        counts: NDArray[np.int64] = net.cumsum(axis=0)[before]
        return counts

    def _pass(self, event: _Event) -> None:
        engagement = self._engagements[event.account_id, event.video_id]
        if engagement.counted == (event.type == "like") or engagement.flips >= self.policy.flip_cap:
            return
        if not engagement.flips:
            engagement.columns = self._columns_of(event)
        engagement.flips += 1
        sign = 1 if engagement.counted else -1
        self._changes[event.video_id].append(_Change(self.clock(), sign, engagement.columns))

    def _columns_of(self, event: _Event) -> tuple[int, ...]:
        """The total, and one cell of each dimension."""
        said = event.profile | {HOUR_OF_DAY: _hour_utc(event.occurred_at)}
        cells = {} if event.visibility == "private" else said
        return (
            self.columns[TOTAL, TOTAL],
            *(
                self.columns[dimension.name, cells.get(dimension.name, UNDISCLOSED)]
                for dimension in self.policy.domain.dimensions
            ),
        )


def _hour_utc(occurred_at: str) -> str:
    return f"{parse_timestamp_ms(occurred_at) // 3_600_000 % 24:02d}"
