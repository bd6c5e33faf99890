"""Keeps the exact counts of a history from the intake's answers, without vault and tally.

The implementation is deliberately slow and obvious, with names instead of codes: `likewise replay --evaluate`
compares the published numbers with it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from api.replay.intake import PASSED
from api.replay.records import Action, TimedRecord
from privacy.intake.profile_values import ProfileReader
from privacy.model.dimension import HOUR_OF_DAY, UNDISCLOSED
from privacy.model.engagement import Kind, Reason
from privacy.model.timestamp import MS_PER_HOUR, Clock, parse_timestamp_ms
from privacy.policy.policy import Policy

TOTAL = "total"
REMOVALS = "removals"

Column = tuple[str, str]
"""A number of a release: statistic and cell; the total is its own cell."""


class SeriesName(NamedTuple):
    """The kind and the target of a series."""

    kind: Kind
    target_id: str


PUBLIC = "public"
"""Another visibility is taken as private."""


class _Event(msgspec.Struct):
    type: str
    account_id: str
    occurred_at: str
    video_id: str = ""
    creator_id: str = ""
    profile: dict[str, Any] | None = None
    visibility: str | None = PUBLIC


class _Change(NamedTuple):
    """One change of a series' counts: its arrival, the changed columns, and the reason of a removal."""

    at_ms: int
    columns: tuple[int, ...]
    reason: Reason | None


@dataclass
class _Engagement:
    """The state of one account's engagement with one target."""

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
    """Records every change of every count of a history; assumes that no integrity rule applies.

    Args:
        policy: for dimensions and flip cap.
        clock: the virtual clock, for arrival times.
    """

    policy: Policy
    clock: Clock
    columns: dict[Column, int] = field(init=False)
    """Index of each counted number."""
    _readers: dict[str, ProfileReader] = field(init=False)
    """By dimension."""
    _engagements: dict[str, dict[SeriesName, _Engagement]] = field(init=False)
    """By account."""
    _excluded: dict[str, Reason] = field(default_factory=dict, init=False)
    """Accounts that are not counted, with the reason."""
    _changes: dict[SeriesName, list[_Change]] = field(init=False)

    def __post_init__(self) -> None:
        names = [(TOTAL, TOTAL)]
        names += [
            (dimension.name, cell) for dimension in self.policy.series_dimensions for cell in dimension.cells
        ]
        names += [(REMOVALS, reason.label) for reason in Reason]
        self.columns = {name: index for index, name in enumerate(names)}
        self._readers = {
            dimension.name: ProfileReader(dimension) for dimension in self.policy.series_dimensions
        }
        self._engagements = defaultdict(lambda: defaultdict(_Engagement))
        self._changes = defaultdict(list)

    def record_events(self, events: Sequence[TimedRecord], verdicts: Sequence[str]) -> None:
        """Records the outcomes of a batch; only events that passed can change a count."""
        for event, verdict in zip(events, verdicts, strict=True):
            if verdict == PASSED:
                self._apply(_DECODE(event.line))

    def record_actions(self, actions: Sequence[Action]) -> None:
        """Records staff actions, which exclude or include all engagements of an account."""
        for action in actions:
            self._excluded.pop(action.account_id, None)
            if action.kind.reason:
                self._excluded[action.account_id] = action.kind.reason
            for name, engagement in self._engagements[action.account_id].items():
                self._recount(action.account_id, name, engagement)

    def counts_at(self, name: SeriesName, moments_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns the counts of a series just before each moment, shape (moments, columns)."""
        changes = self._changes.get(name, [])
        net = np.zeros((len(changes) + 1, len(self.columns)), np.int64)
        for row, change in enumerate(changes, start=1):
            net[row, list(change.columns)] = -1 if change.reason else 1
            if change.reason:  # the count of removals never decreases
                net[row, self.columns[REMOVALS, change.reason.label]] = 1
        before = np.searchsorted([change.at_ms for change in changes], moments_ms)
        counts: NDArray[np.int64] = net.cumsum(axis=0)[before]
        return counts

    def _apply(self, event: _Event) -> None:
        kind = _KINDS[event.type.removeprefix("un")]
        name = SeriesName(kind, event.creator_id if kind is Kind.FOLLOW else event.video_id)
        engagement = self._engagements[event.account_id][name]
        engagement.liked = event.type == kind.label
        if not engagement.flips:
            engagement.columns = self._columns_of(event)
        self._recount(event.account_id, name, engagement)

    def _recount(self, account_id: str, name: SeriesName, engagement: _Engagement) -> None:
        """Updates an engagement to its account's choice and status, up to the flip cap."""
        exclusion = self._excluded.get(account_id)
        should_count = engagement.liked and not exclusion
        if engagement.counted == should_count or engagement.flips >= self.policy.flip_cap:
            return
        engagement.flips += 1
        reason = None if should_count else exclusion if engagement.liked else Reason.UNLIKED
        self._changes[name].append(_Change(self.clock(), engagement.columns, reason))

    def _columns_of(self, event: _Event) -> tuple[int, ...]:
        """Returns the columns of the total and of one cell per dimension."""
        values = {**(event.profile or {}), HOUR_OF_DAY: _hour_utc(event.occurred_at)}
        cells = values if (event.visibility or "").strip().lower() == PUBLIC else {}
        readers = [ProfileReader(dimension) for dimension in self.policy.series_dimensions]
        return (
            self.columns[TOTAL, TOTAL],
            *(
                self.columns[
                    reader.dimension.name, reader.read(cells.get(reader.dimension.name)) or UNDISCLOSED
                ]
                for reader in readers
            ),
        )


def _hour_utc(occurred_at: str) -> str:
    return f"{parse_timestamp_ms(occurred_at) // MS_PER_HOUR % 24:02d}"
