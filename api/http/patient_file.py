"""A file for log lines that keeps requests from waiting for it.

A write lets other threads run, and coming back can cost more than the request did. So lines are collected,
and written by a thread of their own a few times a second. A process that is killed loses the last of them.
"""

from __future__ import annotations

import atexit
import time
from collections import deque
from threading import Lock, Thread
from typing import BinaryIO

_MOST_LINES = 100_000


class PatientFile:
    """Takes lines at once and writes them soon.

    Args:
        file: where they go. While it takes none, the latest lines are kept, up to a bound.
        every_seconds: how long a line waits at most.
    """

    def __init__(self, file: BinaryIO, every_seconds: float = 0.25) -> None:
        self._file = file
        self._every_seconds = every_seconds
        self._lines: deque[bytes] = deque(maxlen=_MOST_LINES)
        self._writing = Lock()
        Thread(target=self._write_for_ever, daemon=True).start()
        atexit.register(self.drain)

    def write(self, line: bytes) -> int:
        """Take a line."""
        self._lines.append(line)
        return len(line)

    def flush(self) -> None:
        """Do nothing: every logger asks for this after every line."""

    def drain(self) -> None:
        """Write all lines that were taken so far."""
        with self._writing:
            lines = []
            while self._lines:
                lines.append(self._lines.popleft())
            if lines:
                self._file.write(b"".join(lines))
                self._file.flush()

    def _write_for_ever(self) -> None:
        while True:
            time.sleep(self._every_seconds)  # so that many lines are one write
            self.drain()
