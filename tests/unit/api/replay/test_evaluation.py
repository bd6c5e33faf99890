"""How published numbers are compared with exact ones."""

from typing import cast

import msgspec
from redis import Redis

from api.replay.evaluation import ErrorSummary, Evaluation
from api.replay.exact_counts import ExactCounts, SeriesName
from api.replay.intake import PASSED
from api.replay.records import TimedRecord
from api.replay.timeline import VirtualClock
from privacy.model.documents import BreakdownFigures, Figure, ReleaseDocument
from privacy.model.engagement import Kind, Reason
from privacy.policy.file import parse_policy
from tests.support.cli_policy import SMALL_POLICY

POLICY = parse_policy(SMALL_POLICY.encode())
LIKES = 30


class Gallery:
    """Holds the releases of one video."""

    def __init__(self, releases: list[ReleaseDocument]) -> None:
        self._releases = {str(release.epoch).encode(): msgspec.json.encode(release) for release in releases}

    def hgetall(self, _key: str) -> dict[bytes, bytes]:
        """Return what Redis answers."""
        return self._releases


def release(
    epoch: int, total: Figure | None, female: Figure | None = None, **more: object
) -> ReleaseDocument:
    """A release that shows a total and one cell, with the rest withheld."""
    cells: dict[str, dict[str, Figure | None]] = {
        dimension.name: dict.fromkeys(dimension.cells) for dimension in POLICY.domain.dimensions
    }
    cells["gender"]["female"] = female
    document = ReleaseDocument(
        target_id="v",
        kind="like",
        epoch=epoch,
        as_of_ms=1000 * (epoch + 1),
        next_release_at_ms=None,
        policy_version="small",
        total=total,
        change=None,
        change_since_epoch=None,
        change_span_seconds=None,
        breakdowns={name: BreakdownFigures(shown, None) for name, shown in cells.items()},
        removals={reason.label: None for reason in Reason},
        removal_changes={},
    )
    return msgspec.structs.replace(document, **more)


def compared(*releases: ReleaseDocument) -> dict[tuple[str, str], ErrorSummary]:
    """The comparisons of a video that got 30 likes of women before its first release, and none after."""
    clock = VirtualClock(1)
    exact = ExactCounts(POLICY, clock)
    line = (
        '{"type":"like","account_id":"a-%d","video_id":"v","occurred_at":"2026-05-01T00:00:00Z",'
        '"profile":{"gender":"female"}}'
    )
    exact.record_events(
        [TimedRecord(1, (line % number).encode()) for number in range(LIKES)], [PASSED] * LIKES
    )
    evaluation = Evaluation(exact, cast("Redis", Gallery(list(releases))))
    evaluation.add(SeriesName(Kind.LIKE, "v"))
    return {(row.statistic, row.size): row for row in evaluation.summarize()}


def test_a_published_number_is_measured_against_the_exact_one() -> None:
    """Error, relative error and coverage are those of the total that was shown."""
    row = compared(release(0, (33, 28, 38)))["total", "20 to 99"]
    assert (row.numbers, row.published, row.withheld_share) == (1, 1, 0)
    assert (row.median_absolute_error, row.median_relative_error, row.covered_share) == (3, 0.1, 1)


def test_an_interval_that_misses_is_not_covered() -> None:
    """Coverage is the share of the published intervals that hold the exact count, ends included."""
    releases = [
        release(0, (36, 31, 40)),
        release(1, (36, 30, 40)),
        release(2, (25, 20, 30)),
        release(3, (1, 0, 29)),
    ]
    assert compared(*releases)["total", "all"].covered_share == 0.5


def test_withheld_numbers_are_counted_by_their_exact_size() -> None:
    """Nothing is said of the error of a number that is not shown."""
    row = compared(release(0, None))["total", "20 to 99"]
    assert (row.published, row.withheld_share) == (0, 1)
    assert (row.covered_share, row.median_absolute_error, row.median_relative_error) == (None, None, None)
    assert compared(release(0, None))["gender", "below 20"].numbers == 2


def test_other_stands_for_the_likes_that_are_in_no_published_cell() -> None:
    """It is the total while no cell is shown, and nothing when the only cell with likes is."""
    breakdowns = {"gender": BreakdownFigures(dict.fromkeys(("female", "male", "undisclosed")), (31, 20, 40))}
    hidden = release(0, (30, 20, 40), breakdowns=breakdowns | {"hour_of_day": BreakdownFigures({}, None)})
    assert compared(hidden)["gender: other", "all"].median_absolute_error == 1
    assert compared(release(0, (30, 20, 40), (30, 20, 40)))["gender: other", "below 20"].numbers == 1


def test_a_change_is_measured_against_the_exact_change() -> None:
    """From the start it is the whole count, from the release before it is nothing here."""
    from_start = release(0, (30, 20, 40), change=(29, 20, 40), change_since_epoch=-1)
    since_then = release(1, (30, 20, 40), change=(2, -5, 5), change_since_epoch=0)
    rows = compared(from_start, since_then)
    assert rows["change", "20 to 99"].median_absolute_error == 1
    assert rows["change", "below 20"].median_absolute_error == 2
    assert rows["change", "below 20"].median_relative_error is None


def test_a_smoothed_total_is_measured_against_the_exact_total() -> None:
    """By itself, beside the total of the same release."""
    rows = compared(release(0, (33, 28, 38), smoothed=(31, 29, 34)), release(1, (33, 28, 38)))
    assert (rows["smoothed total", "all"].numbers, rows["smoothed total", "all"].published) == (2, 1)
    assert rows["smoothed total", "all"].median_absolute_error == 1


def test_a_video_without_a_release_is_passed_over() -> None:
    """There is nothing to compare, and that is no error."""
    assert compared() == {}
