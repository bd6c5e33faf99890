"""The scopes of audiences, and the numbers of their periods."""

from enum import Enum
from typing import Final

from privacy.model.timestamp import SECONDS_PER_DAY


class Scope(Enum):
    """What an audience is an audience of, as spelled in the policy and in the API."""

    CREATOR = "creator"
    HASHTAG = "hashtag"
    SOUND = "sound"
    PLATFORM = "platform"


FIRST_MONDAY_SECONDS: Final = 4 * SECONDS_PER_DAY
"""1970-01-05: a period of whole weeks begins on a Monday, 00:00 UTC."""


def period_at(moment_ms: int, every_seconds: int) -> int:
    """Return the number of the period in which a moment lies; it may be negative before 1970-01-05."""
    return (moment_ms // 1000 - FIRST_MONDAY_SECONDS) // every_seconds


def period_start_ms(period: int, every_seconds: int) -> int:
    """Return the begin of a period, which is the end of the one before it, in ms since 1970 UTC."""
    return 1000 * (FIRST_MONDAY_SECONDS + period * every_seconds)
