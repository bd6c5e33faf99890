"""Times: RFC 3339 with a zone outside, whole milliseconds inside."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.model.timestamp import format_timestamp, parse_timestamp_ms

MS_IN_YEAR_1_TO_9999 = st.integers(-62_135_596_800_000, 253_402_300_799_999)


@given(moment_ms=MS_IN_YEAR_1_TO_9999)
def test_what_is_written_is_read_back(moment_ms: int) -> None:
    """Every millisecond of the calendar has one spelling, which leads back to it."""
    assert parse_timestamp_ms(format_timestamp(moment_ms)) == moment_ms


@given(
    moment=st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)),  # noqa: DTZ001 - the zone is drawn below
    minutes=st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_zones_are_converted(moment: datetime, minutes: int) -> None:
    """A time in any zone is the same moment in UTC, its microseconds cut off."""
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    expected = (zoned - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert parse_timestamp_ms(zoned.isoformat()) == expected


@pytest.mark.parametrize(
    ("text", "moment_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:59:59.999Z", -1),
        ("2026-05-03T14:07:31Z", 1_777_817_251_000),
        ("2026-05-03T14:07:31.5Z", 1_777_817_251_500),
        ("2026-05-03T14:07:31.123999Z", 1_777_817_251_123),
        ("2026-05-03T14:07:31.1239999Z", 1_777_817_251_123),
        ("2026-05-03T14:07:31.123456789Z", 1_777_817_251_123),
        (f"2026-05-03T14:07:31.{'9' * 10_000}Z", 1_777_817_251_999),
        ("2026-05-03t14:07:31z", 1_777_817_251_000),
        ("2026-05-03T14:07:31.5z", 1_777_817_251_500),
        ("2024-02-29T00:00:00-00:00", 1_709_164_800_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ("2016-12-31t23:59:60.999999z", 1_483_228_800_000),
        ("2016-12-31T15:59:60-08:00", 1_483_228_800_000),
        ("2017-01-01T05:29:60.5+05:30", 1_483_228_800_000),
    ],
)
def test_known_times(text: str, moment_ms: int) -> None:
    """Times worked out by other means."""
    assert parse_timestamp_ms(text) == moment_ms


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "1777817251", "2026-05-03", "2026-05-03T14:07:31", "2026-05-03T14:07Z"),
        *("2026-05-03 14:07:31Z", "2026-05-03T14:07:31Z ", "2026-05-03T14:07:31Z\n", "2026-05-03T14:07:31.Z"),
        *("2026-05-03T14:07:31+00:60", "2026-05-03T14:60:31Z", f"2026-02-30T00:00:00.{'0' * 10_000}Z"),
        *(
            "2026-05-03T14:07:31+0200",
            "2026-05-03T14:07:31+24:00",
            "2026-05-03T14:07:31+02",
            "26-05-03T14:07:31Z",
        ),
        *("2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-05-03T24:00:00Z", "2026-05-03T23:59:61Z"),
        *("2026-05-03T14:07:60Z", "2026-05-03T23:59:60+01:00", "2026-02-30T23:59:60Z"),
        *("0000-01-01T00:00:00Z", "+002026-05-03T14:07:31Z", "2026-W18-7T14:07:31Z"),
        "\u0662\u0660\u0662\u0666-05-03T14:07:31Z",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """No zone, no such day, other spellings and other digits are all refused with the rule."""
    with pytest.raises(ValueError, match="RFC 3339") as raised:
        parse_timestamp_ms(text)
    assert len(str(raised.value)) < 200


def test_a_leap_second_changes_no_order() -> None:
    """It is not before the second that it follows, and not after the one that follows it."""
    texts = [f"2016-12-31T23:59:{second}Z" for second in ("59", "59.999", "60", "60.001", "60.999")]
    parsed = [parse_timestamp_ms(text) for text in (*texts, "2017-01-01T00:00:00Z")]
    assert parsed == sorted(parsed)


def test_a_long_text_is_not_repeated_whole() -> None:
    """A message does not grow with its input."""
    with pytest.raises(ValueError, match="RFC 3339") as raised:
        parse_timestamp_ms("9" * 10_000)
    assert len(str(raised.value)) < 200


def test_times_at_the_edges_of_the_calendar() -> None:
    """A zone may lead out of the calendar: the moment is well defined all the same."""
    assert parse_timestamp_ms("0001-01-01T00:00:00+14:00") == -62_135_596_800_000 - 14 * 3_600_000
    assert parse_timestamp_ms("9999-12-31T23:59:59-14:00") == 253_402_300_799_000 + 14 * 3_600_000
