"""SIGTERM and SIGINT as a question, for programs that finish what they are doing before they end."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class StopSignal:
    """Whether the program was asked to end.

    A pipe and no `threading.Event`: a signal may arrive while the main thread holds the lock of an event
    that it waits for, and would then wait for that lock for ever.
    """

    def __init__(self) -> None:
        self._asked = False
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)

    def ask(self, _number: int = 0, _frame: Any = None) -> None:
        """Ask the program to end; a signal handler."""
        if not self._asked:
            self._asked = True
            os.write(self._writer, b".")

    def wait(self, seconds: float) -> bool:
        """Rest so long, or until the program is asked to end; whether it is."""
        if not self._asked:
            select.select([self._reader], [], [], seconds)
        return self._asked

    def close(self) -> None:
        """Give the pipe back."""
        os.close(self._reader)
        os.close(self._writer)


@contextmanager
def stop_on_signal() -> Iterator[StopSignal]:
    """Catch the signals for the length of the block; in the main thread only."""
    stop = StopSignal()
    before = {number: signal.signal(number, stop.ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stop.close()
