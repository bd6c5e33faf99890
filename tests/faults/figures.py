"""Adds up what a test has tried and found, for the line that it leaves at the end of a run of pytest."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from tests.faults.run import Run

_KINDS: Final = {
    " lost": "lost",
    " doubled": "doubled",
    "not the same": "redrawn",
    "released twice": "redrawn",
}
"""What is said of a fault, by words of its description."""


@dataclass
class Figures:
    """The figures of one test."""

    tried: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    _began: float = field(default_factory=time.monotonic, init=False)

    def add(self, run: Run) -> None:
        """Adds a run that was checked, and what its deployment met since the run before."""
        self.tried.update(run.site.tried)
        run.site.tried.clear()
        self.sent["actions"] += sum(sender.sent for sender in run.senders)
        self.sent["events"] += sum(sender.events for sender in run.senders)
        self.sent["releases"] += run.seen_releases
        self.add_faults(run.found)

    def add_faults(self, faults: Iterable[str]) -> None:
        """Adds faults that were found."""
        self.found.update(kind_of(fault) for fault in faults)

    def __str__(self) -> str:
        """Returns the figures as a line."""
        found = (f"{self.found[kind]} {kind}" for kind in ("lost", "doubled", "redrawn", "other"))
        return (
            f"{_join(self.tried)}; {self.sent['events']:,} events in {self.sent['actions']:,} actions "
            f"acknowledged, {self.sent['releases']:,} releases read: {', '.join(found)} "
            f"({time.monotonic() - self._began:.0f} s)"
        )


def kind_of(fault: str) -> str:
    """Returns what a fault is called in the figures."""
    return next((kind for words, kind in _KINDS.items() if words in fault), "other")


def _join(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
