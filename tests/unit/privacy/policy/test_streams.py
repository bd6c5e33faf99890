"""The positions of the streams of a series."""

from privacy.model.engagement import Reason
from privacy.policy.file import load_policy
from tests.support.first_policy import FIRST_POLICY

POLICY = load_policy()
LAYOUT = POLICY.layout


def test_every_position_belongs_to_one_stream() -> None:
    """Total, cells and removals fill the layout without gap or overlap: 66 streams by default."""
    positions = [LAYOUT.total]
    for place in (*LAYOUT.breakdowns, LAYOUT.removals):
        positions += range(place.start, place.stop)
    assert positions == list(range(LAYOUT.count))
    assert LAYOUT.count == 66


def test_each_breakdown_has_a_stream_a_cell() -> None:
    """Breakdowns are in the order of the dimensions, with `undisclosed` among their cells."""
    widths = [place.stop - place.start for place in LAYOUT.breakdowns]
    assert widths == [len(dimension.cells) for dimension in POLICY.series_dimensions]
    assert LAYOUT.removals.stop - LAYOUT.removals.start == len(Reason)


def test_a_dimension_of_audiences_alone_has_no_stream() -> None:
    """The hour of the day is one, under the packaged policy: cells are coded with it, and counts are not."""
    assert POLICY.domain.dimensions[:-1] == LAYOUT.dimensions == POLICY.series_dimensions
    assert POLICY.domain.dimensions[-1].name == "hour_of_day"
    assert FIRST_POLICY.layout.count == 91


def test_streams_that_one_engagement_touches() -> None:
    """The total, a cell of each breakdown, and one reason for every second flip."""
    assert LAYOUT.count_touched_by_one_engagement(2) == 1 + 5 + 1
    assert LAYOUT.count_touched_by_one_engagement(4) == 1 + 5 + 2
    assert LAYOUT.count_touched_by_one_engagement(14) == 1 + 5 + len(Reason)
