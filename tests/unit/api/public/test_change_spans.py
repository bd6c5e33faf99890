"""Arithmetic on published changes: exact sums, spans without gaps or overlaps, and honest intervals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.public.change_spans import START, ChangeSpan, iterate_spans, span_since_start, sum_figures
from privacy.errors import StoreError
from privacy.model.documents import Figure, PointDocument
from privacy.model.timestamp import MS_PER_HOUR, SECONDS_PER_DAY

REASONS = ("unliked", "inauthentic", "account", "policy", "correction")
FIGURES = st.builds(
    lambda value, below, above: (value, value - below, value + above),
    st.integers(-(10**9), 10**9),
    st.integers(0, 10**5),
    st.integers(0, 10**5),
)


def point(epoch: int, total: Figure | None = None, **changes: object) -> PointDocument:
    """A release of an hourly schedule, at which nothing is shown but what is given."""
    known: dict[str, object] = {
        "change": None,
        "change_since_epoch": epoch - 24 if epoch >= 23 else None,
        "change_span_seconds": SECONDS_PER_DAY if epoch >= 23 else None,
        "removals": dict.fromkeys(REASONS),
        "removal_changes": {},
    }
    return PointDocument(
        epoch=epoch,
        as_of_ms=(epoch + 1) * MS_PER_HOUR,
        next_release_at_ms=None,
        total=total,
        **(known | changes),  # type: ignore[arg-type] # the fields that are left
    )


def span(change: Figure | None, lost: dict[str, Figure | None]) -> ChangeSpan:
    """A span of a day."""
    return ChangeSpan(0, MS_PER_HOUR, point(24), change, dict.fromkeys(REASONS) | lost)


@given(FIGURES, st.dictionaries(st.sampled_from(REASONS), FIGURES))
def test_gained_less_lost_is_the_change(change: Figure, lost: dict[str, Figure | None]) -> None:
    """In published numbers, exactly; what is withheld is named, and netted in what was gained.

    Where that is clearly less than nothing, what was gained is withheld.
    """
    day = span(change, lost)
    gained = change[0] + sum(figure[0] for figure in lost.values() if figure)
    assert day.netted_in_gained == [reason for reason in REASONS if reason not in lost]
    if day.gained is None:
        assert gained < 0
        assert day.netted_in_gained
        return
    assert day.gained[0] == gained
    assert day.gained[1] <= day.gained[0] <= day.gained[2]


@pytest.mark.parametrize(
    ("change", "lost", "withheld"),
    [
        ((-227, -252, -202), {}, True),
        ((-49, -74, -24), {}, False),
        ((-50, -75, -25), {}, True),
        ((-227, -252, -202), {"unliked": (230, 180, 280)}, False),
        ((-227, -252, -202), dict.fromkeys(REASONS, (1, 0, 2)), False),
    ],
)
def test_less_than_nothing_is_not_gained(
    change: Figure, lost: dict[str, Figure | None], withheld: bool
) -> None:
    """Withheld if it is clear of the noise, and some loss is netted: otherwise noise stays what it is."""
    assert (span(change, lost).gained is None) is withheld


def test_nothing_is_gained_where_the_total_is_withheld() -> None:
    """Without the change of the total there is nothing to add to."""
    assert span(None, {}).gained is None


def test_independent_noise_adds_up_in_squares() -> None:
    """3-4-5: a half-width of 30 and one of 40 make one of 50."""
    assert sum_figures([(100, 70, 130), (200, 160, 240)]) == (300, 250, 350)


def test_the_sides_of_an_interval_add_up_by_themselves() -> None:
    """A number just above its threshold reaches far down; the sum does not reach further up for that."""
    assert sum_figures([(100, 20, 130), (200, 140, 240)]) == (300, 200, 350)


def test_spans_follow_each_other_without_gap_or_overlap() -> None:
    """From the latest release back to the start; the last one is what is left of the first day."""
    points = [point(epoch) for epoch in range(60)]
    spans = list(iterate_spans(points, 59, 0))
    assert [(each.since_epoch, each.point.epoch) for each in spans] == [(35, 59), (11, 35), (START, 11)]
    assert [each.seconds for each in spans] == [SECONDS_PER_DAY, SECONDS_PER_DAY, 12 * 3600]
    assert [each.since_ms for each in spans[:-1]] == [each.point.as_of_ms for each in spans[1:]]


def test_a_day_that_reaches_the_start_ends_there() -> None:
    """The change since −1 is one since the start."""
    (whole,) = iterate_spans([point(epoch) for epoch in range(24)], 23, 0)
    assert (whole.since_epoch, whole.since_ms, whole.seconds) == (START, 0, SECONDS_PER_DAY)


def test_what_is_left_of_the_first_day_is_told_by_the_release_at_its_end() -> None:
    """Everything up to then: its total, and its removals."""
    removed = dict.fromkeys(REASONS) | {"policy": (90, 80, 100)}
    first = point(0, (500, 480, 520), removals=removed)
    *_, last = iterate_spans([first, *(point(epoch) for epoch in range(1, 25))], 24, 0)
    assert last == span_since_start(first, 0)
    assert (last.change, last.lost["policy"]) == ((500, 480, 520), (90, 80, 100))


def test_a_release_that_is_missing_is_an_error() -> None:
    """No span is made up."""
    with pytest.raises(StoreError, match="epoch 36"):
        list(iterate_spans([point(60)], 60, 0))
