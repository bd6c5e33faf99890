"""Breaks a chosen store call: the process crashes, or the connection is lost."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from redis.exceptions import ConnectionError as LostConnectionError


class Crash(BaseException):
    """The process ends here. No `except Exception` catches it, as nothing catches SIGKILL."""


@dataclass
class Fault:
    """A hook for `SteppedRedis`.

    Args:
        at: the number of the store call that breaks, from 1; 0 for none.
        carried_out: whether the server carries the call out before it breaks.
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
    """Yield a fault before and one after every store call; ends with the first call that is not reached."""
    for at in count(1):
        for carried_out in (False, True):
            fault = Fault(at, carried_out, error)
            yield fault
            if fault.calls < at:
                return


__all__ = ["Crash", "Fault", "LostConnectionError", "every_fault"]
