"""Gains and losses between two releases: arithmetic on published numbers, which costs no privacy.

gained − lost = the change of the total, exactly. A loss that is withheld is deducted from what was gained.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, hypot

from privacy.errors import StoreError
from privacy.model.documents import Figure, PointDocument

CLEAR_HALF_WIDTHS = 2
"""Half widths of its interval that a number must be away from zero to be clear of the noise: about four
deviations, which noise alone reaches once in some 20,000 numbers. It is the half that is not lengthened for
having been selected: that one says nothing about how noisy a number is."""
START = -1
"""The epoch before the first: the moment at which a target's schedule starts and every count is zero."""


@dataclass(frozen=True)
class ChangeSpan:
    """The change of one series between two releases.

    Args:
        since_epoch: epoch of the earlier release, or `START`.
        since_ms: when that epoch ended, in ms since 1970 UTC.
        point: the later release.
        change: change of the total; None when withheld.
        lost: losses by reason; None where withheld.
    """

    since_epoch: int
    since_ms: int
    point: PointDocument
    change: Figure | None
    lost: Mapping[str, Figure | None]

    @property
    def seconds(self) -> int:
        """Length of the span."""
        return (self.point.as_of_ms - self.since_ms) // 1000

    @property
    def gained(self) -> Figure | None:
        """The gains, less the losses whose number is withheld.

        None when the change is withheld, and where it is clear of the noise that such losses exceed the
        gains: less than nothing was not gained. Noise alone does that once in some 20,000 numbers.
        """
        if self.change is None:
            return None
        gained = sum_figures([self.change, *filter(None, self.lost.values())])
        value, _, high = gained
        is_clear = value < 0 and -value >= CLEAR_HALF_WIDTHS * (high - value)
        return None if is_clear and self.netted_in_gained else gained

    @property
    def netted_in_gained(self) -> list[str]:
        """The reasons whose loss is withheld."""
        return [reason for reason, figure in self.lost.items() if figure is None]


def span_since_start(point: PointDocument, starts_at_ms: int) -> ChangeSpan:
    """Returns the span from the start to a release."""
    return ChangeSpan(START, starts_at_ms, point, point.total, point.removals)


def iterate_spans(points: Sequence[PointDocument], epoch: int, starts_at_ms: int) -> Iterator[ChangeSpan]:
    """Yields adjacent spans of a day or more, from a release back to the start.

    The last span may be shorter: it is the rest of the target's first day.

    Args:
        points: all releases of a series.
        epoch: epoch of the release to begin with.
        starts_at_ms: when the schedule starts, in ms since 1970 UTC.

    Raises:
        StoreError: the gallery lacks a release that another one refers to.
    """
    by_epoch = {point.epoch: point for point in points}
    while epoch != START:
        point = by_epoch.get(epoch)
        if point is None:
            raise StoreError(f"the gallery lacks the release of epoch {epoch}: publish it again")
        since = point.change_since_epoch
        if since is None:
            yield span_since_start(point, starts_at_ms)
            return
        lost = {reason: point.removal_changes.get(reason) for reason in point.removals}
        earlier = by_epoch.get(since)
        since_ms = earlier.as_of_ms if earlier else starts_at_ms
        yield ChangeSpan(since, since_ms, point, point.change, lost)
        epoch = since


def sum_figures(figures: Sequence[Figure]) -> Figure:
    """Returns the sum of numbers with independent noise: half widths add up in squares, on either side."""
    value = sum(figure[0] for figure in figures)
    below = hypot(*(value - low for value, low, _ in figures))
    above = hypot(*(high - value for value, _, high in figures))
    return value, floor(value - below), ceil(value + above)
