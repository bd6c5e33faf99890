"""The scopes of audiences, and the numbers of their periods."""

from enum import Enum
from typing import Final, NamedTuple, Self

from privacy.model.engagement import KINDS_PER_TARGET
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


AUDIENCE_SLOT: Final = 3
"""In place of a kind in the number of a series: an audience has a number of its own, and a series there."""
PLATFORM_ID: Final = "platform"
"""Id of the only audience of its scope."""


def is_audience(series: int) -> bool:
    """Return whether this is the number of a series that counts an audience."""
    return series % KINDS_PER_TARGET == AUDIENCE_SLOT


NO_TARGET: Final = (1 << 32) - 1
"""In place of a target in a row of a journal: an event that counts in no audience."""
REMOVED: Final = NO_TARGET - 1
"""In place of a target: the account is taken out of what it was counted in before."""


class Period(NamedTuple):
    """A period of all audiences of one length, or a slice."""

    every_seconds: int
    number: int

    @classmethod
    def parse(cls, name: bytes) -> Self:
        """Parse the name of a period, such as 86400:20787."""
        every_seconds, _, number = name.partition(b":")
        return cls(int(every_seconds), int(number))

    @classmethod
    def at(cls, moment_ms: int, every_seconds: int) -> Self:
        """Return the period of a length in which a moment lies."""
        return cls(every_seconds, period_at(moment_ms, every_seconds))

    def __str__(self) -> str:
        return f"{self.every_seconds}:{self.number}"

    @property
    def start_ms(self) -> int:
        """The begin of the period, in ms since 1970 UTC."""
        return period_start_ms(self.number, self.every_seconds)

    @property
    def end_ms(self) -> int:
        """The end of the period, in ms since 1970 UTC."""
        return period_start_ms(self.number + 1, self.every_seconds)


def period_name(every_seconds: int) -> str:
    """Return the name of a length of time, in ISO 8601, such as P7D or PT504S."""
    days, seconds = divmod(every_seconds, SECONDS_PER_DAY)
    return f"PT{every_seconds}S" if seconds else f"P{days}D"


def audience_kind(scope: Scope, every_seconds: int, version: str) -> str:
    """Return the name of audiences in releases and in the ledger, in place of a kind of engagement.

    Args:
        scope: what they are audiences of.
        every_seconds: length of their periods.
        version: the policy under which their videos were registered; others are counted apart.
    """
    return f"{scope.value}-{period_name(every_seconds).lower()}-{version}"
