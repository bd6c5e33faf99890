"""What vault and tally must do, slow and obvious: plain dictionaries, one event at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from privacy.model.change import change_code
from privacy.model.engagement import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from privacy.vault.vault import Entry

_MS_A_DAY = 86_400_000
_LIKE = 0


@dataclass(frozen=True)
class Register:
    """One engagement.

    Args:
        at_ms: time of the newest event.
        state: 0 for liked, or the number of the reason why not.
        flips: how often it has changed a count.
        cell: the joint cell in which it counts.
    """

    at_ms: int
    state: int
    flips: int
    cell: int


@dataclass
class ReferenceModel:
    """Registers, and the changes of counts that follow from them.

    Args:
        flip_cap: w.
        daily_cap: M.
    """

    flip_cap: int
    daily_cap: int
    registers: dict[tuple[str, int], Register] = field(default_factory=dict)
    """By account and series."""
    changes: Counter[tuple[int, int]] = field(default_factory=Counter)
    """How often each (series, change code) happened."""
    _first_counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By account: the latest day seen, and how many engagements were first counted on it."""

    def record(self, entries: Sequence[Entry], now_ms: int) -> list[Verdict]:
        """Apply events in their order."""
        return [self._record(entry, now_ms // _MS_A_DAY) for entry in entries]

    def totals(self) -> Counter[int]:
        """Counted engagements of each series: what was gained less what was lost."""
        totals: Counter[int] = Counter()
        for (series, code), times in self.changes.items():
            totals[series] += times if code % 16 == _LIKE else -times
        return totals

    def _record(self, entry: Entry, today: int) -> Verdict:
        account, series, at_ms, change, cell = entry
        known = self.registers.get((account, series))
        if known and (at_ms, change) == (known.at_ms, known.state):
            return Verdict.DUPLICATE
        if known and (at_ms, change) < (known.at_ms, known.state):
            return Verdict.LATE
        flips = known.flips if known else 0
        if known and known.flips:
            cell = known.cell
        counted = flips % 2 == 1
        wanted = change == _LIKE
        if wanted != counted and flips < self.flip_cap:
            if flips == 0 and not self._may_count_another(account, today):
                return Verdict.OVER_CAP
            flips += 1
            counted = wanted
            self.changes[series, change_code(cell, change)] += 1
        self.registers[account, series] = Register(at_ms, change, flips, cell)
        return Verdict.COUNTED if counted else Verdict.UNCOUNTED

    def _may_count_another(self, account: str, today: int) -> bool:
        day, count = self._first_counts.get(account, (today, 0))
        if day < today:
            day, count = today, 0
        if count >= self.daily_cap:
            return False
        self._first_counts[account] = (day, count + 1)
        return True
