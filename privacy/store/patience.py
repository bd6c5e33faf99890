"""Lets code try to do without a store: a client then refuses to be used, before anything is sent."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, TypeVar

Result = TypeVar("Result")
_may_wait: Final[ContextVar[bool]] = ContextVar("may_wait", default=True)


class WouldWaitError(BaseException):
    """A store would have to be asked, in a call that may not wait for one.

    The caller tries again where it may wait. No handler of errors may catch this on the way, hence the base
    class.
    """


def may_wait() -> bool:
    """Returns whether a store may be asked."""
    return _may_wait.get()


def call_without_waiting(call: Callable[[], Result]) -> Result:
    """Calls a function in which no store may be asked; returns what it returns.

    Raises:
        WouldWaitError: a store would have to be asked.
    """
    token = _may_wait.set(False)
    try:
        return call()
    finally:
        _may_wait.reset(token)
