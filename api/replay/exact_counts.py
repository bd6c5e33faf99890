"""The exact counts of a history: kept from what the intake answered, without vault and tally.

Deliberately the slow and obvious way, in names instead of codes: it is what `likewise replay --evaluate`
measures the published numbers against.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from api.replay.intake import PASSED
from api.replay.records import Action, TimedRecord
from privacy.model.dimension import HOUR_OF_DAY, UNDISCLOSED
from privacy.model.engagement import Kind, Reason
from privacy.model.timestamp import MS_PER_HOUR, Clock, parse_timestamp_ms
from privacy.policy.policy import Policy

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOTAL = "total"
REMOVALS = "removals"

Column = tuple[str, str]
"""A number of a release: statistic and cell; the total is its own cell."""


class SeriesName(NamedTuple):
    """What is counted, and of what."""

    kind: Kind
    target_id: str


class _Event(msgspec.Struct):
    type: str
    account_id: str
    occurred_at: str
    video_id: str = ""
    creator_id: str = ""
    profile: dict[str, str] = {}
    visibility: str = "public"


class _Change(NamedTuple):
    """One change of a series' counts: when it arrived, the columns that it changes, and why one fell."""

    at_ms: int
    columns: tuple[int, ...]
    reason: Reason | None


@dataclass
class _Engagement:
    """What stands of one account and one target."""

    liked: bool = False
    flips: int = 0
    columns: tuple[int, ...] = ()

    @property
    def counted(self) -> bool:
        return self.flips % 2 == 1


_DECODE = msgspec.json.Decoder(_Event).decode
_KINDS = {kind.label: kind for kind in Kind}


@dataclass
class ExactCounts:
    """Keeps every change of every count of a history, under a policy whose integrity rules it never meets.

    Args:
        policy: dimensions and flip cap.
        clock: the virtual one: when a change arrived.
    """

    policy: Policy
    clock: Clock
    columns: dict[Column, int] = field(init=False)
    """Place of each number that is counted."""
    _engagements: dict[str, dict[SeriesName, _Engagement]] = field(init=False)
    """By account."""
    _kept_out: dict[str, Reason] = field(default_factory=dict, init=False)
    """Accounts that are not counted, and why."""
    _changes: dict[SeriesName, list[_Change]] = field(init=False)

    def __post_init__(self) -> None:
        names = [(TOTAL, TOTAL)]
        names += [
            (dimension.name, cell) for dimension in self.policy.domain.dimensions for cell in dimension.cells
        ]
        names += [(REMOVALS, reason.label) for reason in Reason]
        self.columns = {name: place for place, name in enumerate(names)}
        self._engagements = defaultdict(lambda: defaultdict(_Engagement))
        self._changes = defaultdict(list)

    def listen(self, events: Sequence[TimedRecord], verdicts: Sequence[str]) -> None:
        """Take in what became of a batch; only what passed can have changed a count."""
        for event, verdict in zip(events, verdicts, strict=True):
            if verdict == PASSED:
                self._pass(_DECODE(event.line))

    def act(self, actions: Sequence[Action]) -> None:
        """Take in what staff did: an account's engagements fall, or rise again, with its standing."""
        for action in actions:
            self._kept_out.pop(action.account_id, None)
            if action.kind.reason:
                self._kept_out[action.account_id] = action.kind.reason
            for name, engagement in self._engagements[action.account_id].items():
                self._settle(action.account_id, name, engagement)

    def at(self, name: SeriesName, moments_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """The counts of a series just before each moment, shape (moments, columns)."""
        changes = self._changes.get(name, [])
        net = np.zeros((len(changes) + 1, len(self.columns)), np.int64)
        for row, change in enumerate(changes, start=1):
            net[row, list(change.columns)] = -1 if change.reason else 1
            if change.reason:  # a removal is counted itself, and only ever up
                net[row, self.columns[REMOVALS, change.reason.label]] = 1
        before = np.searchsorted([change.at_ms for change in changes], moments_ms)
        counts: NDArray[np.int64] = net.cumsum(axis=0)[before]
        return counts

    def _pass(self, event: _Event) -> None:
        kind = _KINDS[event.type.removeprefix("un")]
        name = SeriesName(kind, event.creator_id if kind is Kind.FOLLOW else event.video_id)
        engagement = self._engagements[event.account_id][name]
        engagement.liked = event.type == kind.label
        if not engagement.flips:
            engagement.columns = self._columns_of(event)
        self._settle(event.account_id, name, engagement)

    def _settle(self, account_id: str, name: SeriesName, engagement: _Engagement) -> None:
        """Let an engagement follow its account's will and standing, as often as the policy allows."""
        kept_out = self._kept_out.get(account_id)
        stands = engagement.liked and not kept_out
        if engagement.counted == stands or engagement.flips >= self.policy.flip_cap:
            return
        engagement.flips += 1
        reason = None if stands else kept_out if engagement.liked else Reason.UNLIKED
        self._changes[name].append(_Change(self.clock(), engagement.columns, reason))

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
    return f"{parse_timestamp_ms(occurred_at) // MS_PER_HOUR % 24:02d}"
