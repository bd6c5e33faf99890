"""Mistakes in what is counted of one account: caps by day and month, what is over them, bursts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from privacy.vault import registers
from tests.support.mutations.mutation import Mutation, edited

if TYPE_CHECKING:
    import pytest

USER_MONTH: Final = Path(__file__).parents[3] / "examples/user-month/policy.toml"
_REFUSED: Final = """if account.is_moved then keep_account(account) end
        return refused"""
_BURST: Final = "account.before, account.burst = add_like(account.latest, account.before, at)"


def _recorded(before: str, after: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Edits the script that applies events."""
    return lambda patch: patch.setattr(registers, "_RECORD", edited(registers._RECORD, before, after))


ADMISSIONS = (
    Mutation(
        "one like too many on a day",
        _recorded("if count >= DAILY_CAP or", "if count > DAILY_CAP or"),
        "end to end",
    ),
    Mutation(
        "a month that opens with each day",
        _recorded(
            "not (opens_day and month_of(account.day) < month_of(today))",
            "not opens_day",
        ),
        "end to end",
        policy=USER_MONTH,
    ),
    Mutation(
        "no cap on a month",
        _recorded("or of_month >= (MONTHLY_CAP or math.huge)", ""),
        "end to end",
        policy=USER_MONTH,
    ),
    Mutation(
        "a like over the cap that is stored, and counted another day",
        _recorded(
            _REFUSED,
            "write_engagement(account, series, pack_register(at, liked, block, flips, code), false, false)\n"
            "return refused",
        ),
        "end to end",
    ),
    Mutation(
        "a burst found one like too late",
        _recorded(">= TIME_BYTES * BURST_LIKES", "> TIME_BYTES * BURST_LIKES"),
        "end to end",
    ),
    Mutation(
        "a burst that lasts until the end of the day",
        _recorded(_BURST, f"{_BURST}\naccount.burst = account.burst or was_burst"),
        "end to end",
    ),
    Mutation(
        "a burst of which the time is twice as long",
        _recorded("1000 * BURST_SECONDS or 0", "2000 * BURST_SECONDS or 0"),
        "end to end",
    ),
    Mutation(
        "a burst of which the time is a thousand times shorter",
        _recorded("1000 * BURST_SECONDS or 0", "BURST_SECONDS or 0"),
        "end to end",
    ),
)
