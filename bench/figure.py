"""What a bench finds: a figure, its ceiling or peer from the same run, and the bar that it has to clear."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

Progress = Callable[[str], None]
"""Told in a few words what a bench is doing."""


class Of(Enum):
    """What a bar is for."""

    RATIO = "ratio"
    """The figure over its reference: the same on a slow and on a fast machine."""
    VALUE = "value"
    """The figure itself: for what does not depend on the machine's speed."""


@dataclass(frozen=True)
class Bar:
    """The range that a figure has to stay in; None is an open end."""

    of: Of
    low: float | None = None
    high: float | None = None

    def holds(self, value: float) -> bool:
        """Whether a value is within."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True)
class Reference:
    """What a figure is held against, measured in the same run (or computed, where it is no measurement)."""

    what: str
    value: float


@dataclass(frozen=True)
class Figure:
    """One line of the results.

    Args:
        what: what was measured.
        value: the figure.
        unit: of the figure and its reference.
        reference: its ceiling or peer.
        bar: what it has to clear; None for a figure that only explains others.
        note: what a reader has to know beside it.
    """

    what: str
    value: float
    unit: str
    reference: Reference | None = None
    bar: Bar | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if self.bar and self.bar.of is Of.RATIO and self.reference is None:
            raise ValueError(f"{self.what}: a bar for the ratio needs a reference")

    @property
    def ratio(self) -> float | None:
        """The figure over its reference."""
        return self.value / self.reference.value if self.reference else None

    @property
    def passed(self) -> bool | None:
        """Whether it clears its bar; None where it has none."""
        if self.bar is None:
            return None
        judged = self.value if self.bar.of is Of.VALUE else self.ratio
        return judged is not None and self.bar.holds(judged)


Bench = Callable[[Progress], Iterator[Figure]]
"""A bench: measures, tells its progress, and yields its figures."""
