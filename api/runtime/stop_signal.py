"""Turns SIGTERM and SIGINT into a state that a program polls, so that it finishes its step before it ends."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class StopSignal:
    """Records whether the program was asked to end.

    It is a pipe and not a `threading.Event`: a signal may arrive while the main thread holds the lock of an
    event that it waits for, and the handler would then wait for that lock forever.
    """

    def __init__(self) -> None:
        self._requested = False
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)

    def request(self, _number: int = 0, _frame: Any = None) -> None:
        """Asks the program to end; a signal handler."""
        if not self._requested:
            self._requested = True
            os.write(self._writer, b".")

    def wait(self, seconds: float) -> bool:
        """Rests for the given time or until the program is asked to end; returns whether it was asked."""
        if not self._requested:
            select.select([self._reader], [], [], seconds)
        return self._requested

    def close(self) -> None:
        """Closes the pipe."""
        os.close(self._reader)
        os.close(self._writer)


@contextmanager
def stop_on_signal() -> Iterator[StopSignal]:
    """Catches the signals for the duration of the block; in the main thread only."""
    stop = StopSignal()
    # A caller may have blocked them for itself, and what it starts inherits that.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
    before = {number: signal.signal(number, stop.request) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stop.close()
