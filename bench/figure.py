"""The result of a benchmark: a figure, its ceiling or peer from the same run, and its bar."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

ProgressCallback = Callable[[str], None]
"""Called with a short description of the current step."""


class Measure(Enum):
    """The quantity that a bar applies to."""

    RATIO = "ratio"
    """The figure over its reference: the same on a slow and on a fast machine."""
    VALUE = "value"
    """The figure itself: independent of the machine's speed."""


@dataclass(frozen=True)
class Bar:
    """The allowed range of a figure; None is an open end."""

    of: Measure
    low: float | None = None
    high: float | None = None

    def holds(self, value: float) -> bool:
        """Returns whether a value is within the range."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True)
class Reference:
    """The value that a figure is compared with, measured in the same run, or calculated."""

    what: str
    value: float


@dataclass(frozen=True)
class Figure:
    """One line of the results.

    Args:
        what: the measured quantity.
        value: the figure.
        unit: of the figure and its reference.
        reference: its ceiling or peer.
        bar: its allowed range; None for a figure that only explains others.
        note: additional information for readers.
    """

    what: str
    value: float
    unit: str
    reference: Reference | None = None
    bar: Bar | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if self.bar and self.bar.of is Measure.RATIO and self.reference is None:
            raise ValueError(f"{self.what}: a bar for the ratio needs a reference")

    @property
    def ratio(self) -> float | None:
        """The figure over its reference."""
        return self.value / self.reference.value if self.reference else None

    @property
    def passed(self) -> bool | None:
        """True if the figure meets its bar; None without a bar."""
        if self.bar is None:
            return None
        judged = self.value if self.bar.of is Measure.VALUE else self.ratio
        return judged is not None and self.bar.holds(judged)


Bench = Callable[[ProgressCallback], Iterator[Figure]]
"""A benchmark: reports progress and yields figures."""
