"""Waits for something to become true, with a deadline: tests look again and again."""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

_LOOK_SECONDS = 0.02


def eventually(look: Callable[[], Result | None], what: str, patience_seconds: float = 30.0) -> Result:
    """Return what `look` answers as soon as that is neither None nor False.

    Args:
        look: the question.
        what: what is waited for, for the message.
        patience_seconds: when to give up.

    Raises:
        AssertionError: it did not happen.
    """
    deadline = time.monotonic() + patience_seconds
    while True:
        answer = look()
        if answer is not None and answer is not False:
            return answer
        assert time.monotonic() < deadline, f"not within {patience_seconds:g} s: {what}"
        time.sleep(_LOOK_SECONDS)
