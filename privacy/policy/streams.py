"""The positions of the statistic streams of a series in an array."""

from dataclasses import dataclass
from functools import cached_property

from privacy.model.dimension import Dimension
from privacy.model.engagement import Reason


@dataclass(frozen=True)
class StreamLayout:
    """Positions of the streams of a series: `[total | cells of each dimension | removals by reason]`."""

    dimensions: tuple[Dimension, ...]

    @property
    def total(self) -> int:
        """Position of the total."""
        return 0

    @cached_property
    def breakdowns(self) -> tuple[slice, ...]:
        """Positions of the cells of each dimension, in the order of `dimensions`."""
        slices = []
        start = 1
        for dimension in self.dimensions:
            slices.append(slice(start, start + len(dimension.cells)))
            start += len(dimension.cells)
        return tuple(slices)

    @cached_property
    def removals(self) -> slice:
        """Positions of the removals, in the order of `Reason`."""
        start = self.breakdowns[-1].stop if self.breakdowns else 1
        return slice(start, start + len(Reason))

    @property
    def count(self) -> int:
        """Number of streams."""
        stop: int = self.removals.stop
        return stop

    def count_touched_by_one_engagement(self, flip_cap: int) -> int:
        """Return how many streams one engagement can change: total, a cell per breakdown, removals."""
        return 1 + len(self.dimensions) + min(flip_cap // 2, len(Reason))
