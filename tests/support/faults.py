"""Breaks one chosen store call, as a crash of the process or as a lost connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from redis.exceptions import ConnectionError as LostConnectionError


class Crash(BaseException):
    """The process ends here. No `except Exception` may hold it up, as none holds up SIGKILL."""


@dataclass
class Fault:
    """A hook for `SteppedRedis`.

    Args:
        at: which store call breaks, counted from 1; 0 for none.
        carried_out: whether the server has carried the call out when it breaks.
        error: `Crash`, or what redis-py raises when the connection is lost.
    """

    at: int
    carried_out: bool = False
    error: type[BaseException] = Crash
    calls: int = field(default=0, init=False)
    """Calls made so far."""

    def __call__(self, send: Callable[[], Any]) -> Any:
        """Send the call, or break."""
        self.calls += 1
        if self.calls != self.at:
            return send()
        if self.carried_out:
            send()
        raise self.error


def every_fault(error: type[BaseException] = Crash) -> Iterator[Fault]:
    """One fault before and one after every store call that is made; ends with the first not reached."""
    for at in count(1):
        for carried_out in (False, True):
            fault = Fault(at, carried_out, error)
            yield fault
            if fault.calls < at:
                return


__all__ = ["Crash", "Fault", "LostConnectionError", "every_fault"]
