"""Structured logs: one line of JSON per request, which names no person, key or target."""

from __future__ import annotations

import atexit
import signal
import time
import traceback
from collections import deque
from datetime import UTC, datetime
from io import RawIOBase
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import msgspec

from privacy.errors import StoreError

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

STDERR = 2
_MAX_LINES = 100_000
_MAX_LINES_AT_ONCE = 1_000
_MAX_FRAMES = 8
_ENCODE = msgspec.json.Encoder().encode


class BufferedLogFile:
    """Accepts lines without waiting for the file, and writes them a moment later.

    Args:
        file: the destination, without a buffer of its own: such a file says how much it has written. While it
            accepts nothing, the latest lines are kept, up to a bound.
        interval_seconds: the longest time that a line waits.
    """

    def __init__(self, file: RawIOBase | BinaryIO, interval_seconds: float = 0.25) -> None:
        self._file = file
        self._interval_seconds = interval_seconds
        self._lines: deque[bytes] = deque(maxlen=_MAX_LINES)
        self._unwritten = b""
        self._writing = Lock()
        Thread(target=self._write_repeatedly, daemon=True).start()
        atexit.register(self.drain)

    def write(self, line: bytes) -> int:
        """Buffer a line and return its length."""
        self._lines.append(line)
        return len(line)

    def drain(self) -> None:
        """Write all buffered lines; what the file does not take stays for the next time."""
        with self._writing:
            while self._unwritten or self._lines:
                if not self._unwritten:
                    self._unwritten = self._take_lines()
                try:
                    written = self._file.write(self._unwritten)
                    self._file.flush()
                except OSError:  # its reader has left, or its disk is full
                    return
                if not written:  # a pipe that is full and does not block
                    return
                self._unwritten = self._unwritten[written:]

    def _take_lines(self) -> bytes:
        """Take some lines; few enough that those which stay behind are bounded by the buffer."""
        return b"".join(self._lines.popleft() for _ in range(min(len(self._lines), _MAX_LINES_AT_ONCE)))

    def _write_repeatedly(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # it is for the threads that handle it
        while True:
            time.sleep(self._interval_seconds)  # so that many lines are one write
            self.drain()


class RequestLog(Protocol):
    """Logs what the HTTP edge did with a request."""

    def answered(self, operation_id: str, status: int, seconds: float) -> None:
        """Log that a request was answered."""

    def failed(self, operation_id: str, error: BaseException) -> None:
        """Log why a request was answered with a 5xx: a defect, or a store that does not respond."""


class JsonLog:
    """Writes one JSON object per line.

    Args:
        file: the destination; each line is written with one call.
        plane: name of the plane, repeated on every line.
    """

    def __init__(self, file: SupportsWrite[bytes], plane: str) -> None:
        self._file = file
        self._plane = plane

    def answered(self, operation_id: str, status: int, seconds: float) -> None:
        """Log the operation's name, never the path, query, key or body."""
        milliseconds = round(seconds * 1000, 2)
        self._write("info", "answered", operation=operation_id, status=status, milliseconds=milliseconds)

    def failed(self, operation_id: str, error: BaseException) -> None:
        """Log a failure's type and location, and a store's message; other messages may quote input."""
        frames = traceback.extract_tb(error.__traceback__)
        self._write(
            "error",
            "failed",
            operation=operation_id,
            error=type(error).__qualname__,
            reason=str(error) if isinstance(error, StoreError) else None,
            frames=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-_MAX_FRAMES:]],
        )

    def _write(self, level: str, event: str, **members: Any) -> None:
        line = {
            "plane": self._plane,
            **members,
            "event": event,
            "level": level,
            "timestamp": datetime.now(UTC),
        }
        self._file.write(_ENCODE(line) + b"\n")
