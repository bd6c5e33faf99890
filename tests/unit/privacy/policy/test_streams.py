"""The positions of the streams of a series."""

from privacy.model.engagement import Reason
from privacy.policy.file import load_policy

POLICY = load_policy()
LAYOUT = POLICY.layout


def test_every_position_belongs_to_one_stream() -> None:
    """Total, cells and removals fill the layout without gap or overlap: 91 streams by default."""
    positions = [LAYOUT.total]
    for place in (*LAYOUT.breakdowns, LAYOUT.removals):
        positions += range(place.start, place.stop)
    assert positions == list(range(LAYOUT.count))
    assert LAYOUT.count == 91


def test_each_breakdown_has_a_stream_a_cell() -> None:
    """Breakdowns are in the order of the dimensions, with `undisclosed` among their cells."""
    widths = [place.stop - place.start for place in LAYOUT.breakdowns]
    assert widths == [len(dimension.cells) for dimension in POLICY.domain.dimensions]
    assert LAYOUT.removals.stop - LAYOUT.removals.start == len(Reason)


def test_streams_that_one_engagement_touches() -> None:
    """The total, a cell of each breakdown, and one reason for every second flip."""
    assert LAYOUT.count_touched_by_one_engagement(2) == 1 + 6 + 1
    assert LAYOUT.count_touched_by_one_engagement(4) == 1 + 6 + 2
    assert LAYOUT.count_touched_by_one_engagement(14) == 1 + 6 + len(Reason)
