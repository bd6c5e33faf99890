"""The real clock and the real entropy of a program; everything below takes them as arguments."""

import os
import time


def clock_ms() -> int:
    """Returns the current time, in ms since 1970 UTC."""
    return time.time_ns() // 1_000_000


def monotonic_seconds() -> float:
    """Returns seconds since an arbitrary moment; setting the machine's clock does not change them."""
    return time.monotonic()


def rest(seconds: float) -> None:
    """Does nothing for the given time."""
    time.sleep(seconds)  # the one real rest: code that waits long takes it as an argument


def entropy(count: int) -> bytes:
    """Returns `count` bytes of the operating system's CSPRNG."""
    return os.urandom(count)
