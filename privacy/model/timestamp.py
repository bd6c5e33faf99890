"""Times: RFC 3339 text in the API, whole milliseconds since 1970 UTC internally."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

Clock = Callable[[], int]
"""Returns the current time in ms since 1970 UTC. Always an argument: tests and replays pass their own."""

SECONDS_PER_HOUR: Final = 3_600
SECONDS_PER_DAY: Final = 24 * SECONDS_PER_HOUR
MS_PER_SECOND: Final = 1_000
MS_PER_MINUTE: Final = 60_000
MS_PER_HOUR: Final = 60 * MS_PER_MINUTE
MS_PER_DAY: Final = 24 * MS_PER_HOUR

_CLOCK: Final = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
RFC_3339 = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[Tt]{_CLOCK}:(?:[0-5][0-9]|60)(?:\.[0-9]+)?(?:[Zz]|[+-]{_CLOCK})"
)
"""Any number of digits, lower case, hours up to 23: some of it is read otherwise by some Python versions.

Second 60 is a leap second."""
_SECOND: Final = slice(17, 19)
_LEAP_SECOND: Final = "60"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_FIRST_MS = (datetime.min.replace(tzinfo=UTC) - EPOCH) // _MILLISECOND
_LAST_MS = (datetime.max.replace(tzinfo=UTC) - EPOCH) // _MILLISECOND
TIMESTAMP_RULE = "a time with its zone as in 2026-05-03T14:07:31Z (RFC 3339)"


def parse_timestamp_ms(text: str) -> int:
    """Parse a time with its zone. What is finer than a millisecond is cut off.

    All of a leap second, which ends a day in UTC, is the start of the next day: so no times change places.

    Raises:
        ValueError: the text is not such a time.
    """
    if not RFC_3339.fullmatch(text):
        raise ValueError(f"is {text[:40]!r}; {TIMESTAMP_RULE}")
    try:
        if text[_SECOND] == _LEAP_SECOND:
            return _parse_leap_second_ms(text)
        return (datetime.fromisoformat(text.upper()) - EPOCH) // _MILLISECOND
    except (ValueError, OverflowError) as error:
        raise ValueError(f"is {text[:40]!r}, which is not in the calendar; {TIMESTAMP_RULE}") from error


def _parse_leap_second_ms(text: str) -> int:
    zone = text[_SECOND.stop :].lstrip(".0123456789")
    moment = datetime.fromisoformat(f"{text[: _SECOND.start]}59{zone}".upper())
    end_ms = (moment - EPOCH) // _MILLISECOND + MS_PER_SECOND
    if end_ms % MS_PER_DAY:
        raise ValueError("no day ends with this second")
    return end_ms


def format_timestamp(moment_ms: int) -> str:
    """Format a time in UTC, with milliseconds only if it has any; within the years 1 to 9999."""
    moment = EPOCH + min(max(moment_ms, _FIRST_MS), _LAST_MS) * _MILLISECOND
    text = moment.isoformat(timespec="milliseconds" if moment_ms % 1000 else "seconds")
    return text.replace("+00:00", "Z")
