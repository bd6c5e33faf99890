"""Structured logs: one JSON line a request, with nothing in it that names a person, a key or a target."""

from __future__ import annotations

import atexit
import logging
import time
import traceback
from collections import deque
from datetime import UTC, datetime
from threading import Lock, Thread
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

import msgspec
import structlog

from privacy.errors import StoreError

if TYPE_CHECKING:
    from structlog.typing import EventDict

_MAX_LINES = 100_000


class BufferedLogFile:
    """Takes lines at once and writes them soon.

    Args:
        file: where they go. While it takes none, the latest lines are kept, up to a bound.
        every_seconds: how long a line waits at most.
    """

    def __init__(self, file: BinaryIO, every_seconds: float = 0.25) -> None:
        self._file = file
        self._every_seconds = every_seconds
        self._lines: deque[bytes] = deque(maxlen=_MAX_LINES)
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


class RequestLog(Protocol):
    """What the edge tells about a request."""

    def answered(self, operation_id: str, status: int, seconds: float) -> None:
        """One request was answered."""

    def failed(self, operation_id: str, error: BaseException) -> None:
        """A defect showed, or a store is not there: the answer was a 5xx."""


class LineFile(Protocol):
    """What a log needs of a file: a binary file, or `api.http.logs.BufferedLogFile`."""

    def write(self, line: bytes, /) -> object:
        """Take a line."""

    def flush(self) -> object:
        """See that it arrives."""


class JsonLog:
    """Writes lines of JSON.

    Args:
        file: where to, line by line.
        plane: written on every line.
    """

    def __init__(self, file: LineFile, plane: str) -> None:
        lazy = structlog.wrap_logger(
            structlog.BytesLogger(cast("BinaryIO", file)),  # of which it uses just these two methods
            processors=[_render],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        )
        self._logger = lazy.bind(plane=plane)

    def answered(self, operation_id: str, status: int, seconds: float) -> None:
        """Log the operation's name, never the path, query, key or body."""
        self._logger.info(
            "answered", operation=operation_id, status=status, milliseconds=round(seconds * 1000, 2)
        )

    def failed(self, operation_id: str, error: BaseException) -> None:
        """Log a failure's type and place; its words may quote input, so only a store's are told."""
        frames = traceback.extract_tb(error.__traceback__)
        self._logger.error(
            "failed",
            operation=operation_id,
            error=type(error).__qualname__,
            reason=str(error) if isinstance(error, StoreError) else None,
            frames=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-8:]],
        )


def _render(_logger: object, level: str, event: EventDict) -> bytes:
    # One step in place of structlog's three: this runs on every request.
    event.update(level=level, timestamp=datetime.now(UTC))
    return _ENCODE(event)


_ENCODE = msgspec.json.Encoder().encode
