"""What the command line takes from the system: the real clock and the real entropy."""

from __future__ import annotations

import os
import time


def clock_ms() -> int:
    """The time now, in ms since 1970 UTC."""
    return time.time_ns() // 1_000_000


def monotonic_seconds() -> float:
    """Seconds since some moment, whatever happens to the clock of the machine."""
    return time.monotonic()


def rest(seconds: float) -> None:
    """Do nothing for so long."""
    time.sleep(seconds)  # the one real rest: whoever works long takes it as an argument


def entropy(count: int) -> bytes:
    """So many bytes of the operating system's CSPRNG."""
    return os.urandom(count)
