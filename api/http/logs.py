"""Structured logs: one JSON line a request, with nothing in it that names a person, a key or a target."""

from __future__ import annotations

import logging
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, cast

import msgspec
import structlog

from privacy.errors import StoreError

if TYPE_CHECKING:
    from typing import BinaryIO

    from structlog.typing import EventDict


class RequestLog(Protocol):
    """What the edge tells about a request."""

    def answered(self, operation_id: str, status: int, seconds: float) -> None:
        """One request was answered."""

    def failed(self, operation_id: str, error: BaseException) -> None:
        """A defect showed, or a store is not there: the answer was a 5xx."""


class LineFile(Protocol):
    """What a log needs of a file: a binary file, or `api.http.patient_file.PatientFile`."""

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
