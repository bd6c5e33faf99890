"""The shape of numbers."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.public.numbers import PUBLISHED_EXAMPLE, WITHHELD_EXAMPLE, Number, NumberSchema, make_number
from api.public.timeseries import to_daily_rate
from tests.support.gallery import release

RELEASE = release("v", 3, None)
DAY = 86_400


@given(st.integers(-(2**53), 2**53), st.integers(0, 2**40), st.integers(0, 2**40))
def test_numbers_are_integers_on_the_wire(value: int, below: int, above: int) -> None:
    """Whatever the value, the JSON holds integers only and keeps the documented schema."""
    raw = msgspec.json.encode(make_number((value, value - below, value + above), RELEASE))
    assert b"." not in raw.split(b'"status"')[0]
    assert NumberSchema().load(msgspec.json.decode(raw))["value"] == value


def test_withheld_has_the_members_of_published() -> None:
    """Published and withheld numbers have the same members in the same order, absent ones as null."""
    shown, withheld = (msgspec.to_builtins(make_number(figure, RELEASE)) for figure in ((1, 0, 2), None))
    assert list(shown) == list(withheld) == list(PUBLISHED_EXAMPLE) == list(WITHHELD_EXAMPLE)
    assert tuple(Number.__struct_fields__) == tuple(shown)
    assert withheld | {"value": 1, "ci95": (0, 2), "status": "published", "reason": None} == shown


@pytest.mark.parametrize(
    ("change", "span_seconds", "rate"),
    [
        ((642, 600, 680), DAY, (642, 600, 680)),
        ((70, 65, 76), 7 * DAY, (10, 9, 11)),
        ((3, 0, 7), 2 * DAY, (2, 0, 4)),
        ((-3, -7, 0), 2 * DAY, (-1, -4, 0)),
        ((0, -1, 1), 30 * DAY, (0, -1, 1)),
        (None, DAY, None),
        (None, None, None),
    ],
)
def test_change_as_a_rate(
    change: tuple[int, int, int] | None, span_seconds: int | None, rate: tuple[int, int, int] | None
) -> None:
    """A change over days becomes a rate by day: the value to the nearest integer, the interval outwards."""
    assert to_daily_rate(change, span_seconds) == rate


@given(st.integers(-(10**9), 10**9), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(DAY, 99 * DAY))
def test_a_rate_keeps_its_interval(value: int, below: int, above: int, span_seconds: int) -> None:
    """The interval of a rate holds the exact rate of both ends, and its value."""
    rate = to_daily_rate((value, value - below, value + above), span_seconds)
    assert rate is not None
    assert rate[1] <= rate[0] <= rate[2]
    assert rate[1] * span_seconds <= (value - below) * DAY
    assert rate[2] * span_seconds >= (value + above) * DAY
