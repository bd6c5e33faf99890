"""The real clock and the real entropy of a program; everything below takes them as arguments."""

import os
import time
from functools import cache
from pathlib import Path
from typing import Final

from privacy.store.clock import Uptime

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def clock_ms() -> int:
    """Returns the current time, in ms since 1970 UTC."""
    return time.time_ns() // 1_000_000


def monotonic_seconds() -> float:
    """Returns seconds since an arbitrary moment; setting the machine's clock does not change them."""
    return time.monotonic()


def uptime() -> Uptime:
    """Returns for how long this machine has been up, sleep included; setting its clock does not change it."""
    return Uptime(_read_boot_id(), time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000)


@cache
def _read_boot_id() -> str:
    """Returns the kernel's name for this boot; in a system without one, a name of this process's own."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return os.urandom(16).hex()


def rest(seconds: float) -> None:
    """Does nothing for the given time."""
    time.sleep(seconds)  # the one real rest: code that waits long takes it as an argument


def entropy(count: int) -> bytes:
    """Returns `count` bytes of the operating system's CSPRNG."""
    return os.urandom(count)
